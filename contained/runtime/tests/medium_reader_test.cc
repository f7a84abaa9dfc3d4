// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/medium_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "contained/runtime/reader_token.h"
#include "contained/runtime/tests/memory_medium.h"

namespace airlock {
namespace {

constexpr std::size_t kPage = MediumReader::kPageBytes;
constexpr std::size_t kSize = 2 * MediumReader::kPages * kPage + 100;

// What every byte of the medium should be.
std::byte byte_at(std::uint64_t offset) {
  return static_cast<std::byte>(offset * 7 + offset / kPage);
}

std::vector<std::byte> content() {
  std::vector<std::byte> bytes(kSize);
  for (std::size_t at = 0; at < kSize; ++at) bytes[at] = byte_at(at);
  return bytes;
}

bool reads(const MediumReader& reader, std::uint64_t offset, std::size_t count) {
  std::vector<std::byte> bytes(count);
  if (!reader.read(offset, bytes)) return false;
  for (std::size_t i = 0; i < count; ++i)
    if (bytes[i] != byte_at(offset + i)) return false;
  return true;
}

int error_of(const MediumReader& reader, std::uint64_t offset, std::size_t count) {
  std::vector<std::byte> bytes(count);
  const auto done = reader.read(offset, bytes);
  return done ? 0 : done.error().value;
}

class MediumReaderTest : public ::testing::Test {
 protected:
  MediumReaderTest() {
    medium.judge_with([this](MemoryMedium::Access, std::uint64_t offset, std::uint64_t length) {
      ++asked;
      return offset < bad_end && offset + length > bad_begin ? EIO : 0;
    });
  }

  MemoryMedium medium{content()};
  std::atomic<int> asked = 0;
  std::uint64_t bad_begin = 0;
  std::uint64_t bad_end = 0;
  MediumReader reader{medium};
};

TEST_F(MediumReaderTest, ShortReadsOfAPageAskTheMediumOnce) {
  for (std::size_t at = 0; at + 16 <= kPage; at += 16) ASSERT_TRUE(reads(reader, at, 16)) << at;
  EXPECT_EQ(asked, 1);
}

TEST_F(MediumReaderTest, AReadMayLieInTwoPages) {
  EXPECT_TRUE(reads(reader, kPage - 3, 8));
  EXPECT_TRUE(reads(reader, kPage - 1, 2));
  EXPECT_EQ(asked, 2);
}

TEST_F(MediumReaderTest, PagesThatShareAPlaceAreNotTakenForEachOther) {
  const std::uint64_t other = kPage * MediumReader::kPages;
  EXPECT_TRUE(reads(reader, 5, 9));
  EXPECT_TRUE(reads(reader, other + 5, 9));
  EXPECT_TRUE(reads(reader, 5, 9));
  EXPECT_EQ(asked, 3);
}

TEST_F(MediumReaderTest, LongReadsAreNotKept) {
  EXPECT_TRUE(reads(reader, 10, 3 * kPage));
  EXPECT_TRUE(reads(reader, 10, 3 * kPage));
  EXPECT_EQ(asked, 2);
}

TEST_F(MediumReaderTest, NothingBehindTheEndIsRead) {
  EXPECT_TRUE(reads(reader, kSize - 16, 16));
  EXPECT_EQ(error_of(reader, kSize - 15, 16), EIO);
  EXPECT_EQ(error_of(reader, kSize + 1, 0), EIO);
  EXPECT_EQ(error_of(reader, ~std::uint64_t{0}, 2), EIO);
  EXPECT_EQ(error_of(reader, 8, kSize), EIO);
}

TEST_F(MediumReaderTest, ReadingUpToACountStopsAtTheEnd) {
  EXPECT_EQ(reader.read_up_to(kSize - 7, 100)->size(), 7u);
  EXPECT_EQ(reader.read_up_to(kSize - 7, 100)->front(), byte_at(kSize - 7));
  EXPECT_EQ(reader.read_up_to(3, 100)->size(), 100u);
  EXPECT_TRUE(reader.read_up_to(kSize, 100)->empty());
  EXPECT_TRUE(reader.read_up_to(~std::uint64_t{0}, 100)->empty());
}

TEST_F(MediumReaderTest, ABadSectorCostsOnlyItself) {
  bad_begin = 512;
  bad_end = 1024;
  EXPECT_TRUE(reads(reader, 0, 16));
  EXPECT_EQ(error_of(reader, 600, 16), EIO);
  EXPECT_TRUE(reads(reader, 1024, 16));
}

TEST_F(MediumReaderTest, TheLeadIsGivenAwayOnlyToWaitForTheMedium) {
  ReaderToken token;
  ASSERT_TRUE(token.take());
  EXPECT_TRUE(reads(reader, 0, 16));
  EXPECT_FALSE(token.is_held());
  ASSERT_TRUE(token.take());
  EXPECT_TRUE(reads(reader, 32, 16));
  EXPECT_TRUE(token.is_held());
  EXPECT_TRUE(reads(reader, 0, kPage));
  EXPECT_FALSE(token.is_held());
}

TEST_F(MediumReaderTest, ThreadsReadAtOnce) {
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        for (std::uint64_t i = 0; i < 4000; ++i)
          wrong += !reads(reader, (i * 977 + thread * 131) * 61 % (kSize - 64), 64);
      });
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace airlock
