// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace airlock::fat {

// Maps the names of a directory to their places: it keeps hashes and places, not the names, in ten
// to twenty bytes a name at any size. A search examines all places with the same hash.
class NameIndex {
 public:
  // The most places for one hash. Different names do not share one that often, so the directory is
  // damaged or crafted to be slow; `is_full` reports this.
  static constexpr std::size_t kMostAlike = 32;

  // Seeded, so that the author of a medium cannot predict the hashes.
  [[nodiscard]] static std::uint32_t hash_of(std::u16string_view folded);

  void add(std::uint32_t hash, std::uint32_t place);
  // Returns whether it was there.
  bool remove(std::uint32_t hash, std::uint32_t place);
  [[nodiscard]] std::vector<std::uint32_t> places(std::uint32_t hash) const;
  [[nodiscard]] static bool is_full(std::size_t places) { return places >= kMostAlike; }

  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  static constexpr std::uint32_t kEmpty = ~std::uint32_t{0};
  static constexpr std::uint32_t kRemoved = kEmpty - 1;  // no place has these numbers
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t place = kEmpty;
  };

  [[nodiscard]] std::size_t first_slot(std::uint32_t hash) const {
    return hash & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t next_slot(std::size_t slot) const {
    return (slot + 1) & (slots_.size() - 1);
  }
  void make_room();

  std::vector<Slot> slots_;  // none, or a power of two
  std::size_t used_ = 0;
  std::size_t taken_ = 0;  // including removed ones
};

}  // namespace airlock::fat
