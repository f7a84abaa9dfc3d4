// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/fs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "contained/ext/ext_driver.h"
#include "contained/ext/open_directory.h"
#include "lib/base/defer.h"
#include "lib/base/log.h"

// Names and what they lead to. Every operation is one Volume::Operation, so it is on the medium as
// a whole or not at all; what can fail for want of space is done before what cannot be undone.
namespace airlock::ext {
namespace {

constexpr std::uint16_t kMostLinks = 65000;
constexpr std::size_t kShortTarget = 60;

std::uint8_t type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return EXT2_FT_REG_FILE;
    case S_IFDIR:
      return EXT2_FT_DIR;
    case S_IFCHR:
      return EXT2_FT_CHRDEV;
    case S_IFBLK:
      return EXT2_FT_BLKDEV;
    case S_IFIFO:
      return EXT2_FT_FIFO;
    case S_IFSOCK:
      return EXT2_FT_SOCK;
    case S_IFLNK:
      return EXT2_FT_SYMLINK;
    default:
      return EXT2_FT_UNKNOWN;
  }
}

mode_t mode_of(std::uint8_t type) {
  switch (type) {
    case EXT2_FT_REG_FILE:
      return S_IFREG;
    case EXT2_FT_DIR:
      return S_IFDIR;
    case EXT2_FT_CHRDEV:
      return S_IFCHR;
    case EXT2_FT_BLKDEV:
      return S_IFBLK;
    case EXT2_FT_FIFO:
      return S_IFIFO;
    case EXT2_FT_SOCK:
      return S_IFSOCK;
    case EXT2_FT_SYMLINK:
      return S_IFLNK;
    default:
      return 0;
  }
}

}  // namespace

Entry entry_to(const Inode& inode) {
  return {.inode = inode.number(), .type = type_of(inode.mode())};
}

Outcome<Entry> ExtDriver::find_entry(const Inode& directory, std::string_view name,
                                     Volume::Operation* pausing) {
  if (name.size() > kLongestName) return refuse(ENAMETOOLONG);
  if (directory.has_flag(EXT4_INLINE_DATA_FL)) return find_inline_entry(directory, name);
  OpenDirectory open(volume_, directory, pausing);
  return open.names.lookup(name);
}

Outcome<void> ExtDriver::add_entry(const Inode& directory, std::string_view name, Entry entry) {
  if (name.size() > kLongestName) return refuse(ENAMETOOLONG);
  const NameFolding* folding =
      volume_.directory_format().folding_in(directory.has_flag(EXT4_CASEFOLD_FL));
  if (folding != nullptr && !folding->accepts(name)) return refuse(EINVAL);
  if (directory.has_flag(EXT4_INLINE_DATA_FL)) TRY_VOID(unfold_directory(directory));
  OpenDirectory open(volume_, directory);
  TRY_VOID(open.names.insert(name, entry));
  volume_.note_new_name();
  touch(directory, /*modified=*/true);
  volume_.inode_changed(directory);
  return {};
}

Outcome<void> ExtDriver::remove_entry(const Inode& directory, std::string_view name) {
  if (directory.has_flag(EXT4_INLINE_DATA_FL)) TRY_VOID(unfold_directory(directory));
  TRY_VOID(before_removal(directory));
  OpenDirectory open(volume_, directory);
  TRY_VOID(open.names.remove(name));
  touch(directory, /*modified=*/true);
  volume_.inode_changed(directory);
  return {};
}

Outcome<void> ExtDriver::replace_entry(const Inode& directory, std::string_view name, Entry entry) {
  TRY_VOID(repoint_entry(directory, name, entry));
  touch(directory, /*modified=*/true);
  volume_.inode_changed(directory);
  return {};
}

Outcome<void> ExtDriver::repoint_entry(const Inode& directory, std::string_view name, Entry entry) {
  if (directory.has_flag(EXT4_INLINE_DATA_FL)) TRY_VOID(unfold_directory(directory));
  TRY_VOID(before_removal(directory));
  OpenDirectory open(volume_, directory);
  volume_.note_new_name();
  return open.names.replace(name, entry);
}

// So that changing its names later cannot fail for want of space.
Outcome<void> ExtDriver::leave_inline(const Inode& directory) {
  return directory.has_flag(EXT4_INLINE_DATA_FL) ? unfold_directory(directory) : Outcome<void>{};
}

Outcome<bool> ExtDriver::is_empty(const Inode& directory, Volume::Operation* pausing) {
  if (directory.has_flag(EXT4_INLINE_DATA_FL)) return is_inline_empty(directory);
  OpenDirectory open(volume_, directory, pausing);
  return open.names.empty();
}

Outcome<void> ExtDriver::require_absent(const Inode& directory, std::string_view name) {
  const auto found = find_entry(directory, name);
  if (found) return refuse(EEXIST);
  if (found.error().value == ENOENT) return {};
  return std::unexpected(found.error());
}

Outcome<Attributes> ExtDriver::lookup(NodeId parent, std::string_view name) {
  Volume::Operation operation(volume_);
  TRY(const Inode directory, directory_of(parent));
  TRY(const Entry entry, find_entry(directory, name, &operation));
  TRY(const Inode inode, inode_of(node_of(entry.inode)));
  if (links_of(inode) == 0) {
    log(LogLevel::kError, "an entry of directory inode {} leads to the deleted inode {}",
        directory.number(), entry.inode);
    return refuse(EUCLEAN);
  }
  Attributes attributes = attributes_of(inode);
  attributes.other_spelling = entry.other_spelling;
  return attributes;
}

Outcome<void> ExtDriver::list(NodeId directory, std::uint64_t cookie, DirectoryDetail detail,
                              EntrySink& sink) {
  Volume::Operation operation(volume_);
  TRY(const Inode inode, directory_of(directory));
  const auto visit = [&](const ListedEntry& entry) {
    Attributes attributes = {.node = node_of(entry.inode)};
    attributes.stat.st_ino = entry.inode;
    attributes.stat.st_mode = mode_of(entry.type);
    if (detail == DirectoryDetail::kAttributes && entry.name != "." && entry.name != "..") {
      const auto target = inode_of(attributes.node);
      // A broken inode must not hide its neighbours: its name is listed, looking at it fails.
      attributes = target && links_of(*target) != 0 ? attributes_of(*target)
                                                    : Attributes{.stat = attributes.stat};
    }
    return sink.add(entry.name, attributes, entry.next);
  };
  if (inode.has_flag(EXT4_INLINE_DATA_FL)) return list_inline(inode, cookie, visit);
  OpenDirectory open(volume_, inode, &operation);
  return open.names.list(cookie, visit);
}

Outcome<std::string> ExtDriver::read_link(NodeId node) {
  const Volume::Operation operation(volume_);
  TRY(const Inode inode, inode_of(node));
  if (!inode.is_link()) return refuse(EINVAL);
  const std::uint64_t size = inode.size();
  if (size == 0 || size >= volume_.block_size() || size >= PATH_MAX) return refuse(EUCLEAN);
  std::string target;
  if (inode.has_flag(EXT4_INLINE_DATA_FL)) {
    TRY(const auto content, inline_content(inode));
    target.assign(reinterpret_cast<const char*>(content.data()), content.size());
  } else if (size < kShortTarget) {
    target.assign(reinterpret_cast<const char*>(inode.root().data()), size);
  } else {
    InodeBlocks blocks(volume_, inode);
    TRY(const Run run, blocks.map().find(0, 1));
    if (run.state != RunState::kWritten) return refuse(EUCLEAN);
    TRY(const auto bytes, volume_.cache().read(run.physical));
    target.assign(reinterpret_cast<const char*>(bytes.data()), size);
  }
  if (target.find('\0') != std::string::npos) return refuse(EUCLEAN);
  return target;
}

// A new inode without a name. For a directory "." and ".." are in it already.
Outcome<Inode> ExtDriver::add_inode(const Inode& parent, const NewNode& node) {
  const bool directory = S_ISDIR(node.mode);
  TRY(const std::uint32_t number,
      volume_.allocator().allocate_inode(
          volume_.group_of_inode(parent.number()),
          directory ? Allocator::Kind::kDirectory : Allocator::Kind::kFile));
  auto fresh = volume_.fresh_inode(number);
  if (!fresh) {
    (void)volume_.allocator().free_inode(
        number, directory ? Allocator::Kind::kDirectory : Allocator::Kind::kFile);
    return fresh;
  }
  const Inode& inode = *fresh;
  const bool mine = options_.owners == MediaOwners::kUser;
  const bool takes_group = (parent.mode() & S_ISGID) != 0;
  inode.set_user(mine ? parent.user() : node.caller.user);
  inode.set_group(mine || takes_group ? parent.group() : node.caller.group);
  mode_t mode = node.mode;
  if (directory && takes_group) mode |= S_ISGID;
  inode.set_mode(mode);
  inode.raw().i_links_count = directory ? 2 : 1;
  constexpr std::uint32_t kFoldersOnly = EXT2_DIRSYNC_FL | EXT4_CASEFOLD_FL;
  inode.raw().i_flags = parent.raw().i_flags & (EXT2_NODUMP_FL | EXT2_NOATIME_FL | EXT2_SYNC_FL |
                                                (directory ? kFoldersOnly : 0u));
  touch(inode, /*modified=*/true);
  inode.set_time(Inode::Time::kAccess, inode.time(Inode::Time::kModify));
  inode.set_birth_time(inode.time(Inode::Time::kModify));
  const bool mapped = S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode);
  if (mapped && volume_.has_extents()) {
    inode.raw().i_flags |= EXT4_EXTENTS_FL;
    ExtentMap::initialize(inode.root());
  }
  Defer undo([&] { (void)undo_inode(inode); });
  TRY_VOID(inherit_acl(parent, inode, mode, node.umask));
  if (directory) {
    OpenDirectory open(volume_, inode);
    TRY_VOID(open.names.initialize(parent.number()));
  }
  if (S_ISCHR(mode) || S_ISBLK(mode)) inode.set_device(node.device);
  volume_.inode_changed(inode);
  undo.dismiss();
  return inode;
}

Outcome<void> ExtDriver::undo_inode(const Inode& inode) {
  inode.raw().i_links_count = 0;
  return delete_inode(inode);
}

Outcome<Attributes> ExtDriver::make_node(NodeId parent, std::string_view name,
                                         const NewNode& node) {
  return with_space([&] { return make_node_once(parent, name, node); });
}

Outcome<Attributes> ExtDriver::make_node_once(NodeId parent, std::string_view name,
                                              const NewNode& node) {
  const Volume::Operation operation(volume_);
  TRY(const Inode directory, changeable_directory(parent));
  TRY_VOID(require_absent(directory, name));
  const bool is_directory = S_ISDIR(node.mode);
  const bool counted =
      (volume_.superblock().s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_DIR_NLINK) == 0;
  if (is_directory && counted && directory.raw().i_links_count >= kMostLinks) return refuse(EMLINK);
  TRY(const Inode inode, add_inode(directory, node));
  if (auto added = add_entry(directory, name, entry_to(inode)); !added) {
    (void)undo_inode(inode);
    return std::unexpected(added.error());
  }
  if (is_directory) {
    add_subdirectory(directory);
    TRY_VOID(name_arrived(directory, name, inode));
  }
  return attributes_of(inode);
}

Outcome<Attributes> ExtDriver::make_link(NodeId parent, std::string_view name,
                                         std::string_view target, Caller caller) {
  return with_space([&] { return make_link_once(parent, name, target, caller); });
}

Outcome<Attributes> ExtDriver::make_link_once(NodeId parent, std::string_view name,
                                              std::string_view target, Caller caller) {
  const Volume::Operation operation(volume_);
  if (target.size() >= volume_.block_size() || target.size() >= PATH_MAX)
    return refuse(ENAMETOOLONG);
  TRY(const Inode directory, changeable_directory(parent));
  TRY_VOID(require_absent(directory, name));
  const NewNode node = {.mode = S_IFLNK | 0777, .umask = 0, .device = 0, .caller = caller};
  TRY(const Inode inode, add_inode(directory, node));
  auto done = write_target(inode, target);
  if (done) done = add_entry(directory, name, entry_to(inode));
  if (!done) {
    (void)undo_inode(inode);
    return std::unexpected(done.error());
  }
  return attributes_of(inode);
}

Outcome<void> ExtDriver::write_target(const Inode& inode, std::string_view target) {
  if (target.size() < kShortTarget) {
    inode.raw().i_flags &= ~std::uint32_t{EXT4_EXTENTS_FL};
    std::memset(inode.root().data(), 0, inode.root().size());
    std::memcpy(inode.root().data(), target.data(), target.size());
  } else {
    InodeBlocks blocks(volume_, inode);
    TRY(const BlockRange range, volume_.allocator().reserve_blocks(blocks.goal(), 1));
    TRY_VOID(blocks.adopt(
        {.logical = 0, .physical = range.start, .count = 1, .state = RunState::kWritten}));
    TRY(const auto bytes, volume_.cache().fresh(range.start));
    std::memcpy(bytes.data(), target.data(), target.size());
  }
  inode.set_size(target.size());
  volume_.inode_changed(inode);
  return {};
}

// A directory with more subdirectories than the field can count says 1.
void ExtDriver::add_subdirectory(const Inode& parent) const {
  auto& links = parent.raw().i_links_count;
  if (links == 1) return;
  links = links + 1 > kMostLinks ? std::uint16_t{1} : static_cast<std::uint16_t>(links + 1);
  volume_.inode_changed(parent);
}

void ExtDriver::remove_subdirectory(const Inode& parent) const {
  auto& links = parent.raw().i_links_count;
  if (links > 2) --links;
  volume_.inode_changed(parent);
}

Outcome<Attributes> ExtDriver::link(NodeId node, NodeId parent, std::string_view name) {
  return with_space([&]() -> Outcome<Attributes> {
    const Volume::Operation operation(volume_);
    TRY(const Inode directory, changeable_directory(parent));
    TRY(const Inode inode, changeable(node));
    if (inode.is_directory()) return refuse(EPERM);
    if (inode.raw().i_links_count >= kMostLinks) return refuse(EMLINK);
    const bool unnamed = unnamed_.contains(inode.number());
    if (links_of(inode) == 0 && !unnamed) return refuse(ENOENT);
    TRY_VOID(require_absent(directory, name));
    if (unnamed) {
      TRY_VOID(link_unnamed(directory, name, inode));
      return attributes_of(inode);
    }
    TRY_VOID(add_entry(directory, name, entry_to(inode)));
    ++inode.raw().i_links_count;
    touch(inode, /*modified=*/false);
    volume_.inode_changed(inode);
    TRY_VOID(name_arrived(directory, name, inode));
    return attributes_of(inode);
  });
}

// A file without a name: deleted at the next mount, unless it gets one before.
Outcome<Attributes> ExtDriver::make_unnamed(NodeId parent, const NewNode& node) {
  return with_space([&]() -> Outcome<Attributes> {
    const Volume::Operation operation(volume_);
    TRY(const Inode directory, changeable_directory(parent));
    TRY(const Inode inode, add_inode(directory, node));
    inode.raw().i_links_count = 0;
    if (volume_.has_journal()) {
      TRY_VOID(volume_.add_orphan(inode));
    } else {
      inode.raw().i_dtime = static_cast<std::uint32_t>(std::time(nullptr));
      volume_.inode_changed(inode);
      volume_.unlinked().add_unnamed(inode.number());
    }
    unnamed_.insert(inode.number());
    return attributes_of(inode);
  });
}

// Gives it its first name, as if it had just been made with it.
Outcome<void> ExtDriver::link_unnamed(const Inode& directory, std::string_view name,
                                      const Inode& inode) {
  TRY_VOID(add_entry(directory, name, entry_to(inode)));
  if (volume_.has_journal()) {
    TRY_VOID(volume_.remove_orphan(inode));
  } else {
    volume_.unlinked().forget(inode.number());
  }
  unnamed_.erase(inode.number());
  inode.raw().i_dtime = 0;
  inode.raw().i_links_count = 1;
  touch(inode, /*modified=*/false);
  volume_.inode_changed(inode);
  return {};
}

// One name less. The last one makes it an orphan: the kernel may hold it open still.
Outcome<void> ExtDriver::drop_link(const Inode& inode) {
  auto& links = inode.raw().i_links_count;
  const bool was_last = inode.is_directory() || links <= 1;
  // On the medium it keeps its link until the name is gone from there, unless both go at once.
  if (!was_last || volume_.has_journal())
    links = was_last ? std::uint16_t{0} : static_cast<std::uint16_t>(links - 1);
  touch(inode, /*modified=*/false);
  volume_.inode_changed(inode);
  if (!was_last) return {};
  if (volume_.has_journal()) return volume_.add_orphan(inode);
  forget_later(inode);
  return {};
}

Outcome<void> ExtDriver::delete_inode(const Inode& inode) {
  const bool has_map =
      inode.is_file() || inode.is_directory() || (inode.is_link() && inode.size() >= kShortTarget);
  const auto kind = inode.is_directory() ? Allocator::Kind::kDirectory : Allocator::Kind::kFile;
  Outcome<void> released;
  if (has_map && !inode.has_flag(EXT4_INLINE_DATA_FL)) {
    InodeBlocks blocks(volume_, inode);
    released = blocks.map().remove(0, ~std::uint32_t{0});
  }
  if (released) released = release_attribute_block(inode);
  inode.raw().i_dtime = static_cast<std::uint32_t>(std::time(nullptr));
  inode.set_size(0);
  volume_.inode_changed(inode);
  if (!released) return released;  // its blocks stay in use: e2fsck sorts it out, nothing is lost
  inode.set_mode(0);
  volume_.inode_changed(inode);
  return volume_.allocator().free_inode(inode.number(), kind);
}

// What a name to be taken away leads to. Without links left it is an orphan already.
Outcome<Inode> ExtDriver::named_inode(const Inode& directory, const Entry& entry) {
  if (directory.has_flag(EXT2_APPEND_FL)) return refuse(EPERM);  // names only ever come to it
  TRY(const Inode inode, changeable(node_of(entry.inode)));
  if (links_of(inode) == 0) return refuse(EUCLEAN);
  return inode;
}

Outcome<void> ExtDriver::unlink(NodeId parent, std::string_view name) {
  return with_space([&]() -> Outcome<void> {
    const Volume::Operation operation(volume_);
    TRY(const Inode directory, changeable_directory(parent));
    TRY(const Entry entry, find_entry(directory, name));
    TRY(const Inode inode, named_inode(directory, entry));
    if (inode.is_directory()) return refuse(EISDIR);
    const bool moved = volume_.name_order().has_new_name(inode.number());
    TRY_VOID(moved ? remove_last(directory, name) : remove_entry(directory, name));
    return drop_link(inode);
  });
}

Outcome<void> ExtDriver::remove_directory(NodeId parent, std::string_view name) {
  return with_space([&] { return remove_directory_once(parent, name); });
}

// One that was large is as large when it is empty, and it takes a while to see that it is. The
// kernel lets nobody put a name into it meanwhile.
Outcome<void> ExtDriver::remove_directory_once(NodeId parent, std::string_view name) {
  Volume::Operation operation(volume_);
  for (bool known_empty = false;; known_empty = true) {
    TRY(const Inode directory, changeable_directory(parent));
    TRY(const Entry entry, find_entry(directory, name));
    TRY(const Inode inode, named_inode(directory, entry));
    if (!inode.is_directory()) return refuse(ENOTDIR);
    if (!known_empty) {
      TRY(const bool empty, is_empty(inode, &operation));
      if (!empty) return refuse(ENOTEMPTY);
      if (operation.pauses() > 0) continue;
    }
    TRY_VOID(remove_last(directory, name));
    remove_subdirectory(directory);
    return drop_link(inode);
  }
}

Outcome<void> ExtDriver::move_parent(const Inode& directory, const Inode& from, const Inode& to) {
  // Where a directory hangs is not its content: its times stay.
  TRY_VOID(repoint_entry(directory, "..", entry_to(to)));
  remove_subdirectory(from);
  add_subdirectory(to);
  return {};
}

Outcome<void> ExtDriver::displace(const Inode& moved, const Inode& displaced) {
  if (displaced.is_directory() != moved.is_directory())
    return refuse(displaced.is_directory() ? EISDIR : ENOTDIR);
  if (!displaced.is_directory()) return {};
  TRY(const bool empty, is_empty(displaced));
  return empty ? Outcome<void>{} : refuse(ENOTEMPTY);
}

Outcome<void> ExtDriver::exchange(const Inode& old_parent, std::string_view name,
                                  const Inode& new_parent, std::string_view new_name,
                                  const Inode& a, const Inode& b) {
  const bool crosses = old_parent.number() != new_parent.number();
  for (const Inode& inode : {a, b})
    if (crosses && inode.is_directory()) TRY_VOID(leave_inline(inode));
  TRY_VOID(exchange_names(old_parent, name, new_parent, new_name, a, b));
  for (const Inode& inode : {a, b}) {
    touch(inode, /*modified=*/false);
    volume_.inode_changed(inode);
  }
  if (!crosses) return {};
  if (a.is_directory()) TRY_VOID(move_parent(a, old_parent, new_parent));
  if (b.is_directory()) TRY_VOID(move_parent(b, new_parent, old_parent));
  return {};
}

Outcome<void> ExtDriver::rename(NodeId parent, std::string_view name, NodeId new_parent,
                                std::string_view new_name, unsigned flags) {
  if ((flags & ~unsigned{RENAME_NOREPLACE | RENAME_EXCHANGE}) != 0) return refuse(EINVAL);
  return with_space(
      [&] { return rename_once(parent, name, new_parent, new_name, flags, std::nullopt); });
}

Outcome<void> ExtDriver::rename_leaving_whiteout(NodeId parent, std::string_view name,
                                                 NodeId new_parent, std::string_view new_name,
                                                 unsigned flags, Caller caller) {
  if ((flags & ~unsigned{RENAME_NOREPLACE}) != 0) return refuse(EINVAL);
  return with_space([&] { return rename_once(parent, name, new_parent, new_name, flags, caller); });
}

// The new name exists already and leads to something else.
Outcome<void> ExtDriver::rename_over(const Inode& to, std::string_view new_name, const Entry& found,
                                     const Inode& moved) {
  TRY(const Inode displaced, named_inode(to, found));
  TRY_VOID(displace(moved, displaced));
  TRY_VOID(before_replacing(displaced));
  TRY_VOID(replace_entry(to, new_name, entry_to(moved)));
  if (displaced.is_directory()) remove_subdirectory(to);
  return drop_link(displaced);
}

Outcome<void> ExtDriver::rename_once(NodeId parent, std::string_view name, NodeId new_parent,
                                     std::string_view new_name, unsigned flags, Whiteout wanted) {
  const Volume::Operation operation(volume_);
  TRY(const Inode from, changeable_directory(parent));
  TRY(const Inode to, changeable_directory(new_parent));
  TRY(const Entry entry, find_entry(from, name));
  TRY(const Inode moved, named_inode(from, entry));
  const auto found = find_entry(to, new_name);
  if (!found && found.error().value != ENOENT) return std::unexpected(found.error());
  TRY_VOID(leave_inline(from));
  TRY_VOID(leave_inline(to));
  if ((flags & RENAME_EXCHANGE) != 0) {
    if (!found) return std::unexpected(found.error());
    TRY(const Inode other, named_inode(to, *found));
    return exchange(from, name, to, new_name, moved, other);
  }
  if (found && (flags & RENAME_NOREPLACE) != 0) return refuse(EEXIST);
  const bool crosses = from.number() != to.number();
  if (moved.is_directory() && crosses) TRY_VOID(leave_inline(moved));
  if (found && found->inode == moved.number()) return {};  // two names of one file: nothing to do
  if (!found && moved.is_directory() && crosses && to.raw().i_links_count >= kMostLinks &&
      (volume_.superblock().s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_DIR_NLINK) == 0)
    return refuse(EMLINK);
  std::optional<Inode> whiteout;
  if (wanted) {
    TRY(whiteout, add_inode(from, {.mode = S_IFCHR, .caller = *wanted}));
  }
  Defer undo([&] {
    if (whiteout) (void)undo_inode(*whiteout);
  });
  TRY_VOID(found ? rename_over(to, new_name, *found, moved)
                 : add_entry(to, new_name, entry_to(moved)));
  undo.dismiss();
  const Instead instead = whiteout ? Instead(entry_to(*whiteout)) : std::nullopt;
  TRY_VOID(leave_old_name(from, name, to, new_name, moved, instead));
  if (moved.is_directory() && crosses) TRY_VOID(move_parent(moved, from, to));
  touch(moved, /*modified=*/false);
  volume_.inode_changed(moved);
  return {};
}

}  // namespace airlock::ext
