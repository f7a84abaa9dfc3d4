// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/directory_checksum.h"

#include <ext2fs/ext2_fs.h>

#include <array>
#include <optional>

#include "contained/ext/libext2fs.h"
#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::uint64_t kLeafTailHeader = 0xDE00'000C'0000'0000;  // inode 0, length 12, type 0xDE
constexpr std::size_t kIndexEntry = 8;

struct IndexChecksum {
  std::size_t offset;
  std::uint32_t value;
};

std::optional<IndexChecksum> index_checksum(std::span<const std::byte> block,
                                            std::size_t count_offset, std::uint32_t seed) {
  const auto limit = load_le<std::uint16_t>(block, count_offset);
  const auto count = load_le<std::uint16_t>(block, count_offset + 2);
  if (!limit || !count || *count > *limit) return std::nullopt;
  const std::size_t tail = count_offset + *limit * kIndexEntry;
  if (tail > block.size() || block.size() - tail < kIndexTail) return std::nullopt;

  // The checksum covers the used entries and the tail, in which its own place counts as zero.
  constexpr std::array<std::byte, 4> kZero{};
  std::uint32_t value = crc32c(seed, block.first(count_offset + *count * kIndexEntry));
  value = crc32c(value, block.subspan(tail, 4));
  return IndexChecksum{.offset = tail + 4, .value = crc32c(value, kZero)};
}

}  // namespace

std::uint32_t crc32c(std::uint32_t start, std::span<const std::byte> bytes) {
  return ext2fs_crc32c_le(start, reinterpret_cast<const unsigned char*>(bytes.data()),
                          bytes.size());
}

bool leaf_checksum_right(std::span<const std::byte> block, std::uint32_t seed) {
  if (block.size() < kLeafTail) return false;
  const std::size_t tail = block.size() - kLeafTail;
  return load_le<std::uint64_t>(block, tail) == kLeafTailHeader &&
         load_le<std::uint32_t>(block, tail + 8) == crc32c(seed, block.first(tail));
}

void set_leaf_checksum(std::span<std::byte> block, std::uint32_t seed) {
  const std::size_t tail = block.size() - kLeafTail;
  (void)store_le(block, tail, kLeafTailHeader);  // both fit: a block is at least 1 KiB
  (void)store_le(block, tail + 8, crc32c(seed, block.first(tail)));
}

bool index_checksum_right(std::span<const std::byte> block, std::size_t count_offset,
                          std::uint32_t seed) {
  const auto expected = index_checksum(block, count_offset, seed);
  return expected && load_le<std::uint32_t>(block, expected->offset) == expected->value;
}

bool set_index_checksum(std::span<std::byte> block, std::size_t count_offset, std::uint32_t seed) {
  const auto checksum = index_checksum(block, count_offset, seed);
  return checksum && store_le(block, checksum->offset, checksum->value);
}

}  // namespace airlock::ext
