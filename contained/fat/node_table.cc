// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/node_table.h"

#include <algorithm>

namespace airlock::fat {
namespace {

constexpr std::size_t kMostNodes = 1024;
// Enough for two directories of the largest size in use together; up to 80 MiB.
constexpr std::size_t kMostNames = std::size_t{1} << 22;
// The kernel spends twenty times as much memory on each.
constexpr std::size_t kMostParents = std::size_t{1} << 16;
constexpr unsigned kCallsBetween = 1024;
// After this long, an answer with the number in it has reached the kernel.
constexpr std::chrono::seconds kInFlight{10};

}  // namespace

Node* NodeTable::known(NodeId id) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return nullptr;
  recency_.splice(recency_.begin(), recency_, found->second.recency);
  return &found->second;
}

NodeId NodeTable::id_at(std::uint64_t position) const {
  const auto found = by_position_.find(position);
  return found != by_position_.end() ? found->second : position / kRecordSize;
}

std::optional<std::uint64_t> NodeTable::natural_position(NodeId id) const {
  if (id >= kFirstUnnatural) return std::nullopt;
  const std::uint64_t position = id * kRecordSize;
  return by_position_.contains(position) ? std::nullopt : std::optional(position);
}

bool NodeTable::is_natural(const Node& node) {
  return !node.deleted && !node.pinned && node.id == node.position / kRecordSize;
}

// A part of the node is needed until a batch is on the medium.
bool NodeTable::is_ordered(const Node& node, std::uint64_t committed_batches) {
  const std::uint64_t directory = node.directory ? node.directory->changed_in() : 0;
  return std::max(node.ordered_in, directory) >= committed_batches;
}

Node& NodeTable::add(NodeId id, std::uint64_t position) {
  Node& node = nodes_[id];
  node.id = id;
  node.position = position;
  recency_.push_front(&node);
  node.recency = recency_.begin();
  if (position != 0) by_position_[position] = id;
  return node;
}

void NodeTable::moved(Node& node, std::uint64_t position) {
  by_position_.erase(node.position);
  node.position = position;
  by_position_[position] = node.id;
}

void NodeTable::deleted(Node& node, const FileInfo& info) {
  by_position_.erase(node.position);
  parents_.erase(node.id);
  node.position = 0;
  node.positions.clear();
  node.deleted = true;
  node.own_info = info;
}

void NodeTable::lies_in(NodeId directory, NodeId parent) {
  if (const auto known = parents_.find(directory); known != parents_.end()) {
    known->second = parent;
  } else if (parents_.size() < kMostParents) {
    parents_.emplace(directory, parent);
  }
}

NodeId NodeTable::parent_of(NodeId directory) const {
  if (directory == kRoot) return kRoot;
  const auto known = parents_.find(directory);
  return known != parents_.end() ? known->second : kUnknown;
}

bool NodeTable::waits_for_end(NodeId id) const {
  if (parents_.contains(id)) return true;
  const auto found = nodes_.find(id);
  return found != nodes_.end() && id != kRoot && !is_natural(found->second);
}

Node* NodeTable::ended(NodeId id, std::uint64_t committed_batches) {
  parents_.erase(id);
  const auto found = nodes_.find(id);
  if (found == nodes_.end() || id == kRoot) return nullptr;
  Node& node = found->second;
  if (node.deleted) return &node;
  if (!is_natural(node) && std::chrono::steady_clock::now() - node.handed_out > kInFlight &&
      !node.cut_in && !is_ordered(node, committed_batches))
    drop(id);
  return nullptr;
}

void NodeTable::drop(NodeId id) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  if (found->second.position != 0) by_position_.erase(found->second.position);
  recency_.erase(found->second.recency);
  nodes_.erase(found);
}

std::vector<NodeId> NodeTable::deleted_ids() const {
  std::vector<NodeId> ids;
  for (const auto& [id, node] : nodes_) {
    if (node.deleted) ids.push_back(id);
  }
  return ids;
}

void NodeTable::read_directory(Node& node) {
  node.directory = std::move(node.unread);
  names_read_ += node.directory->name_count();
}

void NodeTable::trim(std::uint64_t committed_batches) {
  if (++calls_ < kCallsBetween && names_read_ < kMostNames / 2) return;
  calls_ = 0;
  names_read_ = 0;
  std::size_t names = 0;
  std::size_t count = 0;
  for (auto at = recency_.begin(); at != recency_.end();) {
    Node& node = **at++;
    if (node.cut_in && *node.cut_in < committed_batches) node.cut_in.reset();
    for (const Records* const records : {node.directory.get(), node.unread.get()})
      names += records != nullptr ? records->name_count() : 0;
    // The most recently used one stays, however large it is.
    const bool too_much = ++count > kMostNodes || (names > kMostNames && count > 1);
    if (!too_much || is_ordered(node, committed_batches)) continue;
    if (node.id == kRoot) {
      node.directory.reset();
      node.unread.reset();
    } else if (is_natural(node) && !node.cut_in) {
      drop(node.id);
    }
  }
}

}  // namespace airlock::fat
