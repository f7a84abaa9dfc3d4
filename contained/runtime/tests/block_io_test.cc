// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/block_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string>
#include <vector>

namespace airlock {
namespace {

constexpr std::size_t kSize = 8192;

UniqueFd memory_file(std::size_t size) {
  UniqueFd file(::memfd_create("medium", MFD_CLOEXEC));
  EXPECT_GE(file.get(), 0);
  EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(size)), 0);
  return file;
}

UniqueFd reopened(const UniqueFd& file, int flags) {
  return UniqueFd(
      ::open(("/proc/self/fd/" + std::to_string(file.get())).c_str(), flags | O_CLOEXEC));
}

class BlockIoTest : public ::testing::Test {
 protected:
  UniqueFd file = memory_file(kSize);
  DescriptorIo io = std::move(*DescriptorIo::adopt(reopened(file, O_RDWR)));
  std::vector<std::byte> bytes = std::vector<std::byte>(100, std::byte{7});
};

TEST_F(BlockIoTest, KnowsSizeAndAccess) {
  EXPECT_EQ(io.size(), kSize);
  EXPECT_TRUE(io.writable());
  EXPECT_FALSE(io.is_device());
}

TEST_F(BlockIoTest, ReadsWhatWasWritten) {
  ASSERT_TRUE(io.write(kSize - 100, bytes).has_value());
  std::vector<std::byte> back(101);
  ASSERT_TRUE(io.read(kSize - 101, back).has_value());
  EXPECT_EQ(back[0], std::byte{0});
  EXPECT_EQ(back[1], std::byte{7});
  EXPECT_EQ(back[100], std::byte{7});
}

TEST_F(BlockIoTest, NothingOutsideIsTouched) {
  EXPECT_EQ(io.write(kSize - 99, bytes).error().value, EIO);
  EXPECT_EQ(io.write(kSize + 1, bytes).error().value, EIO);
  EXPECT_EQ(io.write(~std::uint64_t{0} - 50, bytes).error().value, EIO);
  EXPECT_EQ(io.read(kSize, bytes).error().value, EIO);
  EXPECT_EQ(io.read(~std::uint64_t{0}, bytes).error().value, EIO);
  struct stat info = {};
  ASSERT_EQ(::fstat(file.get(), &info), 0);
  EXPECT_EQ(info.st_size, static_cast<off_t>(kSize));
  EXPECT_TRUE(io.read(kSize, {}).has_value());
}

TEST_F(BlockIoTest, AMediumThatBecameShorterIsAnError) {
  ASSERT_EQ(::ftruncate(file.get(), 50), 0);
  EXPECT_EQ(io.read(0, bytes).error().value, EIO);
}

TEST_F(BlockIoTest, ReadOnlyDescriptorsAreNotWrittenTo) {
  auto protected_io = DescriptorIo::adopt(reopened(file, O_RDONLY));
  ASSERT_TRUE(protected_io.has_value());
  EXPECT_FALSE(protected_io->writable());
  EXPECT_EQ(protected_io->write(0, bytes).error().value, EROFS);
  EXPECT_EQ(protected_io->discard(0, 4096).error().value, EROFS);
  EXPECT_TRUE(protected_io->flush().has_value());
  EXPECT_TRUE(protected_io->read(0, bytes).has_value());
}

TEST_F(BlockIoTest, MorePartsThanOneCallTakes) {
  std::vector<iovec> parts;
  std::vector<std::byte> source(kSize);
  for (std::size_t i = 0; i < kSize; ++i) source[i] = static_cast<std::byte>(i * 7);
  static_assert(kSize / 4 > IOV_MAX);
  for (std::size_t i = 0; i < kSize; i += 4)
    parts.push_back({.iov_base = source.data() + i, .iov_len = 4});
  ASSERT_TRUE(io.write_gather(0, parts).has_value());
  std::vector<std::byte> back(kSize);
  std::array<iovec, 3> halves = {iovec{.iov_base = back.data(), .iov_len = 5000},
                                 iovec{.iov_base = nullptr, .iov_len = 0},
                                 iovec{.iov_base = back.data() + 5000, .iov_len = kSize - 5000}};
  ASSERT_TRUE(io.read_scatter(0, halves).has_value());
  EXPECT_EQ(back, source);
}

TEST_F(BlockIoTest, DiscardedBytesReadAsZeroes) {
  ASSERT_TRUE(io.write(0, bytes).has_value());
  ASSERT_TRUE(io.discard(0, 4096).has_value());
  ASSERT_TRUE(io.read(0, bytes).has_value());
  EXPECT_EQ(bytes[0], std::byte{0});
  EXPECT_EQ(io.discard(kSize, 1).error().value, EINVAL);
  EXPECT_EQ(io.discard(1, ~std::uint64_t{0}).error().value, EINVAL);
}

TEST(BlockIo, OnlyFilesAndDevicesAreMedia) {
  std::array<int, 2> ends = {};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd write_end(ends[1]);
  const auto io = DescriptorIo::adopt(UniqueFd(ends[0]));
  ASSERT_FALSE(io.has_value());
  EXPECT_EQ(io.error().code, Errc::kInvalidArgument);
}

}  // namespace
}  // namespace airlock
