// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>

#include "contained/fat/exfat_directory.h"
#include "contained/fat/nodes.h"

namespace airlock::fat {

// Files on exFAT, of which a set of entries tells.
class ExfatNodes final : public Nodes {
 public:
  explicit ExfatNodes(Volume& volume) : Nodes(volume) {}

  // A number for the file, which nothing else has. It is being told to the kernel.
  NodeId hand_out(const ExfatName& name);
  // The file got another place.
  void moved(Node& node, const ExfatName& name);

  Outcome<Node*> find(NodeId id) override;
  Outcome<FileInfo> info_of(const Node& node) override;
  // EOPNOTSUPP where the entries lie so that no order is safe.
  Outcome<void> prepare_change(const Node& node) override;
  Outcome<void> store(Node& node, const FileInfo& info) override;

 private:
  Outcome<EntrySet> set_at(std::uint64_t position, std::span<const std::uint64_t> positions);
  [[nodiscard]] bool is_apart(const ExfatName& name) const;
  void fill(Node& node, const ExfatName& name);
};

}  // namespace airlock::fat
