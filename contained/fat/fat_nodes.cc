// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/fat_nodes.h"

#include <cerrno>

namespace airlock::fat {

Outcome<Slot> FatNodes::slot_at(std::uint64_t position) {
  TRY(const auto bytes, record(position));
  return Slot(bytes);
}

Outcome<Node*> FatNodes::find(NodeId id) {
  if (Node* const node = known(id)) return node;
  const auto position = natural_position(id);
  if (!position) return refuse(ESTALE);
  TRY(const Slot slot, slot_at(*position));
  if (!slot.is_file()) return refuse(ESTALE);
  Node& node = add(id, *position);
  node.chain = ClusterChain(slot.cluster(volume_.is_wide()));
  return &node;
}

NodeId FatNodes::hand_out(std::uint64_t position) {
  return NodeTable::hand_out(position, [&](Node& node) {
    if (const auto slot = slot_at(position))
      node.chain = ClusterChain(slot->cluster(volume_.is_wide()));
  });
}

Outcome<FileInfo> FatNodes::info_of(const Node& node) {
  if (node.position == 0) return node.own_info;
  TRY(const Slot slot, slot_at(node.position));
  return slot.info(volume_.is_wide());
}

Outcome<void> FatNodes::store(Node& node, const FileInfo& info) {
  if (node.position == 0) {
    node.own_info = info;
    return {};
  }
  TRY(const Slot slot, slot_at(node.position));
  slot.set_info(info, volume_.is_wide());
  volume_.record_changed(node.position);
  return {};
}

}  // namespace airlock::fat
