// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "contained/fat/cluster_chain.h"
#include "contained/fat/file_info.h"
#include "contained/fat/records.h"
#include "contained/runtime/file_system.h"

namespace airlock::fat {

// The name on the medium of a file that was renamed in this batch, and its place.
struct Origin {
  std::uint64_t batch = 0;
  NodeId directory = 0;
  std::uint64_t position = 0;
  std::vector<std::uint64_t> sectors;  // sectors that wait for the new name
  std::uint32_t print = 0;             // see RenameNote
  std::optional<std::uint64_t> left;   // reached before the directory may go
};
// A point of the WriteOrder of one batch.
struct OrderPoint {
  std::uint64_t batch = 0;
  std::uint64_t point = 0;
};

// A file or directory in use.
struct Node {
  NodeId id = 0;
  std::uint64_t position = 0;  // of its entry on the medium; 0 for the root and deleted files
  bool deleted = false;
  bool pinned = false;  // cannot be found again by its number
  FileInfo own_info;    // its fields: on exFAT always, on FAT if no entry has them
  ClusterChain chain{0};
  std::unique_ptr<Records> directory;   // once it has been read
  std::unique_ptr<Records> unread;      // instead, while it is being read
  std::optional<std::uint64_t> cut_in;  // the batch that shortens the chain
  std::optional<Origin> origin;
  // Directories: where it was last found; 0 if it has not been found yet.
  NodeId parent = 0;
  // Directories, points to reach: all that moved out of it is found elsewhere; it is new, and is
  // found.
  std::optional<OrderPoint> left;
  std::optional<OrderPoint> made;
  std::uint64_t ordered_in = 0;  // the batch that needs the above, or 0
  std::chrono::steady_clock::time_point handed_out = {};
  std::list<Node*>::iterator recency;

  // exFAT: of all its entries, if they are not consecutive.
  std::vector<std::uint64_t> positions;
  // FAT: the first cluster of the directory where it was found.
  std::optional<std::uint32_t> found_in;
};

// The nodes in memory, by number and by place. FAT stores no such numbers: the number of a file
// follows from the place of its entry, as long as it stays there. So most nodes can be dropped at
// any time and made again from the medium; those that moved, or were deleted while in use, stay
// until the kernel drops them. Used under the volume's lock.
class NodeTable {
 public:
  static constexpr NodeId kRoot = 1;
  static constexpr NodeId kUnknown = (NodeId{1} << 48) - 1;  // not the number of any file

  Node* known(NodeId id);
  [[nodiscard]] NodeId id_at(std::uint64_t position) const;
  // The place of an unknown number, if it can be one and no other node is there.
  [[nodiscard]] std::optional<std::uint64_t> natural_position(NodeId id) const;
  Node& add(NodeId id, std::uint64_t position);

  // A unique number for the file at the place. The caller gives it to the kernel. `fill` gets the
  // node if it had to be made.
  template <typename Fill>
  NodeId hand_out(std::uint64_t position, Fill fill) {
    NodeId id = id_at(position);
    auto found = nodes_.find(id);
    if (found != nodes_.end() && found->second.position != position) {
      // The natural number still belongs to a file that was there before.
      id = next_unnatural_++;
      fill(add(id, position));
      found = nodes_.find(id);
    }
    if (found != nodes_.end()) found->second.handed_out = std::chrono::steady_clock::now();
    return id;
  }

  void moved(Node& node, std::uint64_t position);
  // The name is gone; the node keeps a copy of the fields.
  void deleted(Node& node, const FileInfo& info);

  // A directory lies in another one; call this whenever the kernel learns its number. The medium
  // does not answer this later: exFAT does not store it, and FAT stores a cluster but not its
  // number.
  void lies_in(NodeId directory, NodeId parent);
  // kUnknown for a directory without such a call.
  [[nodiscard]] NodeId parent_of(NodeId directory) const;

  // Whether the node has to be told that the kernel forgets it.
  [[nodiscard]] bool waits_for_end(NodeId id) const;
  // The node if it was deleted and is no longer in use; a node that only moved is dropped.
  Node* ended(NodeId id, std::uint64_t committed_batches);
  void drop(NodeId id);
  [[nodiscard]] std::vector<NodeId> deleted_ids() const;

  // Drops nodes not used for long that can be made again. Runs now and then, and always after large
  // directories were read.
  void trim(std::uint64_t committed_batches);
  // All of the node's `unread` has been read.
  void read_directory(Node& node);

 private:
  // Above every number from a place on a medium.
  static constexpr NodeId kFirstUnnatural = kUnknown + 1;

  [[nodiscard]] static bool is_natural(const Node& node);
  [[nodiscard]] static bool is_ordered(const Node& node, std::uint64_t committed_batches);

  std::unordered_map<NodeId, Node> nodes_;
  std::unordered_map<std::uint64_t, NodeId> by_position_;
  std::unordered_map<NodeId, NodeId> parents_;  // of the directories the kernel knows
  std::list<Node*> recency_;                    // front: the most recently used
  NodeId next_unnatural_ = kFirstUnnatural;
  unsigned calls_ = 0;          // of trim() since its last run
  std::size_t names_read_ = 0;  // since then
};

}  // namespace airlock::fat
