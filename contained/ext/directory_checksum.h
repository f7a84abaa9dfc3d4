// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// The checksums of directory blocks (metadata_csum): leaves end in a fake entry that carries it,
// index nodes in a tail behind the last entry they could hold. `seed` is the checksum of the inode
// (see Directory). Blocks may be hostile; a place outside the block is an answer, not a fault.
namespace airlock::ext {

inline constexpr std::uint32_t kLeafTail = 12;
inline constexpr std::uint32_t kIndexTail = 8;

bool leaf_checksum_right(std::span<const std::byte> block, std::uint32_t seed);
// Writes the whole tail, so it serves new blocks too.
void set_leaf_checksum(std::span<std::byte> block, std::uint32_t seed);

// count_offset is where limit and count of the node are: 8, or 32 in the root.
bool index_checksum_right(std::span<const std::byte> block, std::size_t count_offset,
                          std::uint32_t seed);
// False when the node has no place for it.
[[nodiscard]] bool set_index_checksum(std::span<std::byte> block, std::size_t count_offset,
                                      std::uint32_t seed);

// ext2fs_crc32c_le over a span.
std::uint32_t crc32c(std::uint32_t start, std::span<const std::byte> bytes);

}  // namespace airlock::ext
