// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/nodes.h"

#include <cerrno>

namespace airlock::fat {

Nodes::Nodes(Volume& volume) : NodeTable(kSlotSize), volume_(volume) {
  Node& root = add(kRoot, 0);
  const Slot slot(root.own_slot);
  slot.set_attributes(attribute::kDirectory);
  if (volume.is_wide()) slot.set_cluster(volume.geometry().root_cluster, volume.is_wide());
  root.chain = ClusterChain(slot.cluster(volume.is_wide()));
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
  if (Node* const node = known(id)) return node;
  const auto position = natural_position(id);
  if (!position) return refuse(ESTALE);
  TRY(const Slot slot, slot_at(*position));
  if (!slot.is_file()) return refuse(ESTALE);
  Node& node = add(id, *position);
  node.chain = ClusterChain(slot.cluster(volume_.is_wide()));
  return &node;
}

NodeId Nodes::hand_out(std::uint64_t position) {
  return NodeTable::hand_out(position, [&](Node& node) {
    if (const auto slot = slot_at(position))
      node.chain = ClusterChain(slot->cluster(volume_.is_wide()));
  });
}

void Nodes::deleted(Node& node, Slot slot) {
  Slot(node.own_slot).copy_from(slot);
  NodeTable::deleted(node);
}

Outcome<Slot> Nodes::slot_of(Node& node) {
  if (node.position == 0) return Slot(node.own_slot);
  return slot_at(node.position);
}

void Nodes::slot_changed(const Node& node) {
  if (node.position != 0) volume_.blocks().changed(node.position / volume_.geometry().block_size);
}

}  // namespace airlock::fat
