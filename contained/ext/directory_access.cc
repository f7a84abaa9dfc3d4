// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/directory_access.h"

#include <cerrno>

#include "contained/ext/directory_checksum.h"
#include "contained/ext/htree_format.h"

namespace airlock::ext {

std::unexpected<Errno> DirectoryAccess::broken(std::uint32_t block, std::string_view what) const {
  blocks_.corrupted(block, what);
  return refuse(EUCLEAN);
}

Outcome<DirectoryBlock> DirectoryAccess::load(std::uint32_t index) {
  if (index >= count()) return broken(index, "block lies behind the end of the directory");
  TRY(const DirectoryBlock block, blocks_.block(index));
  if (block.bytes.size() != format_.block_size || block.bytes.size() < kSmallestBlock)
    return refuse(EIO);
  return block;
}

Outcome<std::span<std::byte>> DirectoryAccess::checked_leaf(std::uint32_t index,
                                                            const DirectoryBlock& block) {
  if (!format_.checksums) return block.bytes;
  if (!block.verified) {
    if (!leaf_checksum_right(block.bytes, seed_))
      return broken(index, "checksum of a directory block is wrong");
    blocks_.mark_verified(index);
  }
  return leaf_part(block.bytes);
}

std::span<std::byte> DirectoryAccess::leaf_part(std::span<std::byte> block) const {
  return block.first(block.size() - (format_.checksums ? kLeafTail : 0));
}

Outcome<std::span<std::byte>> DirectoryAccess::raw(std::uint32_t index) {
  TRY(const DirectoryBlock block, load(index));
  return block.bytes;
}

Outcome<std::span<std::byte>> DirectoryAccess::checked_node(std::uint32_t index,
                                                            const DirectoryBlock& block,
                                                            std::size_t count_offset) {
  if (format_.checksums && !block.verified) {
    if (!index_checksum_right(block.bytes, count_offset, seed_))
      return broken(index, "checksum of an index block is wrong");
    blocks_.mark_verified(index);
  }
  return block.bytes;
}

Outcome<std::span<std::byte>> DirectoryAccess::leaf(std::uint32_t index) {
  TRY(const DirectoryBlock block, load(index));
  return checked_leaf(index, block);
}

Outcome<std::span<std::byte>> DirectoryAccess::node(std::uint32_t index, std::size_t count_offset) {
  TRY(const DirectoryBlock block, load(index));
  return checked_node(index, block, count_offset);
}

Outcome<ScannedBlock> DirectoryAccess::scan(std::uint32_t index) {
  TRY(const DirectoryBlock block, load(index));
  const bool node = hashed() && (index == 0 || looks_like_node(block.bytes, format_.block_size));
  if (!node) {
    TRY(const auto records, checked_leaf(index, block));
    return ScannedBlock{.bytes = block.bytes, .records = records};
  }
  TRY(const auto bytes, checked_node(index, block, index == 0 ? kRootCount : kNodeCount));
  return ScannedBlock{.bytes = bytes, .records = bytes};
}

Outcome<std::uint32_t> DirectoryAccess::append_leaf() {
  TRY(const std::uint32_t index, blocks_.append());
  TRY(const auto block, raw(index));
  format_records(leaf_part(block), record_format());
  // Valid from the start, so that whatever fails next leaves an empty block and no nonsense.
  TRY_VOID(leaf_changed(index));
  blocks_.mark_verified(index);
  return index;
}

Outcome<void> DirectoryAccess::leaf_changed(std::uint32_t index) {
  if (format_.checksums) {
    TRY(const DirectoryBlock block, load(index));
    set_leaf_checksum(block.bytes, seed_);
  }
  return blocks_.changed(index);
}

Outcome<void> DirectoryAccess::node_changed(std::uint32_t index, std::size_t count_offset) {
  if (format_.checksums) {
    TRY(const DirectoryBlock block, load(index));
    if (!set_index_checksum(block.bytes, count_offset, seed_))
      return broken(index, "index block has no room for its checksum");
  }
  return blocks_.changed(index);
}

}  // namespace airlock::ext
