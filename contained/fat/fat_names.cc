// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/fs.h>

#include <cerrno>
#include <ctime>

#include "contained/fat/fat_driver.h"
#include "contained/fat/session.h"
#include "contained/fat/unicode.h"
#include "lib/base/defer.h"
#include "lib/base/log.h"

namespace airlock::fat {
namespace {

// Places in a listing: dots, then the slots.
constexpr std::uint64_t kAfterDot = 1;
constexpr std::uint64_t kAfterDots = 2;

timespec now() {
  timespec time = {};
  (void)::clock_gettime(CLOCK_REALTIME, &time);
  return time;
}

}  // namespace

// A directory that says it is another one, or lies in another one, was linked to twice or leads
// back to where one came from.
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
  if (node.directory) return node.directory.get();
  TRY(const Slot slot, nodes_.slot_of(node));
  if (!slot.is_directory()) return refuse(ENOTDIR);
  if (node.deleted) return refuse(ENOENT);
  const std::uint32_t cluster = slot.cluster(volume_.is_wide());
  // Only the root of FAT12 and FAT16 has no clusters.
  if (cluster == 0 && node.id != Nodes::kRoot) return refuse(EUCLEAN);
  TRY(auto loaded, Directory::load(volume_, cluster, *view_.page));
  TRY_VOID(check_dots(*loaded, node));
  node.directory = std::move(loaded);
  nodes_.read_directory(node.directory->name_count());
  return node.directory.get();
}

Outcome<Directory*> FatDriver::directory(NodeId id) {
  TRY(Node* const node, directory_node(id));
  return open(*node);
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

Outcome<Attributes> FatDriver::lookup(NodeId parent, std::string_view name) {
  const Session session(volume_, nodes_);
  TRY(Directory* const where, directory(parent));
  TRY(const Entry entry, entry_in(*where, name));
  const NodeId id = nodes_.hand_out(entry.position);
  TRY(const Slot slot, where->slot(entry.slot));
  Attributes attributes = attributes_of(id, slot);
  attributes.other_spelling = to_utf8(entry.name) != name;
  if (slot.is_directory()) {
    const std::uint32_t lies_in = where->chain().first();
    TRY(Node* const node, nodes_.find(id));
    node->found_in = lies_in;
  }
  return attributes;
}

Outcome<void> FatDriver::list(NodeId directory, std::uint64_t cookie, DirectoryDetail detail,
                              EntrySink& sink) {
  const Session session(volume_, nodes_);
  TRY(Node* const node, directory_node(directory));
  if (node->deleted) return {};
  TRY(Directory* const where, open(*node));
  TRY(const Attributes self, attributes_of(*node));
  if (cookie < kAfterDot && !sink.add(".", self, kAfterDot)) return {};
  Attributes parent = self;
  parent.node = parent.stat.st_ino = Nodes::kRoot;
  if (cookie < kAfterDots && !sink.add("..", parent, kAfterDots)) return {};
  std::uint64_t slot = cookie < kAfterDots ? 0 : cookie - kAfterDots;
  while (slot < where->slot_count()) {
    TRY(const auto entry, where->next(static_cast<std::uint32_t>(slot)));
    if (!entry) break;
    slot = entry->slot + 1u;
    TRY(const Slot found, where->slot(entry->slot));
    const NodeId id = detail == DirectoryDetail::kNames ? nodes_.id_at(entry->position)
                                                        : nodes_.hand_out(entry->position);
    const auto name = to_utf8(entry->name);
    if (!sink.add(name.value_or("_"), attributes_of(id, found), slot + kAfterDots)) break;
  }
  return {};
}

// What a directory in this one has as the cluster of its parent.
std::uint32_t FatDriver::dots_cluster(Node& node) const {
  return node.id == Nodes::kRoot ? 0 : node.chain.first();
}

Outcome<void> FatDriver::touch_directory(NodeId id) {
  TRY(Node* const node, nodes_.find(id));
  TRY(const Slot slot, nodes_.slot_of(*node));
  touch(slot);
  nodes_.slot_changed(*node);
  return {};
}

Outcome<Attributes> FatDriver::make_node(NodeId parent, std::string_view name,
                                         const NewNode& node) {
  const mode_t kind = node.mode & S_IFMT;
  if (kind == S_IFDIR) return with_commits(volume_, [&] { return make_directory(parent, name); });
  if (kind == S_IFREG || kind == 0)
    return with_commits(volume_, [&] { return make_file(parent, name); });
  return refuse(EPERM);
}

Outcome<Attributes> FatDriver::make_link(NodeId, std::string_view, std::string_view, Caller) {
  return refuse(EPERM);
}
Outcome<Attributes> FatDriver::link(NodeId, NodeId, std::string_view) {
  return refuse(EPERM);
}

Outcome<Attributes> FatDriver::make_file(NodeId parent, std::string_view name) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Directory* const where, directory(parent));
  TRY(const NewName planned, plan_name(name, *view_.page, view_.rules));
  TRY(const auto existing, where->find(planned.units));
  if (existing) return refuse(EEXIST);
  TRY(const Directory::Place place, where->find_place(planned));
  TRY(const Entry entry, where->add(place));
  TRY(const Slot slot, where->slot(entry.slot));
  slot.set_made(to_dos_time(now(), view_.zone));
  touch(slot);
  const NodeId id = nodes_.hand_out(entry.position);
  const Attributes attributes = attributes_of(id, slot);
  TRY_VOID(touch_directory(parent));
  return attributes;
}

// The dots of a new directory, whose blocks have to be there before its name is.
Outcome<void> FatDriver::fill_directory(const ClusterRun& run, std::uint32_t parent,
                                        std::uint64_t entry) {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t first = geometry.cluster_offset(run.start) / geometry.block_size;
  const std::uint64_t count = geometry.cluster_size / geometry.block_size;
  for (std::uint64_t i = 0; i < count; ++i) TRY_VOID(volume_.require_order(first + i, entry));
  TRY_VOID(volume_.clear_directory_clusters(run, Volume::Reach::kNotYet));
  TRY(const auto bytes, volume_.blocks().read(first));
  const auto fill = [&](const Slot& slot, const ShortName& name, std::uint32_t cluster) {
    slot.set_short_name(name);
    slot.set_attributes(attribute::kDirectory);
    slot.set_made(to_dos_time(now(), view_.zone));
    slot.set_cluster(cluster, volume_.is_wide());
    touch(slot);
  };
  fill(Slot(bytes.first(kSlotSize)), kDotName, run.start);
  fill(Slot(bytes.subspan(kSlotSize, kSlotSize)), kDotDotName, parent);
  return {};
}

Outcome<Attributes> FatDriver::make_directory(NodeId parent, std::string_view name) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Node* const above, directory_node(parent));
  TRY(Directory* const where, open(*above));
  TRY(const NewName planned, plan_name(name, *view_.page, view_.rules));
  TRY(const auto existing, where->find(planned.units));
  if (existing) return refuse(EEXIST);
  TRY(const Directory::Place place, where->find_place(planned));
  TRY(const ClusterRun run, volume_.space().reserve(0, 1));
  Defer give_back([&] { volume_.space().cancel(run); });
  TRY_VOID(fill_directory(run, dots_cluster(*above), place.block));
  ClusterChain chain(0);
  TRY_VOID(volume_.append(chain, run));
  give_back.dismiss();
  TRY(const Entry entry, where->add(place));
  TRY(const Slot slot, where->slot(entry.slot));
  slot.set_attributes(attribute::kDirectory);
  slot.set_cluster(run.start, volume_.is_wide());
  slot.set_made(to_dos_time(now(), view_.zone));
  touch(slot);
  const std::uint32_t lies_in = where->chain().first();
  const NodeId id = nodes_.hand_out(entry.position);
  const Attributes attributes = attributes_of(id, slot);
  TRY(Node* const node, nodes_.find(id));
  node->found_in = lies_in;
  TRY_VOID(touch_directory(parent));
  return attributes;
}

// The name of a node is about to go: it keeps what its slot says, and its clusters until the
// kernel has dropped it. A directory nobody can use after that has no need of them.
Outcome<void> FatDriver::forget_node(Node& node, const Slot& slot) {
  const bool directory = slot.is_directory();
  nodes_.deleted(node, slot);
  if (!directory) return {};
  if (!release_chain(node, Volume::Content::kDirectory))
    log(LogLevel::kWarning, "the space of a directory could not be freed; fsck.fat will find it");
  node.directory.reset();
  node.chain = ClusterChain(0);
  return {};
}

Outcome<void> FatDriver::remove(NodeId parent, std::string_view name, bool is_directory) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Directory* const where, directory(parent));
  TRY(const Entry entry, entry_in(*where, name));
  TRY(Node* const node, node_of(entry));
  TRY(Slot slot, where->slot(entry.slot));
  if (slot.is_directory() != is_directory) return refuse(is_directory ? ENOTDIR : EISDIR);
  if (is_directory) {
    node->found_in = where->chain().first();
    TRY(Directory* const inner, open(*node));
    TRY(const bool empty, inner->is_empty());
    if (!empty) return refuse(ENOTEMPTY);
  }
  TRY_VOID(where->prepare_removal(entry));
  TRY(slot, where->slot(entry.slot));
  TRY_VOID(forget_node(*node, slot));
  TRY_VOID(where->remove(entry));
  return touch_directory(parent);
}

Outcome<void> FatDriver::unlink(NodeId parent, std::string_view name) {
  return with_commits(volume_, [&] { return remove(parent, name, /*is_directory=*/false); });
}
Outcome<void> FatDriver::remove_directory(NodeId parent, std::string_view name) {
  return with_commits(volume_, [&] { return remove(parent, name, /*is_directory=*/true); });
}

// The ".." of a directory that moves: after it has left its old place, before it is in its new one.
Outcome<void> FatDriver::point_to_parent(Node& node, Node& new_parent, std::uint64_t old_block,
                                         std::uint64_t new_block) {
  TRY(Directory* const moved, open(node));
  TRY(const std::uint64_t position, moved->position_of(1));
  const std::uint64_t block = moved->block_of(position);
  TRY_VOID(volume_.require_order(old_block, block));
  TRY_VOID(volume_.require_order(block, new_block));
  TRY(const Slot dots, moved->slot(1));
  dots.set_cluster(dots_cluster(new_parent), volume_.is_wide());
  volume_.blocks().changed(block);
  node.found_in = new_parent.chain.first();
  return {};
}

// The file takes over the slot of what had the name before, in one write of one block.
Outcome<void> FatDriver::replace(Directory& from, const Entry& entry, Node& node,
                                 const Entry& target, bool other_parent, Node& new_parent) {
  TRY(Directory* const to, open(new_parent));
  TRY(Node* const old, node_of(target));
  TRY(const Slot source, from.slot(entry.slot));
  TRY(Slot slot, to->slot(target.slot));
  if (slot.is_directory() && !source.is_directory()) return refuse(EISDIR);
  if (!slot.is_directory() && source.is_directory()) return refuse(ENOTDIR);
  if (slot.is_directory()) {
    TRY(Directory* const inner, open(*old));
    TRY(const bool empty, inner->is_empty());
    if (!empty) return refuse(ENOTEMPTY);
  }
  const std::uint64_t old_block = from.block_of(entry.position);
  const std::uint64_t new_block = to->block_of(target.position);
  TRY_VOID(volume_.require_order(old_block, new_block));
  TRY_VOID(from.prepare_removal(entry));
  std::array<std::byte, kSlotSize> kept = {};
  const Slot saved(kept);
  TRY(const Slot again, from.slot(entry.slot));
  saved.copy_from(again);
  if (saved.is_directory() && other_parent)
    TRY_VOID(point_to_parent(node, new_parent, old_block, new_block));
  TRY(slot, to->slot(target.slot));
  TRY_VOID(forget_node(*old, slot));
  TRY_VOID(from.remove(entry));
  TRY(slot, to->slot(target.slot));
  const ShortName name = slot.short_name();
  const std::uint8_t case_bits = slot.case_bits();
  slot.copy_from(saved);
  slot.set_short_name(name);
  slot.set_case_bits(case_bits);
  nodes_.moved(node, target.position);
  nodes_.slot_changed(node);
  return {};
}

Outcome<void> FatDriver::move_to_new_name(Directory& from, const Entry& entry, Node& node,
                                          NodeId parent, Node& new_parent,
                                          std::string_view new_name) {
  TRY(Directory* const to, open(new_parent));
  TRY(const NewName planned, plan_name(new_name, *view_.page, view_.rules));
  TRY(const Directory::Place place, to->find_place(planned));
  const std::uint64_t old_block = from.block_of(entry.position);
  TRY_VOID(volume_.require_order(old_block, place.block));
  TRY_VOID(from.prepare_removal(entry));
  std::array<std::byte, kSlotSize> kept = {};
  const Slot saved(kept);
  TRY(const Slot source, from.slot(entry.slot));
  saved.copy_from(source);
  if (saved.is_directory() && parent != new_parent.id)
    TRY_VOID(point_to_parent(node, new_parent, old_block, place.block));
  TRY_VOID(from.remove(entry));
  TRY(const Entry added, to->add(place));
  TRY(const Slot slot, to->slot(added.slot));
  const ShortName name = slot.short_name();
  const std::uint8_t case_bits = slot.case_bits();
  slot.copy_from(saved);
  slot.set_short_name(name);
  slot.set_case_bits(case_bits);
  nodes_.moved(node, added.position);
  nodes_.slot_changed(node);
  return {};
}

Outcome<void> FatDriver::rename_once(NodeId parent, std::string_view name, NodeId new_parent,
                                     std::string_view new_name, unsigned flags) {
  const Session session(volume_, nodes_);
  TRY_VOID(volume_.begin_change());
  TRY(Directory* const from, directory(parent));
  TRY(const Entry entry, entry_in(*from, name));
  TRY(Node* const node, node_of(entry));
  TRY(Node* const above, directory_node(new_parent));
  TRY(Directory* const to, open(*above));
  TRY(const NewName planned, plan_name(new_name, *view_.page, view_.rules));
  TRY(const auto target, to->find(planned.units));
  const bool itself = target && target->position == entry.position;
  if (itself && target->name == planned.units) return {};
  if (target && !itself && (flags & RENAME_NOREPLACE) != 0) return refuse(EEXIST);
  if (target && !itself) {
    TRY_VOID(replace(*from, entry, *node, *target, parent != new_parent, *above));
  } else {
    TRY_VOID(move_to_new_name(*from, entry, *node, parent, *above, new_name));
  }
  TRY_VOID(touch_directory(parent));
  return touch_directory(new_parent);
}

Outcome<void> FatDriver::rename(NodeId parent, std::string_view name, NodeId new_parent,
                                std::string_view new_name, unsigned flags) {
  if ((flags & ~unsigned{RENAME_NOREPLACE}) != 0) return refuse(EINVAL);
  return with_commits(volume_,
                      [&] { return rename_once(parent, name, new_parent, new_name, flags); });
}

}  // namespace airlock::fat
