// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "contained/fat/cluster_chain.h"
#include "contained/runtime/file_system.h"

namespace airlock::fat {

// What every file or directory somebody works with has.
struct NodeBase {
  NodeId id = 0;
  std::uint64_t position = 0;  // of its entry on the medium; 0 for the root and what is deleted
  bool deleted = false;
  bool pinned = false;  // cannot be found again by its number
  ClusterChain chain{0};
  std::optional<std::uint64_t> cut_in;  // the batch that makes the chain shorter
  std::chrono::steady_clock::time_point handed_out = {};
  std::list<NodeId>::iterator recency;
};

// The nodes in memory, by number and by place. FAT has no such numbers: a file is numbered after
// the place of its entry, as long as it stays there. So most nodes can be dropped at any time and
// made again from the medium; those that moved, or were deleted while in use, stay until the kernel
// has dropped them. A Node is a NodeBase with a `directory` that has a name_count(). Used under the
// volume's lock.
template <typename Node>
class NodeTable {
 public:
  static constexpr NodeId kRoot = 1;

  explicit NodeTable(std::uint32_t entry_size) : entry_size_(entry_size) {}

  Node* known(NodeId id) {
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) return nullptr;
    recency_.splice(recency_.begin(), recency_, found->second.recency);
    return &found->second;
  }
  // The node in the table at that place, if it is there.
  Node* known_at(std::uint64_t position) {
    const auto found = by_position_.find(position);
    return found == by_position_.end() ? nullptr : &nodes_.at(found->second);
  }
  [[nodiscard]] NodeId id_at(std::uint64_t position) const {
    const auto found = by_position_.find(position);
    return found != by_position_.end() ? found->second : position / entry_size_;
  }
  // Where a number that is not known must be, if it can be one and nobody else is there.
  [[nodiscard]] std::optional<std::uint64_t> natural_position(NodeId id) const {
    if (id >= kFirstUnnatural) return std::nullopt;
    const std::uint64_t position = id * entry_size_;
    return by_position_.contains(position) ? std::nullopt : std::optional(position);
  }

  Node& add(NodeId id, std::uint64_t position) {
    Node& node = nodes_[id];
    node.id = id;
    node.position = position;
    recency_.push_front(id);
    node.recency = recency_.begin();
    if (position != 0) by_position_[position] = id;
    return node;
  }

  // A number for the file at the place, which nothing else has. It is being told to the kernel.
  // `fill` gets a node that had to be made for it.
  template <typename Fill>
  NodeId hand_out(std::uint64_t position, Fill fill) {
    NodeId id = id_at(position);
    auto found = nodes_.find(id);
    if (found != nodes_.end() && found->second.position != position) {
      // The natural number is still that of a file which was there before.
      id = next_unnatural_++;
      fill(add(id, position));
      found = nodes_.find(id);
    }
    if (found != nodes_.end()) found->second.handed_out = std::chrono::steady_clock::now();
    return id;
  }

  void moved(Node& node, std::uint64_t position) {
    by_position_.erase(node.position);
    node.position = position;
    by_position_[position] = node.id;
  }
  // The name is gone.
  void deleted(Node& node) {
    by_position_.erase(node.position);
    node.position = 0;
    node.deleted = true;
  }

  // Whether it matters that the kernel forgets it.
  [[nodiscard]] bool waits_for_end(NodeId id) const {
    const auto found = nodes_.find(id);
    return found != nodes_.end() && id != kRoot && !is_natural(found->second);
  }
  // The node if it was deleted and nobody uses it any more; what only moved is dropped.
  Node* ended(NodeId id) {
    const auto found = nodes_.find(id);
    if (found == nodes_.end() || id == kRoot) return nullptr;
    Node& node = found->second;
    if (node.deleted) return &node;
    if (!is_natural(node) && std::chrono::steady_clock::now() - node.handed_out > kInFlight &&
        !node.cut_in)
      drop(id);
    return nullptr;
  }
  void drop(NodeId id) {
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) return;
    if (found->second.position != 0) by_position_.erase(found->second.position);
    recency_.erase(found->second.recency);
    nodes_.erase(found);
  }
  [[nodiscard]] std::vector<NodeId> deleted_ids() const {
    std::vector<NodeId> ids;
    for (const auto& [id, node] : nodes_) {
      if (node.deleted) ids.push_back(id);
    }
    return ids;
  }

  // Drops what was not used for long and can be made again. Looks now and then, and always after
  // large directories were read.
  void trim(std::uint64_t committed_batches) {
    if (++calls_ < kCallsBetween && names_read_ < kMostNames / 2) return;
    calls_ = 0;
    names_read_ = 0;
    std::size_t names = 0;
    std::size_t count = 0;
    for (auto at = recency_.begin(); at != recency_.end();) {
      Node& node = nodes_.at(*at++);
      if (node.cut_in && *node.cut_in < committed_batches) node.cut_in.reset();
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
  void read_directory(std::size_t names) { names_read_ += names; }

 private:
  static constexpr std::size_t kMostNodes = 1024;
  static constexpr std::size_t kMostNames = std::size_t{1} << 19;
  static constexpr unsigned kCallsBetween = 256;
  // An answer with the number in it has reached the kernel after this long.
  static constexpr std::chrono::seconds kInFlight{10};
  // Above every place on a medium.
  static constexpr NodeId kFirstUnnatural = NodeId{1} << 48;

  [[nodiscard]] bool is_natural(const Node& node) const {
    return !node.deleted && !node.pinned && node.id == node.position / entry_size_;
  }

  std::uint32_t entry_size_;
  std::unordered_map<NodeId, Node> nodes_;
  std::unordered_map<std::uint64_t, NodeId> by_position_;
  std::list<NodeId> recency_;  // front: used last
  NodeId next_unnatural_ = kFirstUnnatural;
  unsigned calls_ = 0;          // of trim() since it looked
  std::size_t names_read_ = 0;  // since then
};

}  // namespace airlock::fat
