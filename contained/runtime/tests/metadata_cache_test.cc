// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/metadata_cache.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "contained/runtime/tests/memory_medium.h"

namespace airlock {
namespace {

constexpr std::uint32_t kBlock = 1024;
constexpr std::uint64_t kBlocks = 64;
constexpr std::size_t kCapacity = 8;

std::vector<std::byte> numbered_blocks() {
  std::vector<std::byte> bytes(kBlocks * kBlock);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i / kBlock);
  return bytes;
}

class MetadataCacheTest : public ::testing::Test {
 protected:
  MetadataCacheTest() {
    medium.judge_with([this](MemoryMedium::Access, std::uint64_t offset, std::uint64_t length) {
      ++reads;
      longest_read = std::max(longest_read, length / kBlock);
      const bool hit = bad_block >= offset / kBlock && bad_block < (offset + length) / kBlock;
      return hit ? EIO : 0;
    });
  }
  void fill_up() {
    for (std::uint64_t block = 20; block < 20 + 3 * kCapacity; ++block)
      ASSERT_TRUE(cache.read(block).has_value());
  }

  int reads = 0;
  std::uint64_t longest_read = 0;
  std::uint64_t bad_block = kBlocks;
  MemoryMedium medium{numbered_blocks()};
  MetadataCache cache{medium, kBlock, kBlocks, kCapacity};
};

TEST_F(MetadataCacheTest, MemoryStaysUntilTheOperationEnds) {
  const auto first = cache.read(3);
  ASSERT_TRUE(first.has_value());
  fill_up();
  EXPECT_EQ(cache.read(3)->data(), first->data());
  EXPECT_EQ((*first)[7], std::byte{3});
}

TEST_F(MetadataCacheTest, ReadsABlockOnce) {
  ASSERT_TRUE(cache.read(3).has_value());
  cache.end_operation();
  ASSERT_TRUE(cache.read(4).has_value());
  ASSERT_TRUE(cache.read(3).has_value());
  EXPECT_EQ(reads, 2);
}

TEST_F(MetadataCacheTest, DropsTheLeastRecentlyUsedAboveTheCapacity) {
  for (std::uint64_t block = 0; block < kCapacity + 1; ++block)
    ASSERT_TRUE(cache.read(block).has_value());
  ASSERT_TRUE(cache.read(0).has_value());
  cache.end_operation();
  reads = 0;
  ASSERT_TRUE(cache.read(0).has_value());
  EXPECT_EQ(reads, 0);
  ASSERT_TRUE(cache.read(1).has_value());
  EXPECT_EQ(reads, 1);
}

TEST_F(MetadataCacheTest, NothingOutsideOfTheVolumeIsRead) {
  EXPECT_EQ(cache.read(kBlocks).error().value, EUCLEAN);
  EXPECT_EQ(cache.fresh(kBlocks).error().value, EUCLEAN);
  EXPECT_EQ(cache.read(~std::uint64_t{0} - 1).error().value, EUCLEAN);
  ASSERT_TRUE(cache.read(kBlocks - 1, 32).has_value());
  EXPECT_EQ(longest_read, 1u);
}

TEST_F(MetadataCacheTest, ReadAheadThatFailsStillReadsTheBlock) {
  bad_block = 5;
  const auto bytes = cache.read(3, 8);
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ((*bytes)[0], std::byte{3});
  EXPECT_EQ(cache.read(5).error().value, EIO);
  bad_block = kBlocks;
  EXPECT_TRUE(cache.read(5).has_value());  // a failure is not remembered
}

TEST_F(MetadataCacheTest, ReadAheadStopsAtWhatIsThere) {
  auto changed = cache.read(6);
  ASSERT_TRUE(changed.has_value());
  (*changed)[0] = std::byte{0xee};
  cache.changed(6);
  ASSERT_TRUE(cache.read(4, 8).has_value());
  EXPECT_EQ(longest_read, 2u);
  EXPECT_EQ((*cache.read(6))[0], std::byte{0xee});
}

TEST_F(MetadataCacheTest, ChangedBlocksAreNeverDropped) {
  auto bytes = cache.read(3);
  (*bytes)[0] = std::byte{0xee};
  cache.changed(3);
  fill_up();
  cache.end_operation();
  cache.drop_clean();
  EXPECT_EQ((*cache.read(3))[0], std::byte{0xee});
  EXPECT_EQ(cache.changed_count(), 1u);
}

TEST_F(MetadataCacheTest, BlocksOnTheirWayAreNeverDropped) {
  auto bytes = cache.read(3);
  (*bytes)[0] = std::byte{0xee};
  cache.changed(3);
  const auto changes = cache.take_changed();
  EXPECT_EQ(cache.changed_count(), 0u);
  fill_up();
  cache.end_operation();
  cache.drop_clean();
  EXPECT_EQ((*cache.read(3))[0], std::byte{0xee});
  cache.written(changes);
  cache.drop_clean();
  EXPECT_EQ((*cache.read(3))[0], std::byte{3});  // nobody wrote it in this test
}

TEST_F(MetadataCacheTest, TakenChangesDoNotFollowLaterOnes) {
  auto bytes = cache.read(3);
  cache.changed(3);
  const auto changes = cache.take_changed();
  (*bytes)[0] = std::byte{0xee};
  cache.changed(3);
  ASSERT_EQ(changes.blocks.size(), 1u);
  EXPECT_EQ(changes.blocks[0].data[0], std::byte{3});
  cache.written(changes);
  EXPECT_EQ(cache.changed_count(), 1u);
  cache.drop_clean();
  EXPECT_EQ((*cache.read(3))[0], std::byte{0xee});
}

TEST_F(MetadataCacheTest, ChangesAreAscendingAndKnowWhatIsFresh) {
  for (const std::uint64_t block : {9u, 2u, 5u}) ASSERT_TRUE(cache.fresh(block).has_value());
  ASSERT_TRUE(cache.read(4).has_value());
  cache.changed(4);
  const auto changes = cache.take_changed();
  ASSERT_EQ(changes.blocks.size(), 4u);
  EXPECT_EQ(changes.blocks[0].block, 2u);
  EXPECT_EQ(changes.blocks[1].block, 4u);
  EXPECT_EQ(changes.blocks[3].block, 9u);
  EXPECT_TRUE(changes.blocks[0].fresh);
  EXPECT_FALSE(changes.blocks[1].fresh);
}

TEST_F(MetadataCacheTest, TheHighestRankCountsUntilItIsTaken) {
  for (const std::uint64_t block : {2u, 3u}) ASSERT_TRUE(cache.read(block).has_value());
  cache.changed(2);
  cache.changed(2, 5);
  cache.changed(2, 4);
  cache.changed(3);
  EXPECT_EQ(cache.rank(2), 5);
  const auto changes = cache.take_changed();
  EXPECT_EQ(changes.blocks[0].rank, 5);
  EXPECT_EQ(changes.blocks[1].rank, 0);
  EXPECT_EQ(cache.rank(2), 0);
}

TEST_F(MetadataCacheTest, FreshBlocksAreZeroAndUnread) {
  const auto bytes = cache.fresh(3);
  ASSERT_TRUE(bytes.has_value());
  EXPECT_EQ((*bytes)[0], std::byte{0});
  EXPECT_EQ(reads, 0);
  EXPECT_EQ(cache.changed_count(), 1u);
}

TEST_F(MetadataCacheTest, ForgottenBlocksAreNotWritten) {
  ASSERT_TRUE(cache.fresh(3).has_value());
  ASSERT_TRUE(cache.fresh(4).has_value());
  cache.forget(3);
  cache.forget(17);  // not there: nothing to forget
  const auto changes = cache.take_changed();
  ASSERT_EQ(changes.blocks.size(), 1u);
  EXPECT_EQ(changes.blocks[0].block, 4u);
}

TEST_F(MetadataCacheTest, MarksBelongToWhatWasRead) {
  ASSERT_TRUE(cache.read(3).has_value());
  cache.marks(3) |= 5;
  EXPECT_EQ(cache.marks(3), 5u);
  EXPECT_EQ(cache.marks(4), 0u);
  cache.drop_clean();
  ASSERT_TRUE(cache.read(3).has_value());
  EXPECT_EQ(cache.marks(3), 0u);
  cache.marks(3) |= 5;
  ASSERT_TRUE(cache.fresh(3).has_value());
  EXPECT_EQ(cache.marks(3), 0u);
}

TEST_F(MetadataCacheTest, MarksOfAnAbsentBlockAreThoseOfNoOtherCache) {
  MetadataCache other{medium, kBlock, kBlocks, kCapacity};
  std::uint64_t& marks = cache.marks(4);
  marks |= 5;
  EXPECT_EQ(other.marks(4), 0u);
  EXPECT_EQ(marks, 5u);
}

// After fresh() of a block that was the last one read, no stale pointer may answer.
TEST_F(MetadataCacheTest, TheLastBlockIsForgottenWithItsMemory) {
  ASSERT_TRUE(cache.read(3).has_value());
  fill_up();
  ASSERT_TRUE(cache.read(3).has_value());
  for (std::uint64_t block = 20; block < 20 + 3 * kCapacity; ++block) cache.changed(block);
  cache.end_operation();
  const auto again = cache.read(3);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)[0], std::byte{3});
}

}  // namespace
}  // namespace airlock
