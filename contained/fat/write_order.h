// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace airlock::fat {

// Which changed blocks have to be on the medium before which others.
class WriteOrder {
 public:
  // False where it contradicts what was asked for before; then everything has to be written first.
  [[nodiscard]] bool require(std::uint64_t before, std::uint64_t after);

  // A block and the next one have to be written by one write. False as above.
  [[nodiscard]] bool join(std::uint64_t block);
  [[nodiscard]] bool is_joined(std::uint64_t block) const { return leader_.contains(block + 1); }

  [[nodiscard]] bool empty() const { return followers_.empty(); }

  // The blocks in groups; a group may be written in any order once those before it are durable.
  [[nodiscard]] std::vector<std::vector<std::uint64_t>> groups(
      std::span<const std::uint64_t> blocks) const;

 private:
  using Blocks = std::unordered_set<std::uint64_t>;
  [[nodiscard]] std::uint64_t leader(std::uint64_t block) const;
  [[nodiscard]] bool leads_to(std::uint64_t from, std::uint64_t to) const;

  std::unordered_map<std::uint64_t, Blocks> followers_;  // leaders only
  // From blocks that are written with the one before to that one.
  std::unordered_map<std::uint64_t, std::uint64_t> leader_;
};

}  // namespace airlock::fat
