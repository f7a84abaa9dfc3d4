// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>

#include "contained/fat/exfat_directory.h"
#include "contained/fat/nodes.h"

namespace airlock::fat {

// Files on exFAT, each described by a set of entries.
class ExfatNodes final : public Nodes {
 public:
  explicit ExfatNodes(Volume& volume) : Nodes(volume) {}

  // A unique number for the file. The caller gives it to the kernel.
  NodeId hand_out(const ExfatName& name);
  // The file is in another place now.
  void moved(Node& node, const ExfatName& name);

  Outcome<Node*> find(NodeId id) override;
  Outcome<FileInfo> info_of(const Node& node) override;
  // EOPNOTSUPP if the entries lie so that no order is safe.
  Outcome<void> prepare_change(const Node& node) override;
  Outcome<void> store(Node& node, const FileInfo& info) override;

 private:
  Outcome<EntrySet> set_at(std::uint64_t position, std::span<const std::uint64_t> positions);
  [[nodiscard]] bool is_apart(const ExfatName& name) const;
  void fill(Node& node, const ExfatName& name);
};

}  // namespace airlock::fat
