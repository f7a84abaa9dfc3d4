// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "contained/fat/volume.h"

namespace airlock::fat {

// The records of one directory, whatever they mean: where each is, which are free, and in which to
// look for a name. Directory and ExfatDirectory know the rest. Used under the volume's lock.
class Records {
 public:
  virtual ~Records() = default;

  // How many there is room for.
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t name_count() const { return names_.size(); }
  [[nodiscard]] ClusterChain& chain() { return chain_; }

  Outcome<std::uint64_t> position_of(std::uint32_t index);
  [[nodiscard]] std::uint64_t block_of(std::uint64_t position) const;

 protected:
  // The longest run of records a name takes.
  static constexpr std::uint32_t kMostPerName = 21;

  Records(Volume& volume, const ClusterChain& chain) : volume_(volume), chain_(chain) {}

  Outcome<std::span<std::byte>> record(std::uint32_t index);
  Outcome<std::uint64_t> block_of_record(std::uint32_t index);
  // Changes the first byte.
  Outcome<void> mark(std::uint32_t index, std::uint8_t type);

  // A run of free records inside one block, since that is written at once.
  std::optional<std::uint32_t> free_run(std::uint32_t count);
  void mark_used(std::uint32_t first, std::uint32_t count);
  void mark_free(std::uint32_t first, std::uint32_t count);
  // Behind the end there may be anything. Where the end is about to move to, the medium has to say
  // that it is one before anybody can look there: kCommitFirst until it does.
  Outcome<void> clear_behind(std::uint32_t first, std::uint32_t count);
  // The end moves behind this run; those passed over become free.
  Outcome<void> move_end(std::uint32_t first, std::uint32_t count, std::uint8_t free_type);
  // Clusters were put at the end.
  void add_capacity(std::uint32_t clusters);

  // Names are remembered in folded form; several may lead to one record.
  void remember(std::u16string_view folded, std::uint32_t index);
  void forget(std::u16string_view folded, std::uint32_t index);
  [[nodiscard]] auto remembered(std::u16string_view folded) const {
    const auto [from, to] = names_.equal_range(hash_of(folded));
    return std::ranges::subrange(from, to);
  }

  Volume& volume_;
  ClusterChain chain_;  // empty: the root of FAT12 and FAT16
  std::uint32_t capacity_ = 0;
  std::uint32_t end_ = 0;  // the first that was never used; nothing counts behind it
  std::vector<bool> used_;

 private:
  [[nodiscard]] static std::uint32_t hash_of(std::u16string_view folded);

  std::unordered_multimap<std::uint32_t, std::uint32_t> names_;  // from hashes
  // Before these no run of so many free records begins in one block.
  std::array<std::uint32_t, kMostPerName + 1> search_from_ = {};
};

// Whether a name survives being a part of a path.
[[nodiscard]] bool is_showable(std::u16string_view name);

}  // namespace airlock::fat
