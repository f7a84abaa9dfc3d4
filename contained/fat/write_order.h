// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace airlock::fat {

// Which changed sectors have to reach the medium before which others. A medium writes a sector
// whole or not at all, so a block of the cache is split if its sectors have an order. Besides
// sectors there are points: a point has several sectors before it and several after it, and is not
// written itself.
class WriteOrder {
 public:
  static constexpr std::uint64_t kSectorSize = 512;

  // A new point.
  [[nodiscard]] std::uint64_t new_point() { return kFirstPoint + points_++; }

  // False if it contradicts an earlier order; then everything has to be written first.
  [[nodiscard]] bool require(std::uint64_t before, std::uint64_t after);
  // The same for many consecutive sectors.
  [[nodiscard]] bool require_all(std::uint64_t first, std::uint64_t count, std::uint64_t after);

  // A sector and the next one have to be written by one write. False as above.
  [[nodiscard]] bool join(std::uint64_t sector);
  [[nodiscard]] bool is_joined(std::uint64_t sector) const { return leader_.contains(sector + 1); }

  [[nodiscard]] bool empty() const {
    return followers_.empty() && ranges_.empty() && leader_.empty();
  }

  // The number of flushes before a sector, for the sectors that have to wait for any.
  using Steps = std::unordered_map<std::uint64_t, std::size_t>;
  [[nodiscard]] Steps steps() const;

 private:
  // Above every sector of a medium.
  static constexpr std::uint64_t kFirstPoint = std::uint64_t{1} << 62;
  using Sectors = std::unordered_set<std::uint64_t>;
  struct Range {
    std::uint64_t count;
    std::uint64_t after;
  };
  class Levels;

  [[nodiscard]] std::uint64_t leader(std::uint64_t sector) const;
  template <typename Is>
  [[nodiscard]] bool leads_to_any(std::uint64_t from, Is is) const;
  [[nodiscard]] bool leads_to(std::uint64_t from, std::uint64_t to) const;
  template <typename Use>
  void for_each_range_with(std::uint64_t sector, Use use) const;

  std::unordered_map<std::uint64_t, Sectors> followers_;  // leaders only
  std::multimap<std::uint64_t, Range> ranges_;            // by their first sectors
  std::uint64_t longest_range_ = 0;
  // From a sector that is written with the one before to that one.
  std::unordered_map<std::uint64_t, std::uint64_t> leader_;
  std::uint64_t points_ = 0;
};

}  // namespace airlock::fat
