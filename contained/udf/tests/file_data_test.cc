// SPDX-License-Identifier: GPL-2.0-or-later
// Where the data of a file lies, in partitions that the test makes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "contained/udf/file_data.h"
#include "contained/udf/tag.h"
#include "lib/base/byte_view.h"

namespace airlock::udf {
namespace {

constexpr std::uint32_t kBlock = 512;
constexpr std::uint32_t kHole = 2u << 30, kMore = 3u << 30;

// Every byte of a block is its number, but for those that are descriptors.
class Blocks final : public BlockReader {
 public:
  Blocks() : BlockReader(kBlock) {}
  Outcome<void> read(Place place, std::uint64_t offset, std::span<std::byte> into) const override {
    while (!into.empty()) {
      const auto block = static_cast<std::uint32_t>(place.block + offset / kBlock);
      if (block >= 100'000'000) return refuse(EIO);
      const auto part = into.first(std::min<std::size_t>(into.size(), kBlock - offset % kBlock));
      const auto known = descriptors.find(block);
      if (known == descriptors.end()) {
        std::ranges::fill(part, static_cast<std::byte>(block));
      } else {
        std::ranges::copy(std::span(known->second).subspan(offset % kBlock, part.size()),
                          part.begin());
      }
      into = into.subspan(part.size());
      offset += part.size();
    }
    ++reads;
    return {};
  }
  // Descriptors of extents in this block.
  void put(std::uint32_t block, std::span<const std::byte> extents) {
    std::vector<std::byte> bytes(kBlock);
    std::ranges::copy(extents, bytes.begin() + 24);
    (void)store_le<std::uint16_t>(bytes, 0, 258);
    (void)store_le<std::uint16_t>(bytes, 2, 3);
    (void)store_le<std::uint16_t>(bytes, 10, kBlock - kTagBytes);
    (void)store_le<std::uint32_t>(bytes, 12, block);
    (void)store_le<std::uint32_t>(bytes, 20, static_cast<std::uint32_t>(extents.size()));
    (void)store_le<std::uint16_t>(bytes, 8, crc_of(std::span(bytes).subspan(kTagBytes)));
    unsigned sum = 0;
    for (std::size_t i = 0; i < kTagBytes; ++i) sum += std::to_integer<unsigned>(bytes[i]);
    bytes[4] = static_cast<std::byte>(sum);
    descriptors[block] = bytes;
  }
  std::map<std::uint32_t, std::vector<std::byte>> descriptors;
  mutable int reads = 0;
};

using Extents = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // length and block

std::vector<std::byte> bytes_of(const Extents& extents) {
  std::vector<std::byte> bytes(8 * extents.size());
  for (std::size_t i = 0; i < extents.size(); ++i) {
    (void)store_le<std::uint32_t>(bytes, 8 * i, extents[i].first);
    (void)store_le<std::uint32_t>(bytes, 8 * i + 4, extents[i].second);
  }
  return bytes;
}

FileEntry file_of(std::uint64_t size, const Extents& extents) {
  FileEntry entry;
  entry.size = size;
  entry.allocated = bytes_of(extents);
  return entry;
}

// The numbers of the blocks that the bytes came from, each once; or the error.
std::string read(const Blocks& blocks, const FileEntry& entry, std::uint64_t offset,
                 std::size_t length) {
  const auto data = FileData::load(blocks, entry);
  if (!data) return "load " + std::to_string(data.error().value);
  std::vector<std::byte> bytes(length, std::byte{0xee});
  if (const auto done = data->read(blocks, offset, bytes); !done)
    return "read " + std::to_string(done.error().value);
  bytes.erase(std::ranges::unique(bytes).begin(), bytes.end());
  std::string text;
  for (const std::byte byte : bytes) text += std::to_string(std::to_integer<int>(byte)) + " ";
  return text;
}

TEST(UdfFileData, IsReadAcrossPiecesAndHoles) {
  const Blocks blocks;
  const FileEntry entry = file_of(2200, {{kBlock, 7}, {kHole | kBlock, 0}, {1176, 20}});
  EXPECT_EQ(read(blocks, entry, 0, 2200), "7 0 20 21 22 ");
  EXPECT_EQ(read(blocks, entry, 511, 2), "7 0 ");
  EXPECT_EQ(read(blocks, entry, 1023, 2), "0 20 ");
  EXPECT_EQ(read(blocks, entry, 2199, 1), "22 ");
  EXPECT_EQ(read(blocks, entry, 2199, 2), "read 5");
  EXPECT_EQ(read(blocks, entry, 2200, 0), "");
  EXPECT_EQ(read(blocks, entry, ~std::uint64_t{0}, 1), "read 5");
  EXPECT_EQ(FileData::load(blocks, entry)->holes(), kBlock);
}

TEST(UdfFileData, PiecesThatFollowEachOtherAreOne) {
  const Blocks blocks;
  const auto data =
      FileData::load(blocks, file_of(2048, {{kBlock, 7}, {kBlock, 8}, {kBlock, 9}, {kBlock, 11}}));
  EXPECT_EQ(data->pieces(), 2u);
}

TEST(UdfFileData, ContinuesElsewhere) {
  Blocks blocks;
  blocks.put(50, bytes_of({{kBlock, 8}, {kMore | kBlock, 60}, {kBlock, 99}}));
  blocks.put(60, bytes_of({{kBlock, 30}}));
  EXPECT_EQ(read(blocks, file_of(1536, {{kBlock, 7}, {kMore | kBlock, 50}}), 0, 1536), "7 8 30 ");
}

TEST(UdfFileData, WithFewerExtentsThanItsSizeIsAnErrorBehindThem) {
  const Blocks blocks;
  const FileEntry entry = file_of(2048, {{kBlock, 7}, {0, 0}, {kBlock, 8}});
  EXPECT_EQ(read(blocks, entry, 0, 512), "7 ");
  EXPECT_EQ(read(blocks, entry, 0, 513), "read 5");
  EXPECT_EQ(read(blocks, entry, 600, 1), "read 5");
}

TEST(UdfFileData, DescriptorsWithoutAnEndAreAnError) {
  Blocks blocks;
  blocks.put(50, bytes_of({{kMore | kBlock, 50}}));
  EXPECT_EQ(read(blocks, file_of(1, {{kMore | kBlock, 50}}), 0, 1), "load 5");
  // One that also brings a little data ends as well, and soon.
  blocks.put(50, bytes_of({{1, 7}, {kMore | kBlock, 50}}));
  blocks.reads = 0;
  EXPECT_EQ(read(blocks, file_of(1ull << 62, {{kMore | kBlock, 50}}), 0, 1), "load 5");
  EXPECT_LE(blocks.reads, 5000);
  // And one of a long hole has as much as its size says.
  blocks.put(50, bytes_of({{kHole | 0x3fffffff, 0}, {kMore | kBlock, 50}}));
  EXPECT_EQ(read(blocks, file_of(1ull << 34, {{kMore | kBlock, 50}}), 1ull << 33, 9), "0 ");
}

TEST(UdfFileData, ContinuingWhereNoDescriptorsAreIsAnError) {
  Blocks blocks;
  EXPECT_EQ(read(blocks, file_of(1, {{kMore | kBlock, 50}}), 0, 1), "load 5");
  blocks.put(50, bytes_of({{1, 7}}));
  blocks.descriptors[51] = blocks.descriptors[50];
  EXPECT_EQ(read(blocks, file_of(1, {{kMore | kBlock, 50}}), 0, 1), "7 ");
  EXPECT_EQ(read(blocks, file_of(1, {{kMore | kBlock, 51}}), 0, 1), "load 5");
}

TEST(UdfFileData, InsideTheEntryIsAsLongAsItsSize) {
  const Blocks blocks;
  FileEntry entry = file_of(3, {{0x030201, 0}});
  entry.allocation = Allocation::kInside;
  EXPECT_EQ(read(blocks, entry, 0, 3), "1 2 3 ");
  EXPECT_EQ(read(blocks, entry, 1, 3), "read 5");
  entry.size = 9;
  EXPECT_EQ(read(blocks, entry, 0, 1), "load 5");
}

}  // namespace
}  // namespace airlock::udf
