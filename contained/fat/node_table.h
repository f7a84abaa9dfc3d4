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

// Where the medium has the name of a file that was renamed since the last batch was written.
struct Origin {
  std::uint64_t batch = 0;
  NodeId directory = 0;
  std::uint64_t position = 0;
  std::vector<std::uint64_t> sectors;  // they wait for the new name
  std::uint32_t print = 0;             // see RenameNote
  std::optional<std::uint64_t> left;   // the directory may go once this point is reached
};
// A point of the WriteOrder of one batch.
struct OrderPoint {
  std::uint64_t batch = 0;
  std::uint64_t point = 0;
};

// A file or directory somebody works with.
struct Node {
  NodeId id = 0;
  std::uint64_t position = 0;  // of its entry on the medium; 0 for the root and what is deleted
  bool deleted = false;
  bool pinned = false;  // cannot be found again by its number
  FileInfo own_info;    // exFAT: what the medium says; always: instead of it, where it says nothing
  ClusterChain chain{0};
  std::unique_ptr<Records> directory;   // once it was needed
  std::unique_ptr<Records> unread;      // the same as long as there is more of it to read
  std::optional<std::uint64_t> cut_in;  // the batch that makes the chain shorter
  std::optional<Origin> origin;
  // Directories: where it was found last; 0 if nobody has looked for it.
  NodeId parent = 0;
  // Directories: all that was moved out of it is found elsewhere; it was made, and is found.
  std::optional<OrderPoint> left;
  std::optional<OrderPoint> made;
  std::uint64_t ordered_in = 0;  // the batch that needs the above, or 0
  std::chrono::steady_clock::time_point handed_out = {};
  std::list<Node*>::iterator recency;

  // exFAT: of all its entries, where they do not simply follow each other.
  std::vector<std::uint64_t> positions;
  // FAT: first cluster of the directory it was found in.
  std::optional<std::uint32_t> found_in;
};

// The nodes in memory, by number and by place. FAT has no such numbers: a file is numbered after
// the place of its entry, as long as it stays there. So most nodes can be dropped at any time and
// made again from the medium; those that moved, or were deleted while in use, stay until the kernel
// has dropped them. Used under the volume's lock.
class NodeTable {
 public:
  static constexpr NodeId kRoot = 1;
  static constexpr NodeId kUnknown = (NodeId{1} << 48) - 1;  // no file has this number

  Node* known(NodeId id);
  [[nodiscard]] NodeId id_at(std::uint64_t position) const;
  // Where a number that is not known must be, if it can be one and nobody else is there.
  [[nodiscard]] std::optional<std::uint64_t> natural_position(NodeId id) const;
  Node& add(NodeId id, std::uint64_t position);

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

  void moved(Node& node, std::uint64_t position);
  // The name is gone; the node keeps what was said of the file.
  void deleted(Node& node, const FileInfo& info);

  // A directory lies in another one; said whenever the kernel is told its number. The medium cannot
  // be asked later: exFAT does not know, FAT knows a cluster but not the number that goes with it.
  void lies_in(NodeId directory, NodeId parent);
  // kUnknown for one of which that was never said.
  [[nodiscard]] NodeId parent_of(NodeId directory) const;

  // Whether it matters that the kernel forgets it.
  [[nodiscard]] bool waits_for_end(NodeId id) const;
  // The node if it was deleted and nobody uses it any more; what only moved is dropped.
  Node* ended(NodeId id, std::uint64_t committed_batches);
  void drop(NodeId id);
  [[nodiscard]] std::vector<NodeId> deleted_ids() const;

  // Drops what was not used for long and can be made again. Looks now and then, and always after
  // large directories were read.
  void trim(std::uint64_t committed_batches);
  // All of the node's `unread` has been read.
  void read_directory(Node& node);

 private:
  // Above every place on a medium.
  static constexpr NodeId kFirstUnnatural = kUnknown + 1;

  [[nodiscard]] static bool is_natural(const Node& node);
  [[nodiscard]] static bool is_ordered(const Node& node, std::uint64_t committed_batches);

  std::unordered_map<NodeId, Node> nodes_;
  std::unordered_map<std::uint64_t, NodeId> by_position_;
  std::unordered_map<NodeId, NodeId> parents_;  // of the directories the kernel knows
  std::list<Node*> recency_;                    // front: used last
  NodeId next_unnatural_ = kFirstUnnatural;
  unsigned calls_ = 0;          // of trim() since it looked
  std::size_t names_read_ = 0;  // since then
};

}  // namespace airlock::fat
