// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "contained/runtime/outcome.h"

namespace airlock::udf {

// A block of a partition. Which partition is said by the number of its map.
struct Place {
  std::uint32_t block = 0;
  std::uint16_t partition = 0;
};

// Where an extent begins, and how many bytes it has.
struct LongExtent {
  static constexpr std::size_t kBytes = 16;
  static LongExtent decode(std::span<const std::byte> bytes, std::size_t at);

  Place place;
  std::uint32_t length = 0;  // with the kind in its two highest bits
  [[nodiscard]] std::uint32_t bytes() const { return length & 0x3fffffff; }
};

// Reads blocks of partitions, wherever on the medium they are.
class BlockReader {
 public:
  explicit BlockReader(std::uint32_t block_size) : block_size_(block_size) {}
  virtual ~BlockReader() = default;
  BlockReader(const BlockReader&) = default;
  BlockReader& operator=(const BlockReader&) = default;

  [[nodiscard]] std::uint32_t block_size() const { return block_size_; }
  // The bytes from an offset behind the begin of this block on. EIO for what lies outside of the
  // partition or has no place on the medium.
  virtual Outcome<void> read(Place place, std::uint64_t offset,
                             std::span<std::byte> into) const = 0;
  [[nodiscard]] Outcome<std::vector<std::byte>> read_block(Place place) const;

 private:
  std::uint32_t block_size_;
};

}  // namespace airlock::udf
