// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/fat/node_table.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// Maps the kernel's numbers to files and to their fields on the medium: a slot (FatNodes) or a set
// of entries (ExfatNodes). Used under the volume's lock.
class Nodes : public NodeTable {
 public:
  virtual ~Nodes() = default;

  // ESTALE for a number never given out. Stays valid until the next trim().
  virtual Outcome<Node*> find(NodeId id) = 0;
  virtual Outcome<FileInfo> info_of(const Node& node) = 0;
  // Requires the write orders for storing: kCommitFirst if not now, EOPNOTSUPP if never.
  virtual Outcome<void> prepare_change(const Node& node) = 0;
  virtual Outcome<void> store(Node& node, const FileInfo& info) = 0;

  void trim() { NodeTable::trim(volume_.committed_batches()); }
  Node* ended(NodeId id) { return NodeTable::ended(id, volume_.committed_batches()); }

 protected:
  explicit Nodes(Volume& volume);
  // ESTALE for a place that cannot be in a directory.
  Outcome<std::span<std::byte>> record(std::uint64_t position);

  Volume& volume_;
};

}  // namespace airlock::fat
