// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/allocator.h"

#include <gtest/gtest.h>

#include <array>
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

// Without checksums: a bitmap that lies looks like any other.
constexpr const char* kPlain = "-t ext4 -b 1024 -O ^has_journal,^metadata_csum,^uninit_bg -N 96";

// Changes the image below the allocator, which has read nothing yet.
class LyingBitmaps : public AllocatorTest {
 protected:
  LyingBitmaps() { remake(kPlain); }
  void remake(const char* options) {
    allocator.reset();
    cache.reset();
    fs.reset();
    medium.bytes() = make_image(options, kSize);
    auto opened = open_filesystem(medium);
    ASSERT_TRUE(opened.has_value());
    fs = std::move(*opened);
    cache = std::make_unique<MetadataCache>(medium, fs->blocksize, ext2fs_blocks_count(fs->super),
                                            1000);
    allocator = std::make_unique<Allocator>(fs.get(), *cache);
  }
  std::span<std::byte> block(std::uint64_t number) {
    return std::span(medium.bytes()).subspan(number * fs->blocksize, fs->blocksize);
  }
  void read_bitmaps_from(std::uint32_t group, std::uint64_t place) {
    ext2fs_block_bitmap_loc_set(fs.get(), group, place);
    allocator = std::make_unique<Allocator>(fs.get(), *cache);
  }
};

// A file in the place of an inode table would be read back with inodes in it.
TEST_F(LyingBitmaps, MetadataThatIsCalledFreeIsNotHandedOut) {
  for (std::uint32_t group = 0; group < fs->group_desc_count; ++group) {
    remake(kPlain);
    const std::uint64_t own = ext2fs_inode_table_loc(fs.get(), group);
    const std::uint32_t holder = ext2fs_group_of_blk2(fs.get(), own);
    const auto bit = static_cast<std::uint32_t>(own - ext2fs_group_first_block2(fs.get(), holder));
    write_bits(block(ext2fs_block_bitmap_loc(fs.get(), holder)), Bit::kClear, bit, bit + 1);
    for (const BlockRange& range : reserve_all()) {
      EXPECT_TRUE(allocator->may_hold_data(range));
      EXPECT_NE(ext2fs_group_of_blk2(fs.get(), range.start), holder);
    }
    EXPECT_EQ(allocator->free_ranges(holder, 1).error().value, EUCLEAN);
  }
}

TEST_F(LyingBitmaps, BlocksOfTheJournalAreNotHandedOut) {
  const std::array journal = {BlockRange{.start = 3000, .count = 40},
                              BlockRange{.start = 12000, .count = 40}};
  allocator->protect(journal);
  EXPECT_FALSE(allocator->may_hold_data({3039, 1}));
  EXPECT_FALSE(allocator->may_hold_data({11990, 11}));
  EXPECT_TRUE(allocator->may_hold_data({12040, 1}));
  for (const BlockRange& range : reserve_all())
    EXPECT_EQ(ext2fs_group_of_blk2(fs.get(), range.start), 2u);
  EXPECT_EQ(allocator->reserve_blocks(1, 1).error().value, EUCLEAN);
}

TEST_F(LyingBitmaps, AnInodeThatIsInUseIsNotHandedOut) {
  const std::uint32_t per_group = fs->super->s_inodes_per_group;
  const std::uint64_t table = ext2fs_inode_table_loc(fs.get(), 1);
  reinterpret_cast<ext2_inode*>(block(table).data())->i_links_count = 1;
  const auto number = allocator->allocate_inode(1, Allocator::Kind::kFile);
  ASSERT_TRUE(number.has_value());
  EXPECT_EQ((*number - 1) / per_group, 2u);
  std::uint64_t reads = 0;
  medium.judge_with([&](MemoryMedium::Access access, std::uint64_t, std::uint64_t) {
    reads += access == MemoryMedium::Access::kRead ? 1 : 0;
    return 0;
  });
  Outcome<std::uint32_t> next = 0;
  while (next) next = allocator->allocate_inode(1, Allocator::Kind::kFile);
  EXPECT_EQ(next.error().value, EUCLEAN);
  EXPECT_LT(reads, 20u);
}

// The bitmap of a full group is read once, however much is free there by its descriptor.
TEST_F(LyingBitmaps, GroupsThatAreFullAreKnown) {
  for (std::uint32_t group = 0; group < fs->group_desc_count; ++group) {
    std::ranges::fill(block(ext2fs_block_bitmap_loc(fs.get(), group)), std::byte{0xff});
    std::ranges::fill(block(ext2fs_inode_bitmap_loc(fs.get(), group)), std::byte{0xff});
  }
  EXPECT_EQ(allocator->reserve_blocks(1, 1).error().value, ENOSPC);
  EXPECT_EQ(allocator->allocate_inode(0, Allocator::Kind::kFile).error().value, ENOSPC);
  cache->drop_clean();
  medium.judge_with([](MemoryMedium::Access, std::uint64_t, std::uint64_t) { return EIO; });
  EXPECT_EQ(allocator->reserve_blocks(1, 1).error().value, ENOSPC);
  EXPECT_EQ(allocator->allocate_inode(0, Allocator::Kind::kFile).error().value, ENOSPC);
  medium.judge_with({});
  EXPECT_TRUE(allocator->free_blocks({5000, 1}).has_value());
  EXPECT_EQ(allocator->reserve_blocks(1, 1).error().value, ENOSPC);
  allocator->reuse(commit());
  EXPECT_EQ(allocator->reserve_blocks(1, 1)->start, 5000u);
}

TEST_F(LyingBitmaps, TwoThingsInOneBlockAreAContradiction) {
  EXPECT_EQ(allocator->contradiction(), "");
  const std::uint64_t blocks = ext2fs_blocks_count(fs->super);
  for (const std::uint64_t place : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, blocks,
                                    std::uint64_t{ext2fs_inode_table_loc(fs.get(), 0) + 1},
                                    std::uint64_t{ext2fs_block_bitmap_loc(fs.get(), 2)}}) {
    read_bitmaps_from(1, place);
    EXPECT_NE(allocator->contradiction(), "") << place;
  }
}

TEST_F(LyingBitmaps, WhatMke2fsMakesHasNoContradiction) {
  for (const char* options :
       {"-t ext2 -b 1024", "-t ext3 -b 1024 -g 1024", "-t ext4 -b 1024 -G 2 -g 2048",
        "-t ext4 -b 1024 -O ^flex_bg -g 1024", "-t ext4 -b 1024 -O meta_bg,^resize_inode -g 512",
        "-t ext4 -b 1024 -O 64bit,meta_bg,^resize_inode -g 256", "-t ext4 -b 4096 -O 64bit",
        "-t ext2 -b 1024 -O ^sparse_super,^resize_inode -g 1024",
        "-t ext4 -b 1024 -O sparse_super2,^resize_inode -g 1024",
        "-t ext4 -b 1024 -E resize=4000000 -g 1024", "-t ext4 -b 1024 -E packed_meta_blocks=1",
        "-t ext4 -b 1024 -E lazy_itable_init=1 -g 1024 -N 4000", "-t ext2 -b 1024 -r 0"}) {
    SCOPED_TRACE(options);
    remake(options);
    EXPECT_EQ(allocator->contradiction(), "");
    EXPECT_GT(reserve_all().size(), 0u);
    EXPECT_EQ(allocator->reserve_blocks(1, 1).error().value, ENOSPC);
  }
}

}  // namespace
}  // namespace airlock::ext::testing
