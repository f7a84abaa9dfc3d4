// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/exfat_nodes.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/log.h"

namespace airlock::fat {

// Without positions all entries are in one cluster.
Outcome<EntrySet> ExfatNodes::set_at(std::uint64_t position,
                                     std::span<const std::uint64_t> positions) {
  const Geometry& geometry = volume_.geometry();
  TRY(const auto first, record(position));
  const std::size_t count = EntrySet::count_of(first);
  if (count == 0 || (!positions.empty() && count != positions.size())) return refuse(ESTALE);
  const std::uint64_t inside = (position - geometry.data_offset) % geometry.cluster_size;
  if (positions.empty() && inside + count * kRecordSize > geometry.cluster_size)
    return refuse(ESTALE);
  EntrySet set(count);
  for (std::size_t i = 0; i < count; ++i) {
    TRY(const auto bytes, record(positions.empty() ? position + i * kRecordSize : positions[i]));
    std::ranges::copy(bytes, set.entry(i).begin());
  }
  if (!set.is_sound() || !is_possible(set.info(), geometry)) return refuse(ESTALE);
  return set;
}

Outcome<Node*> ExfatNodes::find(NodeId id) {
  if (Node* const node = known(id)) return node;
  const auto position = natural_position(id);
  if (!position) return refuse(ESTALE);
  TRY(const EntrySet set, set_at(*position, {}));
  Node& node = add(id, *position);
  node.own_info = set.info();
  node.chain = chain_of(node.own_info, volume_.geometry());
  return &node;
}

bool ExfatNodes::is_apart(const ExfatName& name) const {
  const Geometry& geometry = volume_.geometry();
  const std::uint64_t inside = (name.position() - geometry.data_offset) % geometry.cluster_size;
  return inside + name.count() * kRecordSize > geometry.cluster_size;
}

void ExfatNodes::fill(Node& node, const ExfatName& name) {
  node.positions = is_apart(name) ? name.positions : std::vector<std::uint64_t>();
  node.pinned = !node.positions.empty();
  node.own_info = name.info;
}

NodeId ExfatNodes::hand_out(const ExfatName& name) {
  const NodeId id = NodeTable::hand_out(name.position(), [&](Node& node) {
    fill(node, name);
    node.chain = chain_of(name.info, volume_.geometry());
  });
  if (is_apart(name) && known(id) == nullptr) {
    Node& node = add(id, name.position());
    fill(node, name);
    node.chain = chain_of(name.info, volume_.geometry());
    node.handed_out = std::chrono::steady_clock::now();
  }
  return id;
}

void ExfatNodes::moved(Node& node, const ExfatName& name) {
  NodeTable::moved(node, name.position());
  fill(node, name);
}

Outcome<FileInfo> ExfatNodes::info_of(const Node& node) {
  return node.own_info;
}

// Only the first two entries change, and both must change together. They may be the last of one
// sector and the first of the next.
Outcome<void> ExfatNodes::prepare_change(const Node& node) {
  if (node.position == 0) return {};
  const std::uint64_t second =
      node.positions.empty() ? node.position + kRecordSize : node.positions[1];
  const std::uint64_t sector = volume_.sector_of(node.position);
  const std::uint64_t other = volume_.sector_of(second);
  if (other == sector) return {};
  if (other == sector + 1) return volume_.require_together(sector);
  log(LogLevel::kWarning,
      "a file cannot be changed safely at the place of its entries; rename it first");
  return refuse(EOPNOTSUPP);
}

Outcome<void> ExfatNodes::store(Node& node, const FileInfo& info) {
  if (node.position == 0) {
    node.own_info = info;
    return {};
  }
  TRY_VOID(prepare_change(node));
  TRY(EntrySet set, set_at(node.position, node.positions));
  set.set_info(info);
  node.own_info = set.info();
  for (std::size_t i = 0; i < 2; ++i) {
    const std::uint64_t position =
        node.positions.empty() ? node.position + i * kRecordSize : node.positions[i];
    TRY(const auto bytes, record(position));
    std::ranges::copy(set.entry(i), bytes.begin());
    volume_.record_changed(position);
  }
  return {};
}

}  // namespace airlock::fat
