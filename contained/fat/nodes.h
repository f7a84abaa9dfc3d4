// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "contained/fat/directory.h"
#include "contained/fat/volume.h"
#include "contained/runtime/file_system.h"

namespace airlock::fat {

// A file or directory somebody works with.
struct Node {
  NodeId id = 0;
  std::uint64_t position = 0;  // of its slot on the medium; 0 for the root and what is deleted
  bool deleted = false;
  std::array<std::byte, kSlotSize> own_slot = {};  // instead of one on the medium
  ClusterChain chain{0};
  std::optional<std::uint64_t> cut_in;    // the batch that makes the chain shorter
  std::unique_ptr<Directory> directory;   // once it was needed
  std::optional<std::uint32_t> found_in;  // first cluster of the directory it was found in
  std::chrono::steady_clock::time_point handed_out = {};
  std::list<NodeId>::iterator recency;
};

// From the numbers the kernel knows files by to files. FAT has no such numbers: a file is numbered
// after the place of its slot, as long as it stays there. So most nodes can be dropped at any time
// and made again from the medium; those that moved, or were deleted while in use, stay until the
// kernel has dropped them. Used under the volume's lock.
class Nodes {
 public:
  static constexpr NodeId kRoot = 1;

  explicit Nodes(Volume& volume);

  // ESTALE for a number nobody can have been given. Stays valid until the next trim().
  Outcome<Node*> find(NodeId id);
  [[nodiscard]] NodeId id_at(std::uint64_t position) const;
  // The node in the table at that place, if it is there.
  Node* known_at(std::uint64_t position);
  // A number for the file at the place, which nothing else has. It is being told to the kernel.
  NodeId hand_out(std::uint64_t position);

  void moved(Node& node, std::uint64_t position);
  // The name is gone; what the slot said is kept in the node.
  void deleted(Node& node, Slot slot);

  Outcome<Slot> slot_of(Node& node);
  void slot_changed(const Node& node);

  // Whether it matters that the kernel forgets it.
  [[nodiscard]] bool waits_for_end(NodeId id) const;
  // The node if it was deleted and nobody uses it any more; what only moved is dropped.
  Node* ended(NodeId id);
  void drop(NodeId id);
  [[nodiscard]] std::vector<NodeId> deleted_ids() const;

  // Drops what was not used for long and can be made again. Looks now and then, and always after
  // large directories were read.
  void trim();
  void read_directory(std::size_t names) { names_read_ += names; }

 private:
  [[nodiscard]] bool is_natural(const Node& node) const;
  Node& add(NodeId id, std::uint64_t position);
  Outcome<Slot> slot_at(std::uint64_t position);

  Volume& volume_;
  std::unordered_map<NodeId, Node> nodes_;
  std::unordered_map<std::uint64_t, NodeId> by_position_;
  std::list<NodeId> recency_;  // front: used last
  NodeId next_unnatural_;
  unsigned calls_ = 0;          // of trim() since it looked
  std::size_t names_read_ = 0;  // since then
};

}  // namespace airlock::fat
