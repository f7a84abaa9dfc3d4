// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace airlock::ext {

struct Extent {
  std::uint32_t logical = 0;
  std::uint64_t physical = 0;
  std::uint32_t count = 0;
  bool unwritten = false;

  [[nodiscard]] std::uint64_t end() const { return std::uint64_t{logical} + count; }
  // Whether `next` continues this one and one entry can hold both.
  [[nodiscard]] bool joins(const Extent& next) const;
};

struct ExtentIndex {
  std::uint32_t logical = 0;
  std::uint64_t child = 0;
};

inline constexpr std::uint32_t kLongestWritten = 32768;
inline constexpr std::uint32_t kLongestUnwritten = 32767;
inline constexpr std::uint16_t kDeepestTree = 5;
inline constexpr std::uint64_t kExtentLogicalEnd = std::uint64_t{1} << 32;
inline constexpr std::uint64_t kExtentPhysicalEnd = std::uint64_t{1} << 48;

// One node of an extent tree, root or block, over bytes it does not own. Positions beyond the bytes
// read as zeros and are never written, whatever the header claims, so that a node that was valid
// when checked and has been overwritten since, through damage, can do no harm.
class ExtentNode {
 public:
  ExtentNode() = default;
  explicit ExtentNode(std::span<std::byte> bytes) : bytes_(bytes) {}

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  // Makes an empty node from all the bytes.
  void initialize(std::uint16_t depth);

  [[nodiscard]] bool has_magic() const;
  [[nodiscard]] std::uint16_t entries() const;
  [[nodiscard]] std::uint16_t max() const;
  [[nodiscard]] std::uint16_t depth() const;
  // The value of max() in a node made by initialize().
  [[nodiscard]] std::uint16_t capacity() const;
  void set_entries(std::uint16_t entries);
  void set_depth(std::uint16_t depth);

  [[nodiscard]] std::uint32_t key(int position) const;
  void set_key(int position, std::uint32_t logical);
  [[nodiscard]] Extent extent(int position) const;
  void set_extent(int position, const Extent& extent);
  [[nodiscard]] ExtentIndex index(int position) const;
  void set_index(int position, const ExtentIndex& index);

  // The last entry that starts at or before `logical`, -1 if there is none. Even in a node out of
  // order, the entry after it starts later.
  [[nodiscard]] int last_not_after(std::uint64_t logical) const;

  // Makes room for a zeroed entry; the node must not be full.
  void open_gap(int position);
  // Removes the entries from `first` to before `last`.
  void erase(int first, int last);
  // Moves the entries from `first` on to the end of another node.
  void move_tail(int first, ExtentNode& to);

  // All conditions on the header, then on the entries. `low` and `high` bound the logical blocks
  // that the node may describe. Returns the fault, for a person, or an empty text.
  [[nodiscard]] std::string_view check_header(std::uint64_t low, std::uint64_t high) const;
  [[nodiscard]] std::string_view check_entries(std::uint64_t low, std::uint64_t high) const;

  [[nodiscard]] bool checksum_matches(std::uint32_t seed) const;
  void set_checksum(std::uint32_t seed);

 private:
  [[nodiscard]] std::span<std::byte> slot(int position) const;
  [[nodiscard]] std::uint16_t header_field(std::size_t offset) const;
  void set_header_field(std::size_t offset, std::uint16_t value);
  [[nodiscard]] std::size_t tail_offset() const;
  [[nodiscard]] std::uint64_t last_end() const;

  std::span<std::byte> bytes_;
};

}  // namespace airlock::ext
