// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/fat/nodes.h"
#include "contained/fat/slot.h"

namespace airlock::fat {

// Files on FAT, each described by one slot.
class FatNodes final : public Nodes {
 public:
  explicit FatNodes(Volume& volume) : Nodes(volume) {}

  // A unique number for the file at the place. The caller gives it to the kernel.
  NodeId hand_out(std::uint64_t position);

  Outcome<Node*> find(NodeId id) override;
  Outcome<FileInfo> info_of(const Node& node) override;
  Outcome<void> prepare_change(const Node&) override { return {}; }
  Outcome<void> store(Node& node, const FileInfo& info) override;

 private:
  Outcome<Slot> slot_at(std::uint64_t position);
};

}  // namespace airlock::fat
