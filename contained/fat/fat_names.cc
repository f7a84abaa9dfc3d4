// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/fs.h>

#include <array>
#include <cerrno>

#include "contained/fat/fat_driver.h"
#include "contained/fat/session.h"
#include "contained/fat/unicode.h"
#include "lib/base/defer.h"
#include "lib/base/log.h"

namespace airlock::fat {

// A directory whose dots name another directory or another parent was linked to twice, or leads
// back to one of its ancestors.
Outcome<void> FatDriver::check_dots(Directory& directory, const Node& node) {
  if (node.id == Nodes::kRoot) return {};
  const bool wide = volume_.is_wide();
  TRY(const Slot self, directory.slot(0));
  const bool self_ok = self.short_name() == kDotName && self.is_directory() &&
                       self.cluster(wide) == directory.chain().first();
  TRY(const Slot parent, directory.slot(1));
  const bool is_parent = parent.short_name() == kDotDotName && parent.is_directory();
  const std::uint32_t shown = parent.cluster(wide);
  const std::uint32_t root = volume_.geometry().root_cluster;
  const auto same = [root](std::uint32_t a, std::uint32_t b) {
    return (a == root ? 0 : a) == (b == root ? 0 : b);
  };
  const bool parent_ok = is_parent && (!node.found_in || same(shown, *node.found_in));
  if (self_ok && parent_ok) return {};
  log(LogLevel::kError,
      "a directory does not agree about where it is; check the volume with fsck.fat");
  return refuse(EUCLEAN);
}

Outcome<Directory*> FatDriver::open(Node& node) {
  if (node.directory) return static_cast<Directory*>(node.directory.get());
  TRY(const FileInfo info, nodes_.info_of(node));
  if (!info.is_directory()) return refuse(ENOTDIR);
  if (node.deleted) return refuse(ENOENT);
  const std::uint32_t cluster = info.first_cluster;
  // Only the root of FAT12 and FAT16 has no clusters.
  if (cluster == 0 && node.id != Nodes::kRoot) return refuse(EUCLEAN);
  if (!node.unread) {
    TRY(node.unread, Directory::begin(volume_, cluster, *view_.page));
  }
  auto* const directory = static_cast<Directory*>(node.unread.get());
  auto all = directory->read_some(Records::kMostAtOnce);
  if (all && !*all) return refuse(kAnotherTurn);
  if (all)
    if (auto dots = check_dots(*directory, node); !dots) all = std::unexpected(dots.error());
  if (!all) node.unread.reset();
  if (!all) return std::unexpected(all.error());
  nodes_.read_directory(node);
  return directory;
}

Outcome<Entry> FatDriver::entry_in(Directory& directory, std::string_view name) {
  const auto units = to_utf16(name);
  if (!units) return refuse(ENOENT);
  TRY(auto found, directory.find(*units));
  if (!found) return refuse(ENOENT);
  return *std::move(found);
}

Outcome<Node*> FatDriver::node_of(const Entry& entry) {
  return nodes_.find(nodes_.hand_out(entry.position));
}

Outcome<FatDriver::Listed> FatDriver::find_in(Node& directory, std::string_view name) {
  TRY(Directory* const where, open(directory));
  TRY(const Entry entry, entry_in(*where, name));
  const NodeId id = nodes_.hand_out(entry.position);
  TRY(const Slot slot, where->slot(entry.slot));
  const FileInfo info = slot.info(volume_.is_wide());
  if (info.is_directory()) {
    TRY(Node* const node, nodes_.find(id));
    node->found_in = where->chain().first();
    node->parent = directory.id;
  }
  return Listed{.name = entry.name, .info = info, .id = id};
}

Outcome<std::optional<FatDriver::Listed>> FatDriver::next_in(Node& directory, std::uint64_t from,
                                                             DirectoryDetail detail) {
  TRY(Directory* const where, open(directory));
  if (from >= where->capacity()) return std::nullopt;
  TRY(const auto entry, where->next(static_cast<std::uint32_t>(from)));
  if (!entry) return std::nullopt;
  TRY(const Slot slot, where->slot(entry->slot));
  const NodeId id = detail == DirectoryDetail::kNames ? nodes_.id_at(entry->position)
                                                      : nodes_.hand_out(entry->position);
  return Listed{.name = entry->name,
                .info = slot.info(volume_.is_wide()),
                .id = id,
                .next = std::uint64_t{entry->slot} + 1};
}

Outcome<bool> FatDriver::is_empty(Node& directory) {
  TRY(Directory* const where, open(directory));
  return where->is_empty();
}

// The cluster that a directory in this one stores for its parent.
std::uint32_t FatDriver::dots_cluster(Node& node) const {
  return node.id == Nodes::kRoot ? 0 : node.chain.first();
}

// The dots of a new directory, whose cluster must reach the medium before its name does.
Outcome<void> FatDriver::fill_directory(const ClusterRun& run, std::uint32_t parent,
                                        std::uint64_t entry_sector) {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t first = geometry.cluster_offset(run.start) / geometry.block_size;
  TRY_VOID(volume_.require_cluster_first(run.start, entry_sector));
  TRY_VOID(volume_.clear_directory_clusters(run, Volume::Reach::kNotYet));
  TRY(const auto bytes, volume_.blocks().read(first));
  FileInfo info = {.attributes = attribute::kDirectory, .made = present()};
  touch(info);
  const auto fill = [&](const Slot& slot, const ShortName& name, std::uint32_t cluster) {
    info.first_cluster = cluster;
    slot.set_short_name(name);
    slot.set_info(info, volume_.is_wide());
  };
  fill(Slot(bytes.first(kRecordSize)), kDotName, run.start);
  fill(Slot(bytes.subspan(kRecordSize, kRecordSize)), kDotDotName, parent);
  return {};
}

// Makes the cluster of a new directory and marks it as in use.
Outcome<std::uint32_t> FatDriver::make_content(Node& parent, std::uint64_t entry_sector) {
  TRY(const ClusterRun run, volume_.space().reserve(0, 1));
  Defer give_back([&] { volume_.space().cancel(run); });
  TRY_VOID(fill_directory(run, dots_cluster(parent), entry_sector));
  ClusterChain chain = volume_.empty_chain();
  TRY_VOID(volume_.append(chain, std::span(&run, 1)));
  give_back.dismiss();
  return run.start;
}

Outcome<Attributes> FatDriver::make_entry(NodeId parent, std::string_view name, bool is_directory) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const above, directory_node(parent));
  TRY(Directory* const where, open(*above));
  TRY(const NewName planned, plan_name(name, *view_.page, view_.rules));
  TRY(const auto existing, where->find(planned.units));
  if (existing) return refuse(EEXIST);
  TRY(const Directory::Place place, where->find_place(planned, {}));
  FileInfo info = {.made = present()};
  if (is_directory) {
    TRY(info.first_cluster, make_content(*above, place.sector));
    info.attributes = attribute::kDirectory;
  }
  touch(info);
  TRY(const Entry entry, where->add(place));
  TRY(const Slot slot, where->slot(entry.slot));
  slot.set_info(info, volume_.is_wide());
  const NodeId id = nodes_.hand_out(entry.position);
  const Attributes attributes = attributes_of(id, slot.info(volume_.is_wide()));
  if (is_directory) {
    TRY(Node* const node, nodes_.find(id));
    node->found_in = where->chain().first();
    nodes_.lies_in(id, parent);
    node->parent = parent;
    TRY_VOID(order_made(*node, {*above, *where, place.first_slot, place.count}));
  }
  touch_directory(*above);
  return attributes;
}

Outcome<void> FatDriver::remove(NodeId parent, std::string_view name, bool is_directory) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const above, directory_node(parent));
  TRY(Directory* const where, open(*above));
  TRY(const Entry entry, entry_in(*where, name));
  TRY(Node* const node, node_of(entry));
  TRY(const FileInfo info, nodes_.info_of(*node));
  if (is_directory) node->found_in = where->chain().first();
  TRY_VOID(check_removable(*node, info, is_directory));
  TRY_VOID(where->prepare_removal(entry));
  if (is_directory) {
    TRY(const auto sectors, where->sectors_of(entry));
    TRY_VOID(order_emptied(*node, *above, sectors));
  }
  forget_node(*node, info);
  TRY_VOID(where->remove(entry));
  touch_directory(*above);
  return {};
}

// The name of the file on the medium, and its place; null if the medium has none yet.
Outcome<const Origin*> FatDriver::find_origin(const Source& source) {
  if (const Origin* const known = known_origin(source.node)) return known;
  if (source.directory.is_added(source.entry.slot)) return nullptr;
  Origin origin = {.directory = source.parent.id, .position = source.entry.position};
  TRY(origin.sectors, source.directory.sectors_of(source.entry));
  TRY(origin.print, source.directory.print_of(source.entry.slot));
  return remember_origin(source.node, std::move(origin));
}

// Changes the ".." of a moved directory after its new name is on the medium and before the old one
// goes, so that one name always fits. A new directory gets it with its other contents.
Outcome<void> FatDriver::point_to_parent(Node& node, Node& new_parent, const Name& name) {
  TRY(Directory* const moved, open(node));
  TRY(const std::uint64_t position, moved->position_of(1));
  if (const Origin* const origin = known_origin(node)) {
    const std::uint64_t sector = volume_.sector_of(position);
    TRY_VOID(order_found(name, sector));
    for (const std::uint64_t old : origin->sectors) TRY_VOID(volume_.require_order(sector, old));
  }
  TRY(const Slot dots, moved->slot(1));
  dots.set_cluster(dots_cluster(new_parent), volume_.is_wide());
  volume_.record_changed(position);
  node.found_in = new_parent.chain.first();
  node.parent = new_parent.id;
  return {};
}

// Requires the order in which the new name is found before the old one goes. Also changes the ".."
// of a moved directory.
Outcome<void> FatDriver::prepare_move(const Source& source, Node& new_parent, const Name& name,
                                      std::uint64_t name_sector) {
  TRY_VOID(order_move(source.node, name));
  TRY(const Slot slot, source.directory.slot(source.entry.slot));
  if (!slot.is_directory()) return {};
  TRY_VOID(order_directory_move(source.node, source.parent, new_parent));
  if (is_current(source.node.made))
    TRY_VOID(volume_.require_cluster_first(source.node.chain.first(), name_sector));
  if (source.parent.id == new_parent.id) return {};
  return point_to_parent(source.node, new_parent, name);
}

// The file takes over a slot with a name in it.
Outcome<void> FatDriver::settle(Node& node, Directory& directory, const Entry& entry,
                                const Slot& saved) {
  TRY(const Slot slot, directory.slot(entry.slot));
  const ShortName name = slot.short_name();
  const std::uint8_t case_bits = slot.case_bits();
  slot.copy_from(saved);
  slot.set_short_name(name);
  slot.set_case_bits(case_bits);
  nodes_.moved(node, entry.position);
  volume_.record_changed(entry.position);
  return {};
}

// Notes beside the new name which name to remove after a power cut.
Outcome<void> FatDriver::keep_note(const Node& node, Directory& directory, std::uint32_t slot,
                                   std::optional<std::uint32_t> note) {
  const Origin* const origin = known_origin(node);
  if (!note || origin == nullptr) return {};
  TRY(const std::uint32_t print, directory.print_of(slot));
  return directory.keep_note(*note, {.old_position = origin->position,
                                     .new_position = node.position,
                                     .old_print = origin->print,
                                     .new_print = print});
}

// The file takes over the slot of the file it replaces, in one write of one sector.
Outcome<void> FatDriver::replace(const Source& source, Node& new_parent, const Entry& target) {
  TRY(Directory* const to, open(new_parent));
  TRY(Node* const old, node_of(target));
  TRY(const Slot slot, source.directory.slot(source.entry.slot));
  TRY(const FileInfo old_info, nodes_.info_of(*old));
  TRY_VOID(check_removable(*old, old_info, slot.is_directory()));
  TRY(const Origin* const origin, find_origin(source));
  TRY(const auto new_sectors, to->sectors_of(target));
  std::optional<std::uint32_t> note;
  if (needs_note(source.node, new_sectors)) {
    TRY(note, to->place_for_note(target.slot, origin->sectors));
    if (!note && to->grow()) {
      TRY(note, to->place_for_note(target.slot, origin->sectors));
    }
  }
  if (old_info.is_directory()) TRY_VOID(order_emptied(*old, new_parent, new_sectors));
  TRY_VOID(source.directory.prepare_removal(source.entry));
  const Name name = {new_parent, *to, target.first_slot, target.slot + 1 - target.first_slot};
  TRY_VOID(prepare_move(source, new_parent, name, volume_.sector_of(target.position)));
  std::array<std::byte, kRecordSize> kept = {};
  const Slot saved(kept);
  saved.copy_from(slot);
  forget_node(*old, old_info);
  TRY_VOID(source.directory.remove(source.entry));
  TRY_VOID(settle(source.node, *to, target, saved));
  return keep_note(source.node, *to, target.slot, note);
}

Outcome<void> FatDriver::move_to_new_name(const Source& source, Node& new_parent,
                                          const NewName& new_name) {
  TRY(Directory* const to, open(new_parent));
  TRY(const Origin* const origin, find_origin(source));
  Directory::Wish wish;
  TRY(const auto own_sectors, source.directory.sectors_of(source.entry));
  if (to == &source.directory && !needs_note(source.node, own_sectors)) wish.own = &source.entry;
  if (origin != nullptr) wish.waiting = origin->sectors;
  TRY(const Directory::Place place, to->find_place(new_name, wish));
  TRY_VOID(source.directory.prepare_removal(source.entry));
  TRY_VOID(prepare_move(source, new_parent, {new_parent, *to, place.first_slot, place.count},
                        place.sector));
  std::array<std::byte, kRecordSize> kept = {};
  const Slot saved(kept);
  TRY(const Slot slot, source.directory.slot(source.entry.slot));
  saved.copy_from(slot);
  TRY_VOID(source.directory.remove(source.entry));
  TRY(const Entry added, to->add(place));
  TRY_VOID(settle(source.node, *to, added, saved));
  return keep_note(source.node, *to, added.slot, place.note);
}

Outcome<void> FatDriver::rename_once(const Renaming& renaming) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const below, directory_node(renaming.parent));
  TRY(Directory* const from, open(*below));
  TRY(const Entry entry, entry_in(*from, renaming.name));
  TRY(Node* const above, directory_node(renaming.new_parent));
  TRY(Directory* const to, open(*above));
  TRY(const NewName planned, plan_name(renaming.new_name, *view_.page, view_.rules));
  TRY(const auto target, to->find(planned.units));
  const bool itself = target && target->position == entry.position;
  if (itself && target->name == planned.units) return {};
  if (target && !itself && (renaming.flags & RENAME_NOREPLACE) != 0) return refuse(EEXIST);
  TRY(Node* const node, node_of(entry));
  TRY(const FileInfo info, nodes_.info_of(*node));
  const Source source = {*node, *below, *from, entry};
  if (target && !itself) {
    TRY_VOID(replace(source, *above, *target));
  } else {
    TRY_VOID(move_to_new_name(source, *above, planned));
  }
  if (info.is_directory()) nodes_.lies_in(node->id, above->id);
  touch_directory(*below);
  touch_directory(*above);
  return {};
}

}  // namespace airlock::fat
