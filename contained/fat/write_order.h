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

  [[nodiscard]] bool empty() const { return followers_.empty(); }

  // The blocks in groups; a group may be written in any order once those before it are durable.
  [[nodiscard]] std::vector<std::vector<std::uint64_t>> groups(
      std::span<const std::uint64_t> blocks) const;

 private:
  using Blocks = std::unordered_set<std::uint64_t>;
  [[nodiscard]] bool leads_to(std::uint64_t from, std::uint64_t to) const;

  std::unordered_map<std::uint64_t, Blocks> followers_;
};

}  // namespace airlock::fat
