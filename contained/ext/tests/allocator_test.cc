// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/allocator.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "contained/ext/bitmap.h"
#include "contained/ext/ext_io.h"
#include "contained/ext/tests/test_image.h"
#include "contained/runtime/tests/memory_medium.h"

namespace airlock::ext::testing {
namespace {

// Two groups with group checksums and a third that nobody has initialised.
constexpr const char* kOptions = "-t ext4 -b 1024 -O ^has_journal -N 96 -E lazy_itable_init=1";
constexpr const char* kSize = "20M";

class AllocatorTest : public ::testing::Test {
 protected:
  AllocatorTest() : medium(make_image(kOptions, kSize)) {
    auto opened = open_filesystem(medium);
    EXPECT_TRUE(opened.has_value());
    fs = std::move(*opened);
    cache = std::make_unique<MetadataCache>(medium, fs->blocksize, ext2fs_blocks_count(fs->super),
                                            1000);
    allocator = std::make_unique<Allocator>(fs.get(), *cache);
  }

  // Reserves everything there is, in whatever pieces it comes.
  std::vector<BlockRange> reserve_all() {
    std::vector<BlockRange> ranges;
    while (const auto range = allocator->reserve_blocks(1, 100000)) ranges.push_back(*range);
    return ranges;
  }

  // As a commit does, with the blocks going home and the superblock with them.
  Allocator::Freed commit() {
    EXPECT_TRUE(allocator->prepare_commit().has_value());
    const auto changes = cache->take_changed();
    for (const auto& snapshot : changes.blocks)
      EXPECT_TRUE(medium.write(snapshot.block * fs->blocksize, snapshot.data).has_value());
    ext2fs_superblock_csum_set(fs.get(), fs->super);
    EXPECT_TRUE(
        medium.write(SUPERBLOCK_OFFSET, std::as_bytes(std::span(fs->super, 1))).has_value());
    cache->written(changes);
    return allocator->take_freed();
  }

  MemoryMedium medium;
  FilesystemHandle fs;
  std::unique_ptr<MetadataCache> cache;
  std::unique_ptr<Allocator> allocator;
};

TEST_F(AllocatorTest, HandsOutEveryFreeBlockOnceAndNoMetadata) {
  const std::uint64_t free = allocator->free_block_count();
  std::set<std::uint64_t> seen;
  for (const BlockRange& range : reserve_all()) {
    EXPECT_TRUE(allocator->may_hold_data(range));
    for (std::uint64_t block = range.start; block < range.end(); ++block)
      EXPECT_TRUE(seen.insert(block).second) << block;
  }
  EXPECT_EQ(seen.size(), free);
  EXPECT_EQ(allocator->free_block_count(), 0u);
  EXPECT_EQ(allocator->reserve_blocks(1, 1).error().value, ENOSPC);
  EXPECT_FALSE(allocator->pending());
}

TEST_F(AllocatorTest, FixedBlocksHoldNoData) {
  EXPECT_FALSE(allocator->may_hold_data({0, 1}));
  EXPECT_FALSE(allocator->may_hold_data({1, 1}));
  EXPECT_FALSE(allocator->may_hold_data({2, 1}));
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    EXPECT_FALSE(allocator->may_hold_data({ext2fs_block_bitmap_loc(fs.get(), group), 1}));
    EXPECT_FALSE(allocator->may_hold_data({ext2fs_inode_bitmap_loc(fs.get(), group), 1}));
    EXPECT_FALSE(allocator->may_hold_data({ext2fs_inode_table_loc(fs.get(), group), 1}));
    EXPECT_FALSE(allocator->may_hold_data({ext2fs_inode_table_loc(fs.get(), group) - 1, 2}));
  }
  const std::uint64_t blocks = ext2fs_blocks_count(fs->super);
  EXPECT_TRUE(allocator->may_hold_data({blocks - 1, 1}));
  EXPECT_FALSE(allocator->may_hold_data({blocks - 1, 2}));
  EXPECT_FALSE(allocator->may_hold_data({blocks - 1, ~std::uint64_t{0}}));
  EXPECT_FALSE(allocator->may_hold_data({~std::uint64_t{0}, 1}));
  EXPECT_FALSE(allocator->may_hold_data({blocks - 1, 0}));
}

TEST_F(AllocatorTest, ContinuesAtTheGoal) {
  const auto first = allocator->reserve_blocks(5000, 10);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->start, 5000u);
  EXPECT_EQ(first->count, 10u);
  const auto second = allocator->reserve_blocks(first->end(), 10);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->start, 5010u);
  const auto outside = allocator->reserve_blocks(~std::uint64_t{0}, 1);
  EXPECT_TRUE(outside.has_value());  // a goal is only a wish
}

TEST_F(AllocatorTest, WhatIsCancelledIsFreeAgain) {
  const std::uint64_t free = allocator->free_block_count();
  const auto range = allocator->reserve_blocks(5000, 10);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(allocator->free_block_count(), free - 10);
  allocator->cancel_reserved({range->start + 2, 3});
  EXPECT_EQ(allocator->reserve_blocks(5002, 3)->start, 5002u);
  allocator->cancel_reserved(*range);
  EXPECT_EQ(allocator->free_block_count(), free);
}

TEST_F(AllocatorTest, ReservedBlocksAreFreeOnTheMedium) {
  ASSERT_TRUE(allocator->reserve_blocks(5000, 10).has_value());
  const auto kept = allocator->reserve_blocks(6000, 4);
  ASSERT_TRUE(allocator->use_reserved(*kept).has_value());
  const auto bits = cache->read(ext2fs_block_bitmap_loc(fs.get(), 0));
  EXPECT_FALSE(test_bit(*bits, 5000 - 1));
  EXPECT_TRUE(test_bit(*bits, 6000 - 1));
}

TEST_F(AllocatorTest, FreedBlocksWaitForTheCommit) {
  for (const BlockRange& range : reserve_all())
    ASSERT_TRUE(allocator->use_reserved(range).has_value());
  ASSERT_TRUE(allocator->free_blocks({5000, 7}).has_value());
  EXPECT_TRUE(allocator->pending());
  EXPECT_EQ(allocator->free_block_count(), 7u);
  EXPECT_EQ(allocator->reserve_blocks(5000, 1).error().value, ENOSPC);
  const auto freed = commit();
  EXPECT_EQ(allocator->reserve_blocks(5000, 1).error().value, ENOSPC);  // still on its way
  allocator->reuse(freed);
  EXPECT_EQ(allocator->reserve_blocks(5000, 9)->count, 7u);
}

// Batches are sealed while an earlier one is on its way.
TEST_F(AllocatorTest, EachSetOfFreedBlocksComesBackByItself) {
  for (const BlockRange& range : reserve_all())
    ASSERT_TRUE(allocator->use_reserved(range).has_value());
  ASSERT_TRUE(allocator->free_blocks({5000, 7}).has_value());
  const auto first = commit();
  ASSERT_TRUE(allocator->free_blocks({5007, 3}).has_value());
  const auto second = commit();
  allocator->reuse(first);
  EXPECT_EQ(allocator->reserve_blocks(5000, 10)->count, 7u);
  EXPECT_EQ(allocator->reserve_blocks(5000, 10).error().value, ENOSPC);
  allocator->reuse(second);
  EXPECT_EQ(allocator->reserve_blocks(5000, 10)->count, 3u);
}

// A new name may reach the medium before its inode does, and must not lead to the old file then.
TEST_F(AllocatorTest, WithoutAJournalAFreedInodeWaitsForTheCommit) {
  const std::uint32_t number = *allocator->allocate_inode(0, Allocator::Kind::kFile);
  // What was never there leads nowhere.
  ASSERT_TRUE(allocator->free_inode(number, Allocator::Kind::kFile).has_value());
  EXPECT_FALSE(allocator->pending());
  ASSERT_EQ(*allocator->allocate_inode(0, Allocator::Kind::kFile), number);
  allocator->reuse(commit());
  ASSERT_TRUE(allocator->free_inode(number, Allocator::Kind::kFile).has_value());
  EXPECT_TRUE(allocator->pending());
  EXPECT_EQ(*allocator->allocate_inode(0, Allocator::Kind::kFile), number + 1);
  const auto freed = commit();
  EXPECT_FALSE(allocator->pending());
  EXPECT_EQ(*allocator->allocate_inode(0, Allocator::Kind::kFile), number + 2);
  allocator->reuse(freed);
  EXPECT_EQ(*allocator->allocate_inode(0, Allocator::Kind::kFile), number);
}

TEST_F(AllocatorTest, BrokenBitmapsAreDamageAndNotAFullMedium) {
  const std::vector<std::byte> nothing(fs->blocksize);
  for (std::uint32_t group = 0; group < fs->group_desc_count; ++group)
    for (const std::uint64_t block :
         {ext2fs_block_bitmap_loc(fs.get(), group), ext2fs_inode_bitmap_loc(fs.get(), group)})
      ASSERT_TRUE(medium.write(block * fs->blocksize, nothing).has_value());
  // Groups that nobody has initialised have no bitmap yet that could be broken.
  Outcome<BlockRange> range = BlockRange{};
  while (range) range = allocator->reserve_blocks(1, 100000);
  EXPECT_EQ(range.error().value, EUCLEAN);
  Outcome<std::uint32_t> inode = 0;
  while (inode) inode = allocator->allocate_inode(0, Allocator::Kind::kFile);
  EXPECT_EQ(inode.error().value, EUCLEAN);
}

TEST_F(AllocatorTest, FreeingWhatIsFreeIsDamage) {
  EXPECT_EQ(allocator->free_blocks({5000, 1}).error().value, EUCLEAN);
  EXPECT_EQ(allocator->free_blocks({1, 1}).error().value, EUCLEAN);
  EXPECT_EQ(allocator->free_inode(50, Allocator::Kind::kFile).error().value, EUCLEAN);
  EXPECT_FALSE(allocator->pending());
}

TEST_F(AllocatorTest, RangesCrossGroups) {
  const auto range = allocator->reserve_blocks(16000, 100000);
  ASSERT_TRUE(range.has_value());
  ASSERT_TRUE(allocator->use_reserved(*range).has_value());
  const auto next = allocator->reserve_blocks(range->end(), 100);
  ASSERT_TRUE(next.has_value());
  ASSERT_TRUE(allocator->use_reserved(*next).has_value());
  ASSERT_EQ(next->start, range->end());
  EXPECT_TRUE(allocator->free_blocks({range->end() - 5, 10}).has_value());
}

TEST_F(AllocatorTest, FreeRangesLeaveOutWhatIsPending) {
  ASSERT_TRUE(allocator->reserve_blocks(5000, 10).has_value());
  const auto ranges = allocator->free_ranges(0, 1);
  ASSERT_TRUE(ranges.has_value());
  for (const BlockRange& range : *ranges)
    EXPECT_TRUE(range.end() <= 5000 || range.start >= 5010) << range.start;
  EXPECT_TRUE(allocator->free_ranges(77, 1)->empty());
}

TEST_F(AllocatorTest, InodesAreHandedOutOnceAndReservedOnesNever) {
  const std::uint32_t free = allocator->free_inode_count();
  std::set<std::uint32_t> seen;
  while (const auto number = allocator->allocate_inode(1, Allocator::Kind::kFile)) {
    EXPECT_TRUE(seen.insert(*number).second);
    EXPECT_GE(*number, EXT2_FIRST_INODE(fs->super));
    EXPECT_LE(*number, fs->super->s_inodes_count);
  }
  EXPECT_EQ(seen.size(), free);
  EXPECT_EQ(allocator->allocate_inode(0, Allocator::Kind::kFile).error().value, ENOSPC);
  allocator->reuse(commit());
  ASSERT_TRUE(allocator->free_inode(*seen.rbegin(), Allocator::Kind::kFile).has_value());
  EXPECT_EQ(allocator->allocate_inode(0, Allocator::Kind::kFile).error().value, ENOSPC);
  allocator->reuse(commit());
  EXPECT_EQ(*allocator->allocate_inode(0, Allocator::Kind::kFile), *seen.rbegin());
}

// Bitmaps of untouched groups hold nothing until then; e2fsck knows what must be in them.
TEST_F(AllocatorTest, UninitialisedGroupsBecomeWhatE2fsckExpects) {
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    const auto range = allocator->reserve_blocks(ext2fs_group_first_block2(fs.get(), group), 3);
    ASSERT_TRUE(range.has_value());
    ASSERT_TRUE(allocator->use_reserved(*range).has_value());
    ASSERT_TRUE(allocator->free_blocks(*range).has_value());
    const auto number = allocator->allocate_inode(group, Allocator::Kind::kDirectory);
    ASSERT_TRUE(number.has_value());
    ASSERT_TRUE(allocator->free_inode(*number, Allocator::Kind::kDirectory).has_value());
  }
  (void)commit();
  const Verdict verdict = fsck(medium.bytes(), Fsck::kLook);
  EXPECT_EQ(verdict.status, 0) << verdict.report;
}

TEST_F(AllocatorTest, ABrokenBitmapCostsItsGroupOnly) {
  const std::uint64_t bitmap = ext2fs_block_bitmap_loc(fs.get(), 0);
  medium.bytes()[bitmap * fs->blocksize + 700] ^= std::byte{0x10};
  const auto range = allocator->reserve_blocks(5000, 10);
  ASSERT_TRUE(range.has_value());
  EXPECT_GE(range->start, ext2fs_group_first_block2(fs.get(), 1));
}

}  // namespace
}  // namespace airlock::ext::testing
