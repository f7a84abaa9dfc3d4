// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/nodes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace airlock::fat {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostNodes = 1024;
constexpr std::size_t kMostNames = std::size_t{1} << 19;
constexpr unsigned kCallsBetween = 256;
// An answer with the number in it has reached the kernel after this long.
constexpr auto kInFlight = 10s;
// Above every place on a medium.
constexpr NodeId kFirstUnnatural = NodeId{1} << 48;

}  // namespace

Nodes::Nodes(Volume& volume) : volume_(volume), next_unnatural_(kFirstUnnatural) {
  Node& root = add(kRoot, 0);
  const Slot slot(root.own_slot);
  slot.set_attributes(attribute::kDirectory);
  if (volume.is_wide()) slot.set_cluster(volume.geometry().root_cluster, volume.is_wide());
  root.chain = ClusterChain(slot.cluster(volume.is_wide()));
}

bool Nodes::is_natural(const Node& node) const {
  return !node.deleted && node.id == node.position / kSlotSize;
}

Node& Nodes::add(NodeId id, std::uint64_t position) {
  Node& node = nodes_[id];
  node.id = id;
  node.position = position;
  recency_.push_front(id);
  node.recency = recency_.begin();
  if (position != 0) by_position_[position] = id;
  return node;
}

Outcome<Slot> Nodes::slot_at(std::uint64_t position) {
  const Geometry& geometry = volume_.geometry();
  const bool in_root = geometry.kind != FatKind::k32 && position >= geometry.root_offset &&
                       position < geometry.data_offset;
  const bool in_data = position >= geometry.data_offset && position < geometry.end();
  if (!in_root && !in_data) return refuse(ESTALE);
  const std::uint64_t block = position / geometry.block_size;
  TRY(const auto bytes, volume_.blocks().read(block, volume_.blocks_together(block)));
  return Slot(bytes.subspan(position % geometry.block_size, kSlotSize));
}

Outcome<Node*> Nodes::find(NodeId id) {
  if (const auto known = nodes_.find(id); known != nodes_.end()) {
    Node& node = known->second;
    recency_.splice(recency_.begin(), recency_, node.recency);
    return &node;
  }
  if (id >= kFirstUnnatural) return refuse(ESTALE);
  const std::uint64_t position = id * kSlotSize;
  // Somebody else has this place by now.
  if (by_position_.contains(position)) return refuse(ESTALE);
  TRY(const Slot slot, slot_at(position));
  if (!slot.is_file()) return refuse(ESTALE);
  Node& node = add(id, position);
  node.chain = ClusterChain(slot.cluster(volume_.is_wide()));
  return &node;
}

NodeId Nodes::id_at(std::uint64_t position) const {
  const auto known = by_position_.find(position);
  return known != by_position_.end() ? known->second : position / kSlotSize;
}

Node* Nodes::known_at(std::uint64_t position) {
  const auto known = by_position_.find(position);
  return known == by_position_.end() ? nullptr : &nodes_.at(known->second);
}

NodeId Nodes::hand_out(std::uint64_t position) {
  NodeId id = id_at(position);
  auto known = nodes_.find(id);
  if (known != nodes_.end() && known->second.position != position) {
    // The natural number is still that of a file which was there before.
    id = next_unnatural_++;
    Node& node = add(id, position);
    if (const auto slot = slot_at(position))
      node.chain = ClusterChain(slot->cluster(volume_.is_wide()));
    known = nodes_.find(id);
  }
  if (known != nodes_.end()) known->second.handed_out = std::chrono::steady_clock::now();
  return id;
}

void Nodes::moved(Node& node, std::uint64_t position) {
  by_position_.erase(node.position);
  node.position = position;
  by_position_[position] = node.id;
}

void Nodes::deleted(Node& node, Slot slot) {
  by_position_.erase(node.position);
  const Slot own(node.own_slot);
  own.copy_from(slot);
  node.position = 0;
  node.deleted = true;
}

Outcome<Slot> Nodes::slot_of(Node& node) {
  if (node.position == 0) return Slot(node.own_slot);
  return slot_at(node.position);
}

void Nodes::slot_changed(const Node& node) {
  if (node.position != 0) volume_.blocks().changed(node.position / volume_.geometry().block_size);
}

bool Nodes::waits_for_end(NodeId id) const {
  const auto known = nodes_.find(id);
  return known != nodes_.end() && id != kRoot && !is_natural(known->second);
}

Node* Nodes::ended(NodeId id) {
  const auto known = nodes_.find(id);
  if (known == nodes_.end() || id == kRoot) return nullptr;
  Node& node = known->second;
  if (node.deleted) return &node;
  if (!is_natural(node) && std::chrono::steady_clock::now() - node.handed_out > kInFlight &&
      !node.cut_in)
    drop(id);
  return nullptr;
}

void Nodes::drop(NodeId id) {
  const auto known = nodes_.find(id);
  if (known == nodes_.end()) return;
  if (known->second.position != 0) by_position_.erase(known->second.position);
  recency_.erase(known->second.recency);
  nodes_.erase(known);
}

std::vector<NodeId> Nodes::deleted_ids() const {
  std::vector<NodeId> ids;
  for (const auto& [id, node] : nodes_) {
    if (node.deleted) ids.push_back(id);
  }
  return ids;
}

void Nodes::trim() {
  if (++calls_ < kCallsBetween && names_read_ < kMostNames / 2) return;
  calls_ = 0;
  names_read_ = 0;
  std::size_t names = 0;
  std::size_t count = 0;
  for (auto at = recency_.begin(); at != recency_.end();) {
    Node& node = nodes_.at(*at++);
    if (node.cut_in && *node.cut_in < volume_.committed_batches()) node.cut_in.reset();
    names += node.directory ? node.directory->name_count() : 0;
    // The one used last stays, however large it is.
    const bool too_much = ++count > kMostNodes || (names > kMostNames && count > 1);
    if (!too_much) continue;
    if (node.id == kRoot) {
      node.directory.reset();
    } else if (is_natural(node) && !node.cut_in) {
      drop(node.id);
    }
  }
}

}  // namespace airlock::fat
