// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/htree_format.h"

#include <algorithm>

#include "contained/ext/directory_checksum.h"
#include "contained/ext/directory_record.h"

namespace airlock::ext {

bool looks_like_node(std::span<const std::byte> block, std::uint32_t block_size) {
  return load_le<std::uint32_t>(block, 0) == 0U &&
         decode_record_length(load_le<std::uint16_t>(block, 4).value_or(1), block_size) ==
             block_size;
}

std::uint16_t index_limit(const DirectoryFormat& format, std::size_t count_offset) {
  const std::size_t tail = format.checksums ? kIndexTail : 0;
  return static_cast<std::uint16_t>((format.block_size - count_offset - tail) / kIndexEntrySize);
}

void format_node(std::span<std::byte> block, const DirectoryFormat& format) {
  std::ranges::fill(block, std::byte{0});
  format_records(block, {.block_size = format.block_size, .file_types = format.file_types});
  IndexNode(0, block, kNodeCount).set_limit(index_limit(format, kNodeCount));
}

std::size_t IndexNode::find(std::uint32_t wanted) const {
  std::size_t low = 1;
  std::size_t high = count();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (hash(middle) > wanted)
      high = middle;
    else
      low = middle + 1;
  }
  return low - 1;
}

void IndexNode::insert_after(std::size_t i, std::uint32_t hash, std::uint32_t block) {
  const std::size_t entries = count();
  const auto behind = bytes_.subspan(at(i + 1), (entries - i - 1) * kIndexEntrySize);
  const auto room = bytes_.subspan(at(i + 2), behind.size());
  std::ranges::copy_backward(behind, room.end());
  put(at(i + 1), hash);
  set_target(i + 1, block);
  set_count(static_cast<std::uint16_t>(entries + 1));
}

void IndexNode::move_entries(std::size_t first, IndexNode& to) {
  const std::size_t entries = count();
  const std::uint16_t room = to.limit();
  std::ranges::copy(bytes_.subspan(at(first), (entries - first) * kIndexEntrySize),
                    to.bytes_.subspan(to.count_offset_).begin());
  // The first hash went where limit and count belong.
  to.set_limit(room);
  to.set_count(static_cast<std::uint16_t>(entries - first));
  set_count(static_cast<std::uint16_t>(first));
}

}  // namespace airlock::ext
