// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "contained/ext/block_map.h"

namespace airlock::ext::testing {

// A volume of blocks in memory that keeps count of what is in use, refuses what is not, and can be
// told to run full. Data blocks are taken through take_data, as the caller of a map would.
class MemoryMapBlocks final : public MapBlocks {
 public:
  MemoryMapBlocks(std::uint32_t block_size, std::uint64_t size)
      : block_size_(block_size), size_(size) {}

  Outcome<MapBlock> block(std::uint64_t physical) override {
    ++visits;
    return MapBlock{bytes(physical), checked_.contains(physical)};
  }
  Outcome<std::span<std::byte>> fresh(std::uint64_t physical) override {
    auto& block = contents_[physical];
    block.assign(block_size_, std::byte{0});
    checked_.insert(physical);
    return std::span(block);
  }
  void checked(std::uint64_t physical) override { checked_.insert(physical); }
  void changed(std::uint64_t physical) override { changed_.insert(physical); }
  Outcome<std::uint64_t> allocate(std::uint64_t goal) override {
    if (allocations_left && (*allocations_left)-- == 0) {
      allocations_left = 0;
      return refuse(ENOSPC);
    }
    const auto found = free_run(goal, 1);
    if (!found) return refuse(ENOSPC);
    map_.insert(*found);
    return *found;
  }
  Outcome<void> release(std::uint64_t physical, std::uint64_t count, MapUse use) override {
    auto& used = use == MapUse::kMap ? map_ : data_;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (used.erase(physical + i) == 0) {
        ++wrong_releases;
        return refuse(EUCLEAN);
      }
    }
    if (use == MapUse::kMap) {
      contents_.erase(physical);
      checked_.erase(physical);
    }
    return {};
  }
  bool valid(std::uint64_t physical, std::uint64_t count) const override {
    return physical >= kFirst && physical < size_ && count <= size_ - physical;
  }
  void damaged(std::string_view what) override { complaint = what; }

  std::optional<std::uint64_t> take_data(std::uint64_t goal, std::uint64_t count) {
    const auto found = free_run(goal, count);
    for (std::uint64_t i = 0; found && i < count; ++i) data_.insert(*found + i);
    return found;
  }
  // As if the cache had dropped and read everything again.
  void forget_checked() { checked_.clear(); }

  std::span<std::byte> bytes(std::uint64_t physical) {
    auto& block = contents_[physical];
    if (block.empty()) block.assign(block_size_, std::byte{0});
    return block;
  }
  [[nodiscard]] const std::set<std::uint64_t>& map() const { return map_; }
  [[nodiscard]] const std::set<std::uint64_t>& data() const { return data_; }

  std::optional<std::uint64_t> allocations_left;
  std::uint64_t wrong_releases = 0;
  std::uint64_t visits = 0;  // what walking the map costs
  std::string complaint;

 private:
  static constexpr std::uint64_t kFirst = 8;  // what is before is the volume's own

  std::optional<std::uint64_t> free_run(std::uint64_t goal, std::uint64_t count) {
    for (const std::uint64_t from : {goal, kFirst}) {
      std::uint64_t length = 0;
      for (std::uint64_t at = std::max(from, kFirst); at < size_; ++at) {
        length = map_.contains(at) || data_.contains(at) ? 0 : length + 1;
        if (length == count) return at + 1 - count;
      }
    }
    return std::nullopt;
  }

  std::uint32_t block_size_;
  std::uint64_t size_;
  // Addresses must stay the same, so the blocks are their own vectors.
  std::map<std::uint64_t, std::vector<std::byte>> contents_;
  std::set<std::uint64_t> map_, data_, checked_, changed_;
};

}  // namespace airlock::ext::testing
