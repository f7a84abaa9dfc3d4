// SPDX-License-Identifier: GPL-2.0-or-later
// The particulars of exFAT: the meaning of its bytes, and when they are written.
#include <gtest/gtest.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "contained/fat/entry_set.h"
#include "contained/fat/exfat_geometry.h"
#include "contained/fat/slot.h"
#include "contained/fat/tests/exfat_seal.h"
#include "contained/fat/tests/fat_image.h"
#include "contained/fat/tests/mounted_fat.h"
#include "contained/fat/tests/ownership.h"
#include "contained/fat/upcase_table.h"
#include "contained/fat/write_order.h"
#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

constexpr std::size_t kSector = 512;
TEST(Exfat, ABootSectorWithTheWrongChecksumIsRefused) {
  MemoryMedium medium(make_fat_image("exfat", 16384));
  medium.bytes()[kSector * 3] = std::byte{1};
  const auto read = read_exfat_geometry(medium);
  ASSERT_FALSE(read.has_value());
  EXPECT_NE(read.error().message().find("checksum"), std::string::npos);
}

TEST(Exfat, UpcaseTablesSkipWhatStaysAsItIs) {
  std::vector<std::byte> bytes;
  const auto put = [&](std::uint16_t unit) {
    bytes.push_back(static_cast<std::byte>(unit));
    bytes.push_back(static_cast<std::byte>(unit >> 8));
  };
  put(0xffff);
  put('a');
  put('A');
  put('B');
  std::uint32_t sum = 0;
  for (const std::byte byte : bytes) sum = std::rotr(sum, 1) + std::to_integer<std::uint32_t>(byte);
  const auto table = UpcaseTable::parse(bytes, sum);
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->fold(u"abcABC"), u"ABcABC");
  EXPECT_FALSE(UpcaseTable::parse(bytes, sum + 1).has_value());
  EXPECT_FALSE(UpcaseTable::parse({}, 0).has_value());
}

TEST(Exfat, TimesKnowTheirZone) {
  const timespec moment = {.tv_sec = 1'700'000'001, .tv_nsec = 250'000'000};
  for (const ZoneOffset zone : {0, 3600, -5 * 3600, 19800, 1234, 24 * 3600}) {
    const ZonedTime kept = to_zoned_time(moment, zone);
    const timespec again = from_zoned_time(kept, 777);
    EXPECT_EQ(again.tv_sec, moment.tv_sec) << zone;
    EXPECT_EQ(again.tv_nsec, moment.tv_nsec) << zone;
  }
  ZonedTime unknown = to_zoned_time(moment, 0);
  unknown.zone = 0;
  EXPECT_EQ(from_zoned_time(unknown, 3600).tv_sec, moment.tv_sec - 3600);
}

TEST(Exfat, SetsKeepWhatNobodyHereKnows) {
  const UpcaseTable upcase;
  EntrySet set = EntrySet::make(u"name", upcase);
  EXPECT_TRUE(set.is_sound());
  EXPECT_EQ(set.count(), 3u);
  ASSERT_TRUE(set.rename(std::u16string(31, u'x'), upcase));
  EXPECT_TRUE(set.is_sound());
  EXPECT_EQ(set.count(), 5u);
  EXPECT_EQ(set.name(), std::u16string(31, u'x'));
  set.entry(4)[5] ^= std::byte{1};
  EXPECT_FALSE(set.is_sound());
}

TEST(WriteOrders, JoinedSectorsAreWrittenAtOnce) {
  WriteOrder order;
  EXPECT_TRUE(order.require(7, 6));
  EXPECT_TRUE(order.join(5));
  EXPECT_FALSE(order.join(6));
  EXPECT_TRUE(order.require(6, 1));
  EXPECT_FALSE(order.require(1, 5));
  EXPECT_EQ(order.steps(), (WriteOrder::Steps{{5, 1}, {6, 1}, {1, 2}}));
}

class ExfatFiles : public ::testing::Test {
 protected:
  MemoryMedium medium_{make_fat_image("exfat -c4K", 16384)};

  // The position of the set of the only file in the root directory.
  std::size_t find_set() {
    const auto geometry = read_exfat_geometry(medium_);
    std::size_t at = geometry->cluster_offset(geometry->root_cluster);
    while (medium_.bytes()[at] != std::byte{entry_type::kFile}) at += kRecordSize;
    return at;
  }
  FileInfo info_on_medium() {
    const std::size_t at = find_set();
    EntrySet set(EntrySet::count_of(std::span(medium_.bytes()).subspan(at, kRecordSize)));
    std::memcpy(set.entry(0).data(), medium_.bytes().data() + at, set.count() * kRecordSize);
    EXPECT_TRUE(set.is_sound());
    return set.info();
  }
  std::uint64_t written(std::size_t from) {
    std::uint64_t bytes = 0;
    for (std::size_t i = from; i < medium_.events().size(); ++i)
      bytes += medium_.events()[i].data.size();
    return bytes;
  }
  void expect_sound() {
    const Opinion verdict = fsck_fat(medium_.bytes());
    EXPECT_EQ(verdict.status, 0) << verdict.report;
    EXPECT_EQ(find_owners(medium_).wrong, "");
  }
};

TEST_F(ExfatFiles, GrowingWritesNothingAndReadsAsZeroes) {
  medium_.record();
  MountedFat mounted(medium_);
  const NodeId node = mounted.make(kRoot, "file");
  ASSERT_EQ(mounted.write(node, 0, "start"), 0);
  ASSERT_TRUE(mounted.driver().sync_all().has_value());
  const std::size_t before = medium_.events().size();
  ASSERT_EQ(mounted.resize(node, 8 << 20), 0);
  ASSERT_TRUE(mounted.driver().sync_all().has_value());
  EXPECT_LT(written(before), 20000u);
  EXPECT_EQ(info_on_medium().valid_size, 5u);
  EXPECT_EQ(info_on_medium().size, 8u << 20);
  EXPECT_EQ(mounted.read(node, 3, 6), std::string("rt\0\0\0\0", 6));
  EXPECT_EQ(mounted.read(node, 7 << 20, 3), std::string(3, '\0'));
  // A write far behind the end fills the gap.
  ASSERT_EQ(mounted.write(node, 3 << 20, "middle"), 0);
  EXPECT_EQ(mounted.read(node, 100000, 4), std::string(4, '\0'));
  EXPECT_EQ(mounted.read(node, 3 << 20, 8), std::string("middle\0\0", 8));
  mounted.close();
  EXPECT_EQ(info_on_medium().valid_size, (3u << 20) + 6);
  expect_sound();
}

TEST_F(ExfatFiles, ContiguousFilesStaySoAndAreChainedWhenTheyMust) {
  MountedFat mounted(medium_);
  const NodeId node = mounted.make(kRoot, "first");
  ASSERT_EQ(mounted.write(node, 0, std::string(10000, 'a')), 0);
  ASSERT_EQ(mounted.write(node, 10000, std::string(10000, 'b')), 0);
  ASSERT_TRUE(mounted.driver().sync_all().has_value());
  EXPECT_TRUE(info_on_medium().contiguous);
  ASSERT_EQ(mounted.write(mounted.make(kRoot, "second"), 0, std::string(5000, 'x')), 0);
  ASSERT_EQ(mounted.write(node, 20000, std::string(10000, 'c')), 0);
  ASSERT_TRUE(mounted.driver().sync_all().has_value());
  EXPECT_FALSE(info_on_medium().contiguous);
  const std::string expected =
      std::string(10000, 'a') + std::string(10000, 'b') + std::string(10000, 'c');
  EXPECT_TRUE(mounted.read_file(kRoot, "first") == expected);
  mounted.close();
  expect_sound();
}

TEST_F(ExfatFiles, TheMarkIsThereWhileItIsInUse) {
  MountedFat mounted(medium_);
  EXPECT_EQ(medium_.bytes()[106], std::byte{0});
  mounted.make(kRoot, "file");
  EXPECT_EQ(medium_.bytes()[106], std::byte{2});
  ASSERT_EQ(mounted.write(mounted.find(kRoot, "file"), 0, std::string(4 << 20, 'x')), 0);
  mounted.close();
  EXPECT_EQ(medium_.bytes()[106], std::byte{0});
  const auto percent = std::to_integer<unsigned>(medium_.bytes()[112]);
  EXPECT_GT(percent, 20u);
  EXPECT_LT(percent, 40u);
  expect_sound();
}

TEST_F(ExfatFiles, DamagedSetsAreNotShownAndNotOverwritten) {
  {
    MountedFat mounted(medium_);
    mounted.make(kRoot, "hurt");
    mounted.close();
  }
  const std::size_t at = find_set();
  medium_.bytes()[at + 4] ^= std::byte{1};
  const std::vector<std::byte> set(medium_.bytes().begin() + static_cast<std::ptrdiff_t>(at),
                                   medium_.bytes().begin() + static_cast<std::ptrdiff_t>(at + 96));
  MountedFat mounted(medium_);
  EXPECT_TRUE(mounted.list(kRoot).empty());
  mounted.make(kRoot, "hurt");
  mounted.close();
  EXPECT_EQ(std::memcmp(set.data(), medium_.bytes().data() + at, set.size()), 0);
}

TEST_F(ExfatFiles, UnknownEntriesOfTheRootDecide) {
  {
    MountedFat mounted(medium_);
    mounted.make(kRoot, "file");
    mounted.close();
  }
  // A benign unknown entry is ignored and stays; a critical one forbids all changes.
  const std::size_t behind = find_set() + 3 * kRecordSize;
  medium_.bytes()[behind] = std::byte{0xa7};
  {
    MountedFat mounted(medium_);
    EXPECT_EQ(mounted.volume().read_only_reason(), "");
    mounted.make(kRoot, "another");
    mounted.close();
    EXPECT_EQ(medium_.bytes()[behind], std::byte{0xa7});
  }
  medium_.bytes()[behind] = std::byte{0x87};
  MountedFat mounted(medium_);
  EXPECT_NE(mounted.volume().read_only_reason().find("unknown kind 0x87"), std::string::npos);
  EXPECT_NE(mounted.find(kRoot, "another"), 0u);
  mounted.close();
}

TEST_F(ExfatFiles, ADamagedUpcaseTableForbidsChanges) {
  const auto geometry = read_exfat_geometry(medium_);
  const std::size_t root = geometry->cluster_offset(geometry->root_cluster);
  std::size_t entry = root;
  while (medium_.bytes()[entry] != std::byte{entry_type::kUpcase}) entry += kRecordSize;
  medium_.bytes()[entry + 4] ^= std::byte{1};
  MountedFat mounted(medium_);
  EXPECT_NE(mounted.volume().read_only_reason().find("up-case table"), std::string::npos);
  EXPECT_TRUE(mounted.list(kRoot).empty());
}

TEST_F(ExfatFiles, ABitmapThatForgetsItselfForbidsChanges) {
  const auto geometry = read_exfat_geometry(medium_);
  medium_.bytes()[static_cast<std::size_t>(geometry->data_offset)] = std::byte{0};
  MountedFat mounted(medium_);
  EXPECT_NE(mounted.volume().read_only_reason().find("bitmap is damaged"), std::string::npos);
}

TEST_F(ExfatFiles, SetsAcrossBlocksAreChangedWhole) {
  MountedFat mounted(medium_);
  // A directory of 8 KiB, whose sets all have three entries, but as other systems place them.
  const NodeId folder = mounted.make(kRoot, "folder", S_IFDIR);
  for (int i = 0; i < 60; ++i) mounted.make(folder, "name " + std::to_string(i));
  mounted.close();
  const FileInfo info = info_on_medium();
  ASSERT_EQ(info.size, 8192u);
  const auto geometry = read_exfat_geometry(medium_);
  const auto start = static_cast<std::ptrdiff_t>(geometry->cluster_offset(info.first_cluster));
  const auto begin = medium_.bytes().begin() + start;
  // 40 sets fill a block except for the last entry of each sector; the next set is moved to begin
  // there.
  std::copy(begin + 4096, begin + 4096 + 96, begin + 4096 - kRecordSize);
  std::fill(begin + 4096 + 64, begin + 4096 + 96, std::byte{0x05});
  MountedFat again(medium_);
  const NodeId found_folder = again.find(kRoot, "folder");
  EXPECT_EQ(again.list(found_folder).size(), 60u);
  const NodeId node = again.find(found_folder, "name 40");
  ASSERT_NE(node, 0u);
  medium_.record();
  EXPECT_EQ(again.write(node, 0, "content"), 0);
  ASSERT_TRUE(again.driver().sync_all().has_value());
  const auto edge = static_cast<std::uint64_t>(start) + 4096;
  std::size_t halves = 0;
  for (const MemoryMedium::Event& event : medium_.events()) {
    const bool first = event.offset < edge && event.offset + event.data.size() >= edge;
    const bool second = event.offset <= edge && event.offset + event.data.size() > edge;
    halves += first != second ? 1 : 0;
  }
  EXPECT_EQ(halves, 0u);
  EXPECT_EQ(again.read_file(found_folder, "name 40"), "content");
  again.close();
  MountedFat last(medium_);
  EXPECT_EQ(last.read_file(last.find(kRoot, "folder"), "NAME 40"), "content");
  EXPECT_EQ(last.rename(last.find(kRoot, "folder"), "name 40", kRoot, "elsewhere"), 0);
  last.close();
  expect_sound();
}

TEST_F(ExfatFiles, SetsInPiecesAreReadAndChangedOnceTheyAreRenamed) {
  MountedFat mounted(medium_);
  const NodeId folder = mounted.make(kRoot, "folder", S_IFDIR);
  ASSERT_EQ(mounted.write(mounted.make(kRoot, "in the way"), 0, std::string(5000, 'x')), 0);
  for (int i = 0; i < 60; ++i) mounted.make(folder, "name " + std::to_string(i));
  mounted.close();
  const FileInfo info = info_on_medium();
  ASSERT_EQ(info.size, 8192u);
  ASSERT_FALSE(info.contiguous);
  const auto geometry = read_exfat_geometry(medium_);
  const auto table = static_cast<std::size_t>(geometry->table_offset);
  const auto second =
      load_le<std::uint32_t>(medium_.bytes(), table + info.first_cluster * 4).value_or(0);
  ASSERT_NE(second, info.first_cluster + 1);
  const auto at = [&](std::uint32_t cluster, std::uint32_t entry) {
    return medium_.bytes().begin() +
           static_cast<std::ptrdiff_t>(geometry->cluster_offset(cluster) + entry * kRecordSize);
  };
  // The first set of the second cluster begins at the end of the first one.
  std::copy(at(second, 0), at(second, 1), at(info.first_cluster, 127));
  std::copy(at(second, 1), at(second, 3), at(second, 0));
  *at(second, 2) = std::byte{entry_type::kUnused};
  MountedFat again(medium_);
  const NodeId found_folder = again.find(kRoot, "folder");
  EXPECT_EQ(again.list(found_folder).size(), 60u);
  const NodeId node = again.find(found_folder, "name 40");
  ASSERT_NE(node, 0u);
  EXPECT_EQ(again.write(node, 0, "content"), EOPNOTSUPP);
  EXPECT_EQ(again.rename(found_folder, "name 40", found_folder, "another name"), 0);
  EXPECT_EQ(again.write(node, 0, "content"), 0);
  EXPECT_EQ(again.read_file(found_folder, "another name"), "content");
  again.close();
  expect_sound();
}

}  // namespace
}  // namespace airlock::fat
