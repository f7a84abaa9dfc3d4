// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "contained/ext/directory.h"
#include "lib/base/byte_view.h"

// Where things are in the blocks of a directory index. The root is block 0 of the directory: ".",
// ".." whose record covers the rest of the block, the description of the index, and the first
// entries. Every other node starts with a free record as long as the block, so that who knows
// nothing of indexes sees no names in it. Limit and count stand where the first entry's hash would.
namespace airlock::ext {

inline constexpr std::size_t kSmallestBlock = 1024;
inline constexpr std::uint32_t kDotRecord = 12;

inline constexpr std::size_t kRootHashVersion = 28;
inline constexpr std::size_t kRootInfoLength = 29;
inline constexpr std::size_t kRootLevels = 30;  // levels of nodes below the root
inline constexpr std::size_t kRootFlags = 31;
inline constexpr std::size_t kRootCount = 32;
inline constexpr std::size_t kNodeCount = 8;
inline constexpr std::size_t kIndexEntrySize = 8;
inline constexpr std::uint8_t kInfoLength = 8;

// The high bits of a block number are reserved.
inline constexpr std::uint32_t kTargetMask = 0x0fffffff;

bool looks_like_node(std::span<const std::byte> block, std::uint32_t block_size);
// Makes a new block an index node without entries.
void format_node(std::span<std::byte> block, const DirectoryFormat& format);

// How many entries fit into a node whose limit and count are there.
std::uint16_t index_limit(const DirectoryFormat& format, std::size_t count_offset);

// A node of the index: a sorted list of (hash, block below). Each entry covers the hashes from its
// own to the next one's; an odd hash says that names of that hash are before it too. The hash of
// entry 0 is nowhere, it is that of the entry above.
class IndexNode {
 public:
  IndexNode() = default;
  IndexNode(std::uint32_t block, std::span<std::byte> bytes, std::size_t count_offset)
      : block_(block), bytes_(bytes), count_offset_(count_offset) {}

  std::uint32_t block() const { return block_; }
  std::size_t count_offset() const { return count_offset_; }
  std::uint16_t limit() const { return get<std::uint16_t>(count_offset_); }
  std::uint16_t count() const { return get<std::uint16_t>(count_offset_ + 2); }
  bool full() const { return count() >= limit(); }
  std::uint32_t hash(std::size_t i) const { return get<std::uint32_t>(at(i)); }
  std::uint32_t target(std::size_t i) const { return get<std::uint32_t>(at(i) + 4) & kTargetMask; }
  // The entry that covers a hash.
  std::size_t find(std::uint32_t hash) const;

  void set_limit(std::uint16_t limit) { put(count_offset_, limit); }
  void set_count(std::uint16_t count) { put(count_offset_ + 2, count); }
  void set_target(std::size_t i, std::uint32_t block) { put(at(i) + 4, block); }
  // There must be room.
  void insert_after(std::size_t i, std::uint32_t hash, std::uint32_t block);
  // Moves the entries from first on into a fresh node.
  void move_entries(std::size_t first, IndexNode& to);

 private:
  std::size_t at(std::size_t i) const { return count_offset_ + i * kIndexEntrySize; }
  // The limit was checked against the block when the node was read: nothing lies outside.
  template <typename T>
  T get(std::size_t offset) const {
    return load_le<T>(bytes_, offset).value_or(T{0});
  }
  template <typename T>
  void put(std::size_t offset, T value) {
    (void)store_le<T>(bytes_, offset, value);
  }

  std::uint32_t block_ = 0;
  std::span<std::byte> bytes_;
  std::size_t count_offset_ = 0;
};

}  // namespace airlock::ext
