// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "contained/fat/directory.h"
#include "contained/fat/node_table.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// A file or directory somebody works with.
struct Node : NodeBase {
  std::array<std::byte, kSlotSize> own_slot = {};  // instead of one on the medium
  std::unique_ptr<Directory> directory;            // once it was needed
  std::optional<std::uint32_t> found_in;           // first cluster of the directory it was found in
};

// From the numbers the kernel knows files by to files, on FAT. Used under the volume's lock.
class Nodes : public NodeTable<Node> {
 public:
  explicit Nodes(Volume& volume);

  // ESTALE for a number nobody can have been given. Stays valid until the next trim().
  Outcome<Node*> find(NodeId id);
  // A number for the file at the place, which nothing else has. It is being told to the kernel.
  NodeId hand_out(std::uint64_t position);
  // The name is gone; what the slot said is kept in the node.
  void deleted(Node& node, Slot slot);

  Outcome<Slot> slot_of(Node& node);
  void slot_changed(const Node& node);
  void trim() { NodeTable::trim(volume_.committed_batches()); }

 private:
  Outcome<Slot> slot_at(std::uint64_t position);

  Volume& volume_;
};

}  // namespace airlock::fat
