// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/inode.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <vector>

namespace airlock::ext {
namespace {

constexpr std::int64_t kEpochLength = std::int64_t{1} << 32;
constexpr std::int64_t kLastSecond = 3 * kEpochLength + INT32_MAX;  // in the year 2446

struct Bytes {
  explicit Bytes(std::size_t size, std::uint16_t extra = 32) : memory(size), inode(12, memory) {
    if (size > EXT2_GOOD_OLD_INODE_SIZE) inode.raw().i_extra_isize = extra;
  }
  alignas(8) std::vector<std::byte> memory;
  Inode inode;
};

timespec round_trip(const Inode& inode, timespec time) {
  inode.set_time(Inode::Time::kModify, time);
  return inode.time(Inode::Time::kModify);
}

class TimeTest : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(TimeTest, IsKeptToTheNanosecond) {
  const Bytes bytes(256);
  const timespec back = round_trip(bytes.inode, {.tv_sec = GetParam(), .tv_nsec = 999'999'999});
  EXPECT_EQ(back.tv_sec, GetParam());
  EXPECT_EQ(back.tv_nsec, 999'999'999);
}

INSTANTIATE_TEST_SUITE_P(Seconds, TimeTest,
                         ::testing::Values(0, 1, -1, INT32_MAX, INT32_MIN,
                                           std::int64_t{INT32_MAX} + 1, kEpochLength - 1,
                                           kEpochLength, kEpochLength + INT32_MAX,
                                           kEpochLength + INT32_MAX + 1, kLastSecond));

TEST(InodeTime, WhatDoesNotFitIsTheNearestThatDoes) {
  const Bytes wide(256);
  EXPECT_EQ(round_trip(wide.inode, {.tv_sec = kLastSecond + 1, .tv_nsec = 0}).tv_sec, kLastSecond);
  EXPECT_EQ(round_trip(wide.inode, {.tv_sec = std::int64_t{INT32_MIN} - 1, .tv_nsec = 0}).tv_sec,
            INT32_MIN);
  const Bytes narrow(128);
  EXPECT_EQ(round_trip(narrow.inode, {.tv_sec = kEpochLength, .tv_nsec = 5}).tv_sec, INT32_MAX);
  EXPECT_EQ(round_trip(narrow.inode, {.tv_sec = -7, .tv_nsec = 5}).tv_sec, -7);
  EXPECT_EQ(round_trip(narrow.inode, {.tv_sec = 7, .tv_nsec = 5}).tv_nsec, 0);
}

TEST(InodeTime, TheThreeAreApart) {
  const Bytes bytes(256);
  bytes.inode.set_time(Inode::Time::kAccess, {.tv_sec = 1, .tv_nsec = 10});
  bytes.inode.set_time(Inode::Time::kModify, {.tv_sec = 2, .tv_nsec = 20});
  bytes.inode.set_time(Inode::Time::kChange, {.tv_sec = 3, .tv_nsec = 30});
  bytes.inode.set_birth_time({.tv_sec = 4, .tv_nsec = 40});
  EXPECT_EQ(bytes.inode.time(Inode::Time::kAccess).tv_nsec, 10);
  EXPECT_EQ(bytes.inode.time(Inode::Time::kModify).tv_sec, 2);
  EXPECT_EQ(bytes.inode.time(Inode::Time::kChange).tv_nsec, 30);
  EXPECT_EQ(bytes.inode.raw().i_crtime, 4u);
}

// Fields behind i_extra_isize belong to the attributes.
TEST(InodeTime, FieldsTheInodeDoesNotHaveStayUntouched) {
  const Bytes bytes(256, 8);  // up to i_ctime_extra
  bytes.inode.raw().i_mtime_extra = 0x1234;
  bytes.inode.raw().i_crtime = 77;
  bytes.inode.set_time(Inode::Time::kModify, {.tv_sec = 5, .tv_nsec = 9});
  bytes.inode.set_time(Inode::Time::kChange, {.tv_sec = 6, .tv_nsec = 9});
  bytes.inode.set_birth_time({.tv_sec = 4, .tv_nsec = 40});
  EXPECT_EQ(bytes.inode.raw().i_mtime_extra, 0x1234u);
  EXPECT_EQ(bytes.inode.raw().i_crtime, 77u);
  EXPECT_EQ(bytes.inode.time(Inode::Time::kModify).tv_nsec, 0);
  EXPECT_EQ(bytes.inode.time(Inode::Time::kChange).tv_nsec, 9);
}

TEST(InodeTime, HostileNanosecondsAreCut) {
  const Bytes bytes(256);
  bytes.inode.raw().i_mtime_extra = 0xffffffff;
  EXPECT_EQ(bytes.inode.time(Inode::Time::kModify).tv_nsec, 999'999'999);
}

TEST(InodeOwner, HasThirtyTwoBits) {
  const Bytes bytes(128);
  bytes.inode.set_user(0xfffffffe);
  bytes.inode.set_group(70000);
  EXPECT_EQ(bytes.inode.user(), 0xfffffffeu);
  EXPECT_EQ(bytes.inode.group(), 70000u);
}

TEST(InodeSize, HasSixtyFourBits) {
  const Bytes bytes(128);
  bytes.inode.set_size(0xffff'ffff'ffff'fff0);
  EXPECT_EQ(bytes.inode.size(), 0xffff'ffff'ffff'fff0u);
}

class DeviceTest : public ::testing::TestWithParam<std::pair<unsigned, unsigned>> {};

TEST_P(DeviceTest, IsKept) {
  const Bytes bytes(128);
  const dev_t device = makedev(GetParam().first, GetParam().second);
  bytes.inode.set_device(device);
  EXPECT_EQ(bytes.inode.device(), device);
}

INSTANTIATE_TEST_SUITE_P(Numbers, DeviceTest,
                         ::testing::Values(std::pair(8u, 1u), std::pair(255u, 255u),
                                           std::pair(256u, 0u), std::pair(0u, 256u),
                                           std::pair(4095u, 1048575u), std::pair(259u, 65536u)));

TEST(InodeBlocks, CountsInSectors) {
  const Bytes bytes(256);
  EXPECT_TRUE(bytes.inode.add_blocks(3, 4096, /*huge_files=*/false));
  EXPECT_EQ(bytes.inode.sectors(4096), 24u);
  EXPECT_TRUE(bytes.inode.add_blocks(-1, 4096, /*huge_files=*/false));
  EXPECT_EQ(bytes.inode.sectors(4096), 16u);
  EXPECT_TRUE(bytes.inode.add_blocks(-9, 4096, /*huge_files=*/false));
  EXPECT_EQ(bytes.inode.sectors(4096), 0u);
}

TEST(InodeBlocks, MoreThanThirtyTwoBitsNeedTheFeature) {
  const Bytes bytes(256);
  const std::int64_t blocks = std::int64_t{1} << 30;  // 2^33 sectors
  EXPECT_FALSE(bytes.inode.add_blocks(blocks, 4096, /*huge_files=*/false));
  EXPECT_EQ(bytes.inode.sectors(4096), 0u);
  EXPECT_TRUE(bytes.inode.add_blocks(blocks, 4096, /*huge_files=*/true));
  EXPECT_EQ(bytes.inode.sectors(4096), std::uint64_t{1} << 33);
  EXPECT_FALSE(bytes.inode.has_flag(EXT4_HUGE_FILE_FL));
}

TEST(InodeBlocks, TheLargestAreCountedInBlocks) {
  const Bytes bytes(256);
  const std::int64_t blocks = std::int64_t{1} << 46;  // 2^49 sectors
  EXPECT_TRUE(bytes.inode.add_blocks(blocks, 4096, /*huge_files=*/true));
  EXPECT_TRUE(bytes.inode.has_flag(EXT4_HUGE_FILE_FL));
  EXPECT_EQ(bytes.inode.sectors(4096), std::uint64_t{1} << 49);
  EXPECT_TRUE(bytes.inode.add_blocks(-blocks + 1, 4096, /*huge_files=*/true));
  EXPECT_FALSE(bytes.inode.has_flag(EXT4_HUGE_FILE_FL));
  EXPECT_EQ(bytes.inode.sectors(4096), 8u);
}

TEST(InodeBody, LiesBehindTheFields) {
  EXPECT_TRUE(Bytes(128).inode.body().empty());
  EXPECT_EQ(Bytes(256).inode.body().size(), 256u - 128 - 32);
  EXPECT_TRUE(Bytes(256, 0).inode.body().empty());
  EXPECT_TRUE(Bytes(256, 3).inode.body().empty());
  EXPECT_TRUE(Bytes(256, 128).inode.body().empty());
  EXPECT_TRUE(Bytes(256, 65532).inode.body().empty());
}

TEST(InodeAttributes, TheirBlockHasFortyEightBits) {
  const Bytes bytes(128);
  bytes.inode.set_attribute_block(0x1234'5678'9abc);
  EXPECT_EQ(bytes.inode.attribute_block(), 0x1234'5678'9abcu);
}

}  // namespace
}  // namespace airlock::ext
