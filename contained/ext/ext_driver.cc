// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/ext_driver.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "lib/base/log.h"

namespace airlock::ext {
namespace {

constexpr NodeId kRootNode = 1;
constexpr blksize_t kPreferredIo = 4096;
constexpr std::uint64_t kKeptForMaps = 4096;

timespec now() {
  timespec time = {};
  (void)::clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

}  // namespace

ExtDriver::ExtDriver(Volume& volume, const DriverOptions& options)
    : volume_(volume), options_(options), overhead_(volume.overhead_blocks()) {
  if (!volume_.has_journal())
    volume_.when_names_are_gone([this](auto numbers) { names_gone(numbers); });
}

ExtDriver::~ExtDriver() {
  volume_.when_names_are_gone({});
}

std::uint32_t ExtDriver::number_of(NodeId node) {
  if (node == kRootNode) return EXT2_ROOT_INO;
  return node > UINT32_MAX ? 0 : static_cast<std::uint32_t>(node);
}

NodeId ExtDriver::node_of(std::uint32_t number) {
  return number == EXT2_ROOT_INO ? kRootNode : number;
}

Outcome<Inode> ExtDriver::inode_of(NodeId node) {
  const std::uint32_t number = number_of(node);
  if (number != EXT2_ROOT_INO && number < EXT2_FIRST_INODE(&volume_.superblock()))
    return refuse(EUCLEAN);
  TRY(const Inode inode, volume_.inode(number));
  // A name that leads to a free inode is damage; an unlinked file has a mode still.
  if (inode.mode() == 0) return refuse(EUCLEAN);
  return inode;
}

Outcome<Inode> ExtDriver::changeable(NodeId node) {
  TRY_VOID(volume_.require_writable());
  TRY(const Inode inode, inode_of(node));
  if (inode.has_flag(EXT2_IMMUTABLE_FL | EXT2_APPEND_FL)) return refuse(EPERM);
  return inode;
}

Outcome<Inode> ExtDriver::directory_of(NodeId node) {
  TRY(const Inode inode, inode_of(node));
  if (!inode.is_directory()) return refuse(ENOTDIR);
  return inode;
}

Outcome<Inode> ExtDriver::changeable_directory(NodeId node) {
  TRY_VOID(volume_.require_writable());
  TRY(const Inode inode, directory_of(node));
  if (inode.has_flag(EXT2_IMMUTABLE_FL)) return refuse(EPERM);
  return inode;
}

Attributes ExtDriver::attributes_of(const Inode& inode) const {
  Attributes attributes = {.node = node_of(inode.number())};
  struct stat& stat = attributes.stat;
  const bool mine = options_.owners == MediaOwners::kUser;
  stat.st_ino = inode.number();
  stat.st_mode = inode.mode();
  stat.st_nlink = links_of(inode);
  stat.st_uid = mine ? options_.user : inode.user();
  stat.st_gid = mine ? options_.group : inode.group();
  stat.st_size = static_cast<off_t>(inode.size());
  stat.st_blocks = static_cast<blkcnt_t>(inode.sectors(volume_.block_size()));
  stat.st_blksize = kPreferredIo;
  if (S_ISCHR(stat.st_mode) || S_ISBLK(stat.st_mode)) stat.st_rdev = inode.device();
  stat.st_atim = inode.time(Inode::Time::kAccess);
  stat.st_mtim = inode.time(Inode::Time::kModify);
  stat.st_ctim = inode.time(Inode::Time::kChange);
  attributes.birth_time = inode.birth_time();
  return attributes;
}

void ExtDriver::touch(const Inode& inode, bool modified) const {
  const timespec time = now();
  inode.set_time(Inode::Time::kChange, time);
  if (modified) inode.set_time(Inode::Time::kModify, time);
}

// In a folder with EXT4_CASEFOLD_FL, and no other. Which folders have it can change.
FileSystem::Names ExtDriver::names() const {
  return volume_.directory_format().folding ? Names::kFolded : Names::kExact;
}

Outcome<Attributes> ExtDriver::attributes(NodeId node) {
  const Volume::Operation operation(volume_);
  TRY(const Inode inode, inode_of(node));
  return attributes_of(inode);
}

Outcome<struct statvfs> ExtDriver::statistics() {
  const Volume::Operation operation(volume_);
  const ext2_super_block& super = volume_.superblock();
  const auto total = ext2fs_blocks_count(const_cast<ext2_super_block*>(&super));
  const auto reserved = ext2fs_r_blocks_count(const_cast<ext2_super_block*>(&super));
  struct statvfs numbers = {};
  numbers.f_bsize = volume_.block_size();
  numbers.f_frsize = volume_.block_size();
  numbers.f_blocks = total - std::min<std::uint64_t>(total, overhead_);
  const UnlinkedFiles::Pending pending = volume_.unlinked().pending();
  numbers.f_bfree =
      std::min<std::uint64_t>(volume_.allocator().free_block_count() + pending.blocks, total);
  // Like the kernel, which keeps a little for extent trees on top of what is reserved for root.
  const std::uint64_t kept =
      volume_.has_extents() ? std::min<std::uint64_t>(total / 50, kKeptForMaps) : 0;
  numbers.f_bavail = numbers.f_bfree - std::min<std::uint64_t>(numbers.f_bfree, reserved + kept);
  numbers.f_files = super.s_inodes_count;
  numbers.f_ffree = volume_.allocator().free_inode_count() + pending.files;
  numbers.f_favail = numbers.f_ffree;
  numbers.f_namemax = kLongestName;
  return numbers;
}

void ExtDriver::drop_privileges(const Inode& inode) const {
  if (inode.is_directory()) return;
  mode_t mode = inode.mode() & ~static_cast<mode_t>(S_ISUID);
  // Set-group-id without group execution means mandatory locking, not privilege.
  if ((mode & S_IXGRP) != 0) mode &= ~static_cast<mode_t>(S_ISGID);
  inode.set_mode(mode);
}

Outcome<void> ExtDriver::change_owner(const Inode& inode, const AttributeChange& change) const {
  if (!change.user && !change.group) return {};
  if (options_.owners == MediaOwners::kUser) {
    // Everything is the user's; giving it to the user changes nothing, anything else cannot be.
    const bool same = change.user.value_or(options_.user) == options_.user &&
                      change.group.value_or(options_.group) == options_.group;
    return same ? Outcome<void>{} : refuse(EPERM);
  }
  if (change.user) inode.set_user(*change.user);
  if (change.group) inode.set_group(*change.group);
  drop_privileges(inode);
  return {};
}

Outcome<Attributes> ExtDriver::change_fields(NodeId node, const AttributeChange& change) {
  const Volume::Operation operation(volume_);
  TRY(const Inode inode, changeable(node));
  const auto mode = inode.mode();
  const auto user = inode.user();
  const auto group = inode.group();
  TRY_VOID(change_owner(inode, change));
  if (change.drop_privileges) drop_privileges(inode);
  if (change.mode) {
    inode.set_mode((inode.mode() & S_IFMT) | (*change.mode & 07777));
    if (auto adapted = adapt_acl_to_mode(inode); !adapted) {
      inode.set_mode(mode);
      inode.set_user(user);
      inode.set_group(group);
      return std::unexpected(adapted.error());
    }
  }
  const timespec time = now();
  if (change.access_now) inode.set_time(Inode::Time::kAccess, time);
  if (change.access_time) inode.set_time(Inode::Time::kAccess, *change.access_time);
  if (change.modify_now) inode.set_time(Inode::Time::kModify, time);
  if (change.modify_time) inode.set_time(Inode::Time::kModify, *change.modify_time);
  inode.set_time(Inode::Time::kChange, change.change_time.value_or(time));
  volume_.inode_changed(inode);
  return attributes_of(inode);
}

Outcome<Attributes> ExtDriver::change(NodeId node, const AttributeChange& change) {
  if (change.size) TRY_VOID(with_space([&] { return truncate(node, *change.size); }));
  auto changed = with_space([&] { return change_fields(node, change); });
  // Only the kernel itself sets that time: to what it kept for a file that was written.
  return change.change_time ? as_write_back(std::move(changed)) : changed;
}

Outcome<void> ExtDriver::sync(NodeId, SyncScope) {
  return volume_.commit();
}
Outcome<void> ExtDriver::sync_all() {
  return volume_.commit();
}

Outcome<std::uint64_t> ExtDriver::trim(std::uint64_t start, std::uint64_t length,
                                       std::uint64_t minimum) {
  TRY_VOID(volume_.require_writable());
  TRY_VOID(volume_.commit());  // what was freed before is free on the medium now
  const std::uint64_t size = volume_.block_size();
  const std::uint64_t end = start + std::min(length, ~std::uint64_t{0} - start);
  std::uint64_t trimmed = 0;
  for (std::uint32_t group = 0; group < volume_.group_count(); ++group) {
    // The lock is held while a group is discarded, so that nobody allocates from it meanwhile.
    const Volume::Operation operation(volume_);
    TRY(const auto ranges,
        volume_.allocator().free_ranges(group, std::max<std::uint64_t>(minimum / size, 1)));
    for (const BlockRange& range : ranges) {
      const std::uint64_t from = std::max(range.start * size, start);
      const std::uint64_t to = std::min(range.end() * size, end);
      if (from >= to) continue;
      TRY_VOID(volume_.io().discard(from, to - from));
      trimmed += to - from;
    }
  }
  return trimmed;
}

bool ExtDriver::forgotten(NodeId node) {
  if (!volume_.writable()) return false;
  const Volume::Operation operation(volume_);
  const auto inode = inode_of(node);
  return inode && links_of(*inode) == 0;
}

// Only what is known as deleted on the medium may lose a part of itself.
bool ExtDriver::shed_some(NodeId node) {
  const Volume::Operation operation(volume_);
  const auto inode = inode_of(node);
  if (!inode || !volume_.require_writable()) return false;
  const bool deleted = volume_.has_journal() ? inode->raw().i_links_count == 0
                                             : volume_.unlinked().has_no_name(inode->number());
  return deleted && shed(*inode).value_or(false);
}

void ExtDriver::gone(NodeId node) {
  // The freed blocks leave memory with the commit. A failure is said there.
  while (shed_some(node))
    if (!volume_.commit()) break;
  const Volume::Operation operation(volume_);
  const auto inode = inode_of(node);
  if (!inode) return;
  unnamed_.erase(inode->number());
  if (!volume_.has_journal()) {
    if (volume_.unlinked().let_go(inode->number())) give_up(*inode);
    return;
  }
  if (inode->raw().i_links_count != 0) return;
  if (!volume_.remove_orphan(*inode) || !delete_inode(*inode))
    log(LogLevel::kWarning, "inode {} could not be deleted; e2fsck will find it", inode->number());
}

Outcome<void> ExtDriver::unmounted() {
  forget_unlinked();
  if (!delete_orphans())
    log(LogLevel::kWarning, "unlinked files could not be deleted; e2fsck will find them");
  return volume_.close();
}

// Their names have to be gone first; giving them up is for the last commit.
void ExtDriver::forget_unlinked() {
  {
    const Volume::Operation operation(volume_);
    if (volume_.unlinked().empty()) return;
    volume_.unlinked().let_all_go();
    for (const std::uint32_t number : volume_.unlinked().names_gone_before())
      if (const auto inode = volume_.inode(number)) give_up(*inode);
  }
  (void)volume_.commit();  // a failure is said there, and by the last commit
}

Outcome<void> ExtDriver::delete_orphans() {
  if (!volume_.writable()) return {};
  const std::uint32_t most = volume_.superblock().s_inodes_count;
  for (std::uint32_t count = 0; volume_.first_orphan() != 0 && count < most; ++count) {
    while (shed_some(node_of(volume_.first_orphan()))) TRY_VOID(volume_.commit());
    const Volume::Operation operation(volume_);
    // The root and the journal are nobody's to delete, whatever the medium says.
    if (volume_.first_orphan() < EXT2_FIRST_INODE(&volume_.superblock())) return refuse(EUCLEAN);
    TRY(const Inode inode, volume_.inode(volume_.first_orphan()));
    TRY_VOID(volume_.remove_orphan(inode));
    inode.raw().i_dtime = 0;
    if (inode.raw().i_links_count == 0) {
      TRY_VOID(delete_inode(inode));
    } else {
      // A truncation that an earlier mount did not finish.
      if (inode.is_file()) TRY_VOID(shrink(inode, inode.size()));
      volume_.inode_changed(inode);
    }
  }
  return {};
}

}  // namespace airlock::ext
