// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/superblock_checksum.h"

#include <cstddef>
#include <span>

#include "contained/ext/libext2fs.h"

namespace airlock::ext {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f6'3b78;
constexpr std::size_t kField = offsetof(ext2_super_block, s_snapshot_id);
constexpr std::size_t kBehindField = kField + sizeof(ext2_super_block::s_snapshot_id);
constexpr std::size_t kEnd = offsetof(ext2_super_block, s_checksum);
static_assert(kBehindField <= 512);

std::uint32_t sum(std::uint32_t start, std::span<const unsigned char> bytes) {
  return ext2fs_crc32c_le(start, bytes.data(), bytes.size());
}

// What the sum was before the byte, if it is `after` behind it.
std::uint32_t sum_before(std::uint32_t after, unsigned char byte) {
  for (int bit = 0; bit < 8; ++bit) {
    const bool divided = (after >> 31) != 0;
    after = divided ? (after ^ kPolynomial) << 1 | 1 : after << 1;
  }
  return after ^ byte;
}

std::span<const unsigned char> bytes_of(const ext2_super_block& super) {
  return {reinterpret_cast<const unsigned char*>(&super), sizeof super};
}

}  // namespace

std::uint32_t superblock_checksum(const ext2_super_block& super) {
  return sum(~0U, bytes_of(super).first(kEnd));
}

// Forwards from the start to the field, backwards from the end to it: the four bytes between have
// to lead from the one to the other.
void keep_superblock_checksum(ext2_super_block& super) {
  const auto bytes = bytes_of(super);
  std::uint32_t wanted = super.s_checksum;
  for (std::size_t i = kEnd; i-- > kBehindField;) wanted = sum_before(wanted, bytes[i]);
  for (std::size_t i = kBehindField; i-- > kField;) wanted = sum_before(wanted, 0);
  super.s_snapshot_id = sum(~0U, bytes.first(kField)) ^ wanted;
}

}  // namespace airlock::ext
