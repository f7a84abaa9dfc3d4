// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/fs.h>

#include <cerrno>
#include <ctime>

#include "contained/fat/exfat_driver.h"
#include "contained/fat/session.h"
#include "contained/fat/slot.h"
#include "contained/fat/unicode.h"
#include "lib/base/defer.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

// Places in a listing: dots, then the entries.
constexpr std::uint64_t kAfterDot = 1;
constexpr std::uint64_t kAfterDots = 2;
constexpr std::size_t kMostRemembered = 65536;

timespec now() {
  timespec time = {};
  (void)::clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

bool is_directory(const FileInfo& info) {
  return (info.attributes & attribute::kDirectory) != 0;
}

}  // namespace

// Two directories in the same clusters would each overwrite what the other knows.
Outcome<void> ExfatDriver::check_alone(const ExfatNode& node) {
  const std::uint32_t cluster = node.chain.first();
  if (cluster == 0) return {};
  if (directories_.size() > kMostRemembered) directories_.clear();
  const auto [known, added] = directories_.emplace(cluster, node.id);
  if (added || known->second == node.id) return {};
  const ExfatNode* const other = nodes_.known(known->second);
  if (other != nullptr && other->directory && other->chain.first() == cluster) {
    log(LogLevel::kError, "two directories share their clusters; check the volume with fsck.exfat");
    return refuse(EUCLEAN);
  }
  known->second = node.id;
  return {};
}

Outcome<ExfatDirectory*> ExfatDriver::open(ExfatNode& node) {
  if (node.directory) return node.directory.get();
  if (node.deleted) return refuse(ENOENT);
  TRY(const FileInfo info, nodes_.info_of(node));
  if (!is_directory(info)) return refuse(ENOTDIR);
  TRY_VOID(check_alone(node));
  const bool root = node.id == ExfatNodes::kRoot;
  TRY(node.directory,
      ExfatDirectory::load(volume_, upcase_, node.chain,
                           root ? std::nullopt : std::optional<std::uint64_t>(info.size)));
  nodes_.read_directory(node.directory->name_count());
  return node.directory.get();
}

Outcome<ExfatDirectory*> ExfatDriver::open_for_change(ExfatNode& node) {
  TRY(ExfatDirectory* const directory, open(node));
  if (!directory->is_untouchable()) return directory;
  log(LogLevel::kWarning, "a directory has entries of an unknown kind; it is not changed");
  return refuse(EROFS);
}

Outcome<ExfatName> ExfatDriver::entry_in(ExfatDirectory& directory, std::string_view name) {
  const auto units = to_utf16(name);
  if (!units) return refuse(ENOENT);
  TRY(auto found, directory.find(*units));
  if (!found) return refuse(ENOENT);
  return *std::move(found);
}

Outcome<Attributes> ExfatDriver::lookup(NodeId parent, std::string_view name) {
  const Session session(volume_, nodes_);
  TRY(ExfatNode* const above, directory_node(parent));
  TRY(ExfatDirectory* const where, open(*above));
  TRY(const ExfatName entry, entry_in(*where, name));
  Attributes attributes = attributes_of(nodes_.hand_out(entry), entry.info);
  attributes.other_spelling = to_utf8(entry.name) != name;
  return attributes;
}

Outcome<void> ExfatDriver::list(NodeId directory, std::uint64_t cookie, DirectoryDetail detail,
                                EntrySink& sink) {
  const Session session(volume_, nodes_);
  TRY(ExfatNode* const node, directory_node(directory));
  if (node->deleted) return {};
  TRY(ExfatDirectory* const where, open(*node));
  TRY(const Attributes self, attributes_of(*node));
  if (cookie < kAfterDot && !sink.add(".", self, kAfterDot)) return {};
  Attributes parent = self;
  parent.node = parent.stat.st_ino = ExfatNodes::kRoot;
  if (cookie < kAfterDots && !sink.add("..", parent, kAfterDots)) return {};
  std::uint64_t index = cookie < kAfterDots ? 0 : cookie - kAfterDots;
  while (index < where->entry_count()) {
    TRY(const auto entry, where->next(static_cast<std::uint32_t>(index)));
    if (!entry) break;
    index = std::uint64_t{entry->index} + entry->count();
    const NodeId id = detail == DirectoryDetail::kNames ? nodes_.id_at(entry->position())
                                                        : nodes_.hand_out(*entry);
    const auto name = to_utf8(entry->name);
    if (!sink.add(name.value_or("_"), attributes_of(id, entry->info), index + kAfterDots)) break;
  }
  return {};
}

// The time of a change inside; not worth failing for.
void ExfatDriver::touch_directory(ExfatNode& node) {
  auto info = nodes_.info_of(node);
  if (!info) return;
  touch(*info);
  (void)nodes_.store(node, *info);
}

// A cluster of zeroes for a directory, which is in use by now.
Outcome<ClusterRun> ExfatDriver::reserve_directory() {
  TRY(const ClusterRun run, volume_.space().reserve(0, 1));
  auto done = volume_.write_directory_zeroes(run);
  ClusterChain chain = ClusterChain::contiguous({});
  if (done) done = volume_.append_all(chain, std::span(&run, 1));
  if (done) return run;
  volume_.space().cancel(run);
  return std::unexpected(done.error());
}

// One cluster more, behind the last if that is free.
Outcome<void> ExfatDriver::grow(ExfatNode& node) {
  const std::uint64_t cluster_size = volume_.geometry().cluster_size;
  TRY(ExfatDirectory* const directory, open_for_change(node));
  if (!directory->can_grow()) return refuse(ENOSPC);
  const bool root = node.id == ExfatNodes::kRoot;
  TRY(FileInfo info, nodes_.info_of(node));
  TRY(const std::uint64_t length, node.chain.length(volume_.table()));
  if (!root && info.size != length * cluster_size) return refuse(EUCLEAN);
  TRY_VOID(nodes_.prepare_change(node));
  TRY(const std::uint32_t last, node.chain.last(volume_.table()));
  TRY(const ClusterRun run, volume_.space().reserve(last == 0 ? 0 : last + 1, 1));
  Defer give_back([&] { volume_.space().cancel(run); });
  TRY_VOID(volume_.write_directory_zeroes(run));
  TRY_VOID(volume_.append_all(node.chain, std::span(&run, 1)));
  give_back.dismiss();
  if (root) {
    directory->grown(run, std::nullopt);
    return {};
  }
  info.first_cluster = node.chain.first();
  info.contiguous = !node.chain.is_linked();
  info.size += cluster_size;
  info.valid_size = info.size;
  directory->grown(run, nodes_.block_of(node));
  return nodes_.store(node, info);
}

Outcome<ExfatDirectory::Place> ExfatDriver::find_place(ExfatNode& parent, std::size_t count) {
  TRY(ExfatDirectory* const directory, open_for_change(parent));
  TRY(auto place, directory->find_place(count));
  if (place) return *place;
  TRY_VOID(grow(parent));
  TRY(place, directory->find_place(count));
  return place ? Outcome<ExfatDirectory::Place>(*place) : refuse(ENOSPC);
}

Outcome<Attributes> ExfatDriver::make_node(NodeId parent, std::string_view name,
                                           const NewNode& node) {
  const mode_t kind = node.mode & S_IFMT;
  if (kind != S_IFDIR && kind != S_IFREG && kind != 0) return refuse(EPERM);
  return with_commits(volume_, [&] { return make_entry(parent, name, kind == S_IFDIR); });
}

Outcome<Attributes> ExfatDriver::make_link(NodeId, std::string_view, std::string_view, Caller) {
  return refuse(EPERM);
}
Outcome<Attributes> ExfatDriver::link(NodeId, NodeId, std::string_view) {
  return refuse(EPERM);
}

Outcome<Attributes> ExfatDriver::make_entry(NodeId parent, std::string_view name,
                                            bool is_directory) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(ExfatNode* const above, directory_node(parent));
  TRY(ExfatDirectory* const where, open_for_change(*above));
  TRY(const std::u16string units, check_name(name, view_.rules));
  TRY(const auto existing, where->find(units));
  if (existing) return refuse(EEXIST);
  EntrySet set = EntrySet::make(units, upcase_);
  TRY(const ExfatDirectory::Place place, find_place(*above, set.count()));
  FileInfo info = {.made = to_zoned_time(now(), view_.zone)};
  if (is_directory) {
    TRY(const ClusterRun run, reserve_directory());
    info.attributes = attribute::kDirectory;
    info.first_cluster = run.start;
    info.contiguous = true;
    info.size = info.valid_size = volume_.geometry().cluster_size;
  }
  touch(info);
  set.set_info(info);
  TRY(const ExfatName added, where->add(place, set));
  const Attributes attributes = attributes_of(nodes_.hand_out(added), info);
  touch_directory(*above);
  return attributes;
}

// The name of a node is about to go: it keeps what its entries say, and its clusters until the
// kernel has dropped it. A directory nobody can use after that has no need of them.
void ExfatDriver::forget_node(ExfatNode& node, const FileInfo& info) {
  nodes_.deleted(node, info);
  if (!is_directory(info)) return;
  node.directory.reset();
  if (!release_chain(node, Volume::Content::kDirectory))
    log(LogLevel::kWarning, "the space of a directory could not be freed; fsck.exfat will find it");
}

Outcome<void> ExfatDriver::remove(NodeId parent, std::string_view name, bool is_directory) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(ExfatNode* const above, directory_node(parent));
  TRY(ExfatDirectory* const where, open_for_change(*above));
  TRY(const ExfatName entry, entry_in(*where, name));
  TRY(ExfatNode* const node, nodes_.find(nodes_.hand_out(entry)));
  if (fat::is_directory(entry.info) != is_directory) return refuse(is_directory ? ENOTDIR : EISDIR);
  if (is_directory) {
    TRY(const ExfatDirectory* const inner, open(*node));
    if (!inner->is_empty()) return refuse(ENOTEMPTY);
  }
  TRY_VOID(where->prepare_removal(entry));
  forget_node(*node, entry.info);
  TRY_VOID(where->remove(entry));
  touch_directory(*above);
  return {};
}

Outcome<void> ExfatDriver::unlink(NodeId parent, std::string_view name) {
  return with_commits(volume_, [&] { return remove(parent, name, /*is_directory=*/false); });
}
Outcome<void> ExfatDriver::remove_directory(NodeId parent, std::string_view name) {
  return with_commits(volume_, [&] { return remove(parent, name, /*is_directory=*/true); });
}

Outcome<void> ExfatDriver::check_replaceable(const ExfatName& name, const ExfatName& target) {
  if (is_directory(target.info) && !is_directory(name.info)) return refuse(EISDIR);
  if (!is_directory(target.info) && is_directory(name.info)) return refuse(ENOTDIR);
  if (!is_directory(target.info)) return {};
  TRY(ExfatNode* const node, nodes_.find(nodes_.hand_out(target)));
  TRY(const ExfatDirectory* const inner, open(*node));
  return inner->is_empty() ? Outcome<void>{} : refuse(ENOTEMPTY);
}

// The file takes over the entries of what had the name before, in one write.
Outcome<void> ExfatDriver::replace(ExfatDirectory& from, const ExfatName& name, ExfatNode& node,
                                   const ExfatName& target) {
  TRY_VOID(check_replaceable(name, target));
  TRY(ExfatNode* const old, nodes_.find(nodes_.hand_out(target)));
  const Geometry& geometry = volume_.geometry();
  TRY_VOID(nodes_.prepare_change(*old));
  TRY_VOID(volume_.require_order(geometry.block_of(name.position()),
                                 geometry.block_of(target.position())));
  TRY_VOID(from.prepare_removal(name));
  forget_node(*old, target.info);
  TRY_VOID(from.remove(name));
  nodes_.moved(node, target);
  return nodes_.store(node, name.info);
}

Outcome<void> ExfatDriver::move_to_new_name(ExfatDirectory& from, const ExfatName& name,
                                            ExfatNode& node, ExfatNode& new_parent,
                                            const std::u16string& new_name) {
  TRY(ExfatDirectory* const to, open_for_change(new_parent));
  TRY(EntrySet set, from.set_of(name));
  if (!set.rename(new_name, upcase_)) return refuse(ENAMETOOLONG);
  TRY(const ExfatDirectory::Place place, find_place(new_parent, set.count()));
  TRY_VOID(volume_.require_order(volume_.geometry().block_of(name.position()), place.block));
  TRY_VOID(from.prepare_removal(name));
  TRY_VOID(from.remove(name));
  TRY(const ExfatName added, to->add(place, set));
  nodes_.moved(node, added);
  return {};
}

Outcome<void> ExfatDriver::rename_once(NodeId parent, std::string_view name, NodeId new_parent,
                                       std::string_view new_name, unsigned flags) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(ExfatNode* const below, directory_node(parent));
  TRY(ExfatDirectory* const from, open_for_change(*below));
  TRY(const ExfatName entry, entry_in(*from, name));
  TRY(ExfatNode* const node, nodes_.find(nodes_.hand_out(entry)));
  TRY(ExfatNode* const above, directory_node(new_parent));
  TRY(ExfatDirectory* const to, open_for_change(*above));
  TRY(const std::u16string units, check_name(new_name, view_.rules));
  TRY(const auto target, to->find(units));
  const bool itself = target && target->position() == entry.position();
  if (itself && target->name == units) return {};
  if (target && !itself && (flags & RENAME_NOREPLACE) != 0) return refuse(EEXIST);
  if (target && !itself) {
    TRY_VOID(replace(*from, entry, *node, *target));
  } else {
    TRY_VOID(move_to_new_name(*from, entry, *node, *above, units));
  }
  touch_directory(*below);
  touch_directory(*above);
  return {};
}

Outcome<void> ExfatDriver::rename(NodeId parent, std::string_view name, NodeId new_parent,
                                  std::string_view new_name, unsigned flags) {
  if ((flags & ~unsigned{RENAME_NOREPLACE}) != 0) return refuse(EINVAL);
  return with_commits(volume_,
                      [&] { return rename_once(parent, name, new_parent, new_name, flags); });
}

}  // namespace airlock::fat
