// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "contained/fat/exfat_directory.h"
#include "contained/fat/node_table.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// A file or directory somebody works with.
struct ExfatNode : NodeBase {
  // Of all its entries, where they do not simply follow each other.
  std::vector<std::uint64_t> positions;
  FileInfo own_info;                          // instead of what the medium says
  std::unique_ptr<ExfatDirectory> directory;  // once it was needed
};

// From the numbers the kernel knows files by to files, on exFAT. Used under the volume's lock.
class ExfatNodes : public NodeTable<ExfatNode> {
 public:
  explicit ExfatNodes(Volume& volume);

  // ESTALE for a number nobody can have been given. Stays valid until the next trim().
  Outcome<ExfatNode*> find(NodeId id);
  // A number for the file, which nothing else has. It is being told to the kernel.
  NodeId hand_out(const ExfatName& name);
  // The file got another place, or lost its name and keeps what its entries said.
  void moved(ExfatNode& node, const ExfatName& name);
  void deleted(ExfatNode& node, const FileInfo& info);

  Outcome<FileInfo> info_of(ExfatNode& node);
  // Requires what writing the entries of the file takes: kCommitFirst if not now. EOPNOTSUPP where
  // they lie so that no order is safe.
  Outcome<void> prepare_change(ExfatNode& node);
  Outcome<void> store(ExfatNode& node, const FileInfo& info);
  // The block that says what has to be changed in it.
  [[nodiscard]] std::uint64_t block_of(const ExfatNode& node) const;

  void trim() { NodeTable::trim(volume_.committed_batches()); }

 private:
  Outcome<std::span<std::byte>> entry(std::uint64_t position);
  Outcome<EntrySet> set_at(std::uint64_t position, std::span<const std::uint64_t> positions);
  [[nodiscard]] bool is_apart(const ExfatName& name) const;
  void fill(ExfatNode& node, const ExfatName& name);

  Volume& volume_;
};

}  // namespace airlock::fat
