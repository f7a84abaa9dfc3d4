// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

#include "contained/ext/libext2fs.h"
#include "contained/ext/tests/block_map_memory.h"

namespace airlock::ext::testing {

// A second, simple and strict reading of both kinds of map, so that a mistake in the code under
// test cannot hide itself: it wants every rule kept that the kernel and e2fsck know.
struct ReadMap {
  std::vector<Run> runs;  // without holes
  std::set<std::uint64_t> blocks;
  std::size_t depth = 0;
};

inline void read_extents(MemoryMapBlocks& blocks, const MapFormat& format,
                         std::span<std::byte> node, std::size_t depth, std::uint64_t low,
                         std::uint64_t high, ReadMap& out) {
  ext3_extent_header header;
  std::memcpy(&header, node.data(), sizeof(header));
  const bool is_root = node.size() == kMapRootSize;
  ASSERT_EQ(header.eh_magic, EXT3_EXT_MAGIC);
  ASSERT_EQ(header.eh_max, (node.size() - sizeof(header)) / sizeof(ext3_extent));
  ASSERT_LE(header.eh_entries, header.eh_max);
  ASSERT_EQ(header.eh_depth, depth);
  if (!is_root) {
    ASSERT_GT(header.eh_entries, 0);
  }
  if (!is_root && format.checksums) {
    const std::size_t at = sizeof(header) + header.eh_max * sizeof(ext3_extent);
    std::uint32_t stored = 0;
    std::memcpy(&stored, node.data() + at, sizeof(stored));
    ASSERT_EQ(stored, ext2fs_crc32c_le(format.inode_seed,
                                       reinterpret_cast<unsigned char*>(node.data()), at));
  }
  std::uint64_t next = low;
  for (std::size_t i = 0; i < header.eh_entries; ++i) {
    const std::byte* at = node.data() + sizeof(header) + i * sizeof(ext3_extent);
    if (depth == 0) {
      ext3_extent extent;
      std::memcpy(&extent, at, sizeof(extent));
      if (i == 0 && !is_root) {
        ASSERT_EQ(extent.ee_block, low);
      }
      ASSERT_GE(extent.ee_block, next);
      const bool unwritten = extent.ee_len > 32768;
      Run run{.logical = extent.ee_block,
              .physical = (std::uint64_t{extent.ee_start_hi} << 32) | extent.ee_start,
              .count = extent.ee_len - (unwritten ? 32768U : 0U),
              .state = unwritten ? RunState::kUnwritten : RunState::kWritten};
      ASSERT_GT(run.count, 0U);
      next = run.logical + run.count;
      ASSERT_LE(next, high);
      out.runs.push_back(run);
      continue;
    }
    ext3_extent_idx index;
    std::memcpy(&index, at, sizeof(index));
    if (i == 0 && !is_root) {
      ASSERT_EQ(index.ei_block, low);
    }
    ASSERT_GE(index.ei_block, next);
    std::uint64_t end = high;
    if (i + 1 < header.eh_entries) {
      ext3_extent_idx following;
      std::memcpy(&following, at + sizeof(index), sizeof(following));
      ASSERT_GT(following.ei_block, index.ei_block);
      end = following.ei_block;
    }
    const std::uint64_t child = (std::uint64_t{index.ei_leaf_hi} << 32) | index.ei_leaf;
    ASSERT_TRUE(out.blocks.insert(child).second);
    ASSERT_TRUE(blocks.map().contains(child));
    read_extents(blocks, format, blocks.bytes(child), depth - 1, index.ei_block, end, out);
    if (::testing::Test::HasFatalFailure()) return;
    next = std::uint64_t{index.ei_block} + 1;
  }
}

inline void add_block(ReadMap& out, std::uint64_t logical, std::uint64_t physical) {
  if (!out.runs.empty()) {
    Run& last = out.runs.back();
    if (last.logical + last.count == logical && last.physical + last.count == physical) {
      ++last.count;
      return;
    }
  }
  out.runs.push_back({logical, physical, 1, RunState::kWritten});
}

inline void read_pointers(MemoryMapBlocks& blocks, std::uint32_t physical, std::size_t depth,
                          std::uint64_t logical, std::uint64_t covered, ReadMap& out) {
  if (physical == 0) return;
  if (depth == 0) return add_block(out, logical, physical);
  ASSERT_TRUE(out.blocks.insert(physical).second);
  ASSERT_TRUE(blocks.map().contains(physical));
  const auto table = blocks.bytes(physical);
  const std::size_t n = table.size() / 4;
  ASSERT_FALSE(std::ranges::all_of(table, [](std::byte b) { return b == std::byte{0}; }));
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t next = 0;
    std::memcpy(&next, table.data() + i * 4, 4);
    read_pointers(blocks, next, depth - 1, logical + i * (covered / n), covered / n, out);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

inline void read_indirect(MemoryMapBlocks& blocks, std::span<const std::byte> root,
                          std::uint64_t block_size, ReadMap& out) {
  std::uint64_t logical = 0;
  std::uint64_t covered = 1;
  for (std::size_t slot = 0; slot < 15; ++slot) {
    if (slot >= 12) covered *= block_size / 4;
    std::uint32_t pointer = 0;
    std::memcpy(&pointer, root.data() + slot * 4, 4);
    read_pointers(blocks, pointer, slot < 12 ? 0 : slot - 11, logical, covered, out);
    if (::testing::Test::HasFatalFailure()) return;
    if (pointer != 0 && slot >= 12) out.depth = slot - 11;
    logical += covered;
  }
}

}  // namespace airlock::ext::testing
