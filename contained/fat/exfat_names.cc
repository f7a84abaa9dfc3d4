// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/fs.h>

#include <cerrno>

#include "contained/fat/exfat_driver.h"
#include "contained/fat/session.h"
#include "contained/fat/unicode.h"
#include "lib/base/defer.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

constexpr std::size_t kMostRemembered = 65536;

}  // namespace

// Two directories in the same clusters would overwrite each other's changes.
Outcome<void> ExfatDriver::check_alone(const Node& node) {
  const std::uint32_t cluster = node.chain.first();
  if (cluster == 0) return {};
  if (directories_.size() > kMostRemembered) directories_.clear();
  const auto [known, added] = directories_.emplace(cluster, node.id);
  if (added || known->second == node.id) return {};
  const Node* const other = nodes_.known(known->second);
  if (other != nullptr && other->directory && other->chain.first() == cluster) {
    log(LogLevel::kError, "two directories share their clusters; check the volume with fsck.exfat");
    return refuse(EUCLEAN);
  }
  known->second = node.id;
  return {};
}

Outcome<ExfatDirectory*> ExfatDriver::open(Node& node) {
  if (node.directory) return static_cast<ExfatDirectory*>(node.directory.get());
  if (node.deleted) return refuse(ENOENT);
  TRY(const FileInfo info, nodes_.info_of(node));
  if (!info.is_directory()) return refuse(ENOTDIR);
  TRY_VOID(check_alone(node));
  const bool root = node.id == Nodes::kRoot;
  if (!node.unread) {
    TRY(node.unread,
        ExfatDirectory::begin(volume_, upcase_, node.chain,
                              root ? std::nullopt : std::optional<std::uint64_t>(info.size)));
  }
  auto* const directory = static_cast<ExfatDirectory*>(node.unread.get());
  const auto all = directory->read_some(Records::kMostAtOnce);
  if (!all) node.unread.reset();
  if (!all) return std::unexpected(all.error());
  if (!*all) return refuse(kAnotherTurn);
  nodes_.read_directory(node);
  return directory;
}

Outcome<ExfatDirectory*> ExfatDriver::open_for_change(Node& node) {
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

Outcome<ExfatDriver::Listed> ExfatDriver::find_in(Node& directory, std::string_view name) {
  TRY(ExfatDirectory* const where, open(directory));
  TRY(const ExfatName entry, entry_in(*where, name));
  const NodeId id = nodes_.hand_out(entry);
  if (entry.info.is_directory()) {
    TRY(Node* const node, nodes_.find(id));
    node->parent = directory.id;
  }
  return Listed{.name = entry.name, .info = entry.info, .id = id};
}

Outcome<std::optional<ExfatDriver::Listed>> ExfatDriver::next_in(Node& directory,
                                                                 std::uint64_t from,
                                                                 DirectoryDetail detail) {
  TRY(ExfatDirectory* const where, open(directory));
  if (from >= where->capacity()) return std::nullopt;
  TRY(const auto entry, where->next(static_cast<std::uint32_t>(from)));
  if (!entry) return std::nullopt;
  const NodeId id =
      detail == DirectoryDetail::kNames ? nodes_.id_at(entry->position()) : nodes_.hand_out(*entry);
  return Listed{.name = entry->name,
                .info = entry->info,
                .id = id,
                .next = std::uint64_t{entry->index} + entry->count()};
}

Outcome<bool> ExfatDriver::is_empty(Node& directory) {
  TRY(const ExfatDirectory* const where, open(directory));
  return where->is_empty();
}

// A cluster of zeroes for a directory, marked as in use.
Outcome<ClusterRun> ExfatDriver::reserve_directory() {
  TRY(const ClusterRun run, volume_.space().reserve(0, 1));
  auto done = volume_.write_directory_zeroes(run);
  ClusterChain chain = volume_.empty_chain();
  if (done) done = volume_.append(chain, std::span(&run, 1));
  if (done) return run;
  volume_.space().cancel(run);
  return std::unexpected(done.error());
}

// Adds one cluster, directly behind the last if that one is free.
Outcome<void> ExfatDriver::grow(Node& node) {
  const std::uint64_t cluster_size = volume_.geometry().cluster_size;
  TRY(ExfatDirectory* const directory, open_for_change(node));
  if (!directory->can_grow()) return refuse(ENOSPC);
  const bool root = node.id == Nodes::kRoot;
  TRY(FileInfo info, nodes_.info_of(node));
  TRY(const std::uint64_t length, node.chain.length(volume_.table()));
  if (!root && info.size != length * cluster_size) return refuse(EUCLEAN);
  TRY_VOID(nodes_.prepare_change(node));
  TRY(const std::uint32_t last, node.chain.last(volume_.table()));
  TRY(const ClusterRun run, volume_.space().reserve(last == 0 ? 0 : last + 1, 1));
  Defer give_back([&] { volume_.space().cancel(run); });
  TRY_VOID(volume_.write_directory_zeroes(run));
  TRY_VOID(volume_.append(node.chain, std::span(&run, 1)));
  give_back.dismiss();
  if (root) {
    directory->grown(run, std::nullopt);
    return {};
  }
  info.first_cluster = node.chain.first();
  info.contiguous = !node.chain.is_linked();
  info.size += cluster_size;
  info.valid_size = info.size;
  directory->grown(run, volume_.sector_of(node.position));
  return nodes_.store(node, info);
}

Outcome<ExfatDirectory::Place> ExfatDriver::find_place(Node& parent, std::u16string_view name,
                                                       std::size_t count,
                                                       const ExfatDirectory::Wish& wish) {
  TRY(ExfatDirectory* const directory, open_for_change(parent));
  TRY(auto place, directory->find_place(name, static_cast<std::uint32_t>(count), wish));
  if (place) return *place;
  TRY_VOID(grow(parent));
  TRY(place, directory->find_place(name, static_cast<std::uint32_t>(count), wish));
  return place ? Outcome<ExfatDirectory::Place>(*place) : refuse(ENOSPC);
}

Outcome<Attributes> ExfatDriver::make_entry(NodeId parent, std::string_view name,
                                            bool is_directory) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const above, directory_node(parent));
  TRY(ExfatDirectory* const where, open_for_change(*above));
  TRY(const std::u16string units, check_name(name, view_.rules));
  TRY(const auto existing, where->find(units));
  if (existing) return refuse(EEXIST);
  EntrySet set = EntrySet::make(units, upcase_);
  TRY(const ExfatDirectory::Place place, find_place(*above, units, set.count(), {}));
  FileInfo info = {.made = present()};
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
  if (is_directory) nodes_.lies_in(attributes.node, parent);
  if (is_directory) {
    TRY(Node* const node, nodes_.find(attributes.node));
    TRY_VOID(order_made(*node, {*above, *where, place.index, place.count}));
    node->parent = parent;
  }
  touch_directory(*above);
  return attributes;
}

Outcome<void> ExfatDriver::remove(NodeId parent, std::string_view name, bool is_directory) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const above, directory_node(parent));
  TRY(ExfatDirectory* const where, open_for_change(*above));
  TRY(const ExfatName entry, entry_in(*where, name));
  TRY(Node* const node, nodes_.find(nodes_.hand_out(entry)));
  TRY_VOID(check_removable(*node, entry.info, is_directory));
  TRY_VOID(where->prepare_removal(entry));
  if (is_directory) TRY_VOID(order_emptied(*node, *above, where->sectors_of(entry)));
  forget_node(*node, entry.info);
  TRY_VOID(where->remove(entry));
  touch_directory(*above);
  return {};
}

// The name of the file on the medium, and its place; null if the medium has none yet.
Outcome<const Origin*> ExfatDriver::find_origin(const Source& source) {
  if (const Origin* const known = known_origin(source.node)) return known;
  if (source.directory.is_added(source.name.index)) return nullptr;
  Origin origin = {.directory = source.parent.id,
                   .position = source.name.position(),
                   .sectors = source.directory.sectors_of(source.name)};
  TRY(origin.print, source.directory.print_of(source.name));
  return remember_origin(source.node, std::move(origin));
}

// Notes beside the new name which name to remove after a power cut.
Outcome<void> ExfatDriver::keep_note(const Node& node, ExfatDirectory& directory,
                                     const ExfatName& name, std::optional<std::uint32_t> note) {
  const Origin* const origin = known_origin(node);
  if (!note || origin == nullptr) return {};
  TRY(const std::uint32_t print, directory.print_of(name));
  return directory.keep_note(*note, {.old_position = origin->position,
                                     .new_position = name.position(),
                                     .old_print = origin->print,
                                     .new_print = print});
}

// Requires the order in which the new name is found before the old one goes.
Outcome<void> ExfatDriver::prepare_move(const Source& source, Node& new_parent, const Name& name) {
  TRY_VOID(order_move(source.node, name));
  if (!source.name.info.is_directory()) return {};
  TRY_VOID(order_directory_move(source.node, source.parent, new_parent));
  source.node.parent = new_parent.id;
  return {};
}

// The file takes over the entries of the file it replaces, in one write.
Outcome<void> ExfatDriver::replace(const Source& source, Node& new_parent,
                                   const ExfatName& target) {
  TRY(ExfatDirectory* const to, open_for_change(new_parent));
  TRY(Node* const old, nodes_.find(nodes_.hand_out(target)));
  TRY_VOID(check_removable(*old, target.info, source.name.info.is_directory()));
  TRY_VOID(nodes_.prepare_change(*old));
  TRY(const Origin* const origin, find_origin(source));
  const auto new_sectors = to->sectors_of(target);
  std::optional<std::uint32_t> note;
  if (needs_note(source.node, new_sectors)) {
    TRY(note, to->place_for_note(target.index, origin->sectors));
    if (!note && grow(new_parent)) {
      TRY(note, to->place_for_note(target.index, origin->sectors));
    }
  }
  if (target.info.is_directory()) TRY_VOID(order_emptied(*old, new_parent, new_sectors));
  TRY_VOID(prepare_move(source, new_parent, {new_parent, *to, target.index, target.count()}));
  TRY_VOID(source.directory.prepare_removal(source.name));
  forget_node(*old, target.info);
  TRY_VOID(source.directory.remove(source.name));
  nodes_.moved(source.node, target);
  TRY_VOID(nodes_.store(source.node, source.name.info));
  return keep_note(source.node, *to, target, note);
}

Outcome<void> ExfatDriver::move_to_new_name(const Source& source, Node& new_parent,
                                            const std::u16string& new_name) {
  TRY(ExfatDirectory* const to, open_for_change(new_parent));
  TRY(EntrySet set, source.directory.set_of(source.name));
  if (!set.rename(new_name, upcase_)) return refuse(ENAMETOOLONG);
  TRY(const Origin* const origin, find_origin(source));
  ExfatDirectory::Wish wish;
  if (to == &source.directory && !needs_note(source.node, source.directory.sectors_of(source.name)))
    wish.own = &source.name;
  if (origin != nullptr) wish.waiting = origin->sectors;
  TRY(const ExfatDirectory::Place place, find_place(new_parent, new_name, set.count(), wish));
  TRY_VOID(prepare_move(source, new_parent, {new_parent, *to, place.index, place.count}));
  TRY_VOID(source.directory.prepare_removal(source.name));
  TRY_VOID(source.directory.remove(source.name));
  TRY(const ExfatName added, to->add(place, set));
  nodes_.moved(source.node, added);
  return keep_note(source.node, *to, added, place.note);
}

Outcome<void> ExfatDriver::rename_once(const Renaming& renaming) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const below, directory_node(renaming.parent));
  TRY(ExfatDirectory* const from, open_for_change(*below));
  TRY(const ExfatName entry, entry_in(*from, renaming.name));
  TRY(Node* const node, nodes_.find(nodes_.hand_out(entry)));
  TRY(Node* const above, directory_node(renaming.new_parent));
  TRY(ExfatDirectory* const to, open_for_change(*above));
  TRY(const std::u16string units, check_name(renaming.new_name, view_.rules));
  TRY(const auto target, to->find(units));
  const bool itself = target && target->position() == entry.position();
  if (itself && target->name == units) return {};
  if (target && !itself && (renaming.flags & RENAME_NOREPLACE) != 0) return refuse(EEXIST);
  const Source source = {*node, *below, *from, entry};
  if (target && !itself) {
    TRY_VOID(replace(source, *above, *target));
  } else {
    TRY_VOID(move_to_new_name(source, *above, units));
  }
  if (entry.info.is_directory()) nodes_.lies_in(node->id, above->id);
  touch_directory(*below);
  touch_directory(*above);
  return {};
}

}  // namespace airlock::fat
