// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <random>

#include "contained/ext/tests/journal_image.h"
#include "contained/ext/tests/journal_replay.h"
#include "lib/base/byte_view.h"
#include "lib/base/defer.h"

namespace airlock::ext::test {
namespace {

// Commits the first `count` blocks of the victim as they are in `state`.
Outcome<void> commit_state(Journal& journal, const JournalImage& image, std::uint32_t state,
                           std::uint32_t count) {
  std::vector<std::vector<std::byte>> contents;
  std::vector<JournalBlock> blocks;
  for (std::uint32_t i = 0; i < count; ++i) {
    contents.push_back(pattern(image.geometry().block_size, state, i));
    blocks.push_back({.block = image.victim_blocks().at(i), .data = contents.back()});
  }
  return journal.commit(blocks);
}

void write_homes(BlockIo& medium, const JournalImage& image, std::uint32_t state,
                 std::uint32_t count) {
  const std::uint32_t size = image.geometry().block_size;
  for (std::uint32_t i = 0; i < count; ++i)
    ASSERT_TRUE(medium.write(image.victim_blocks().at(i) * size, pattern(size, state, i)));
}

// How many of the first `count` blocks are at home as in `state`.
std::uint32_t homes_in_state(BlockIo& medium, const JournalImage& image, std::uint32_t state,
                             std::uint32_t count) {
  const std::uint32_t size = image.geometry().block_size;
  std::uint32_t matches = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::vector<std::byte> home(size);
    EXPECT_TRUE(medium.read(image.victim_blocks().at(i) * size, home));
    matches += home == pattern(size, state, i) ? 1 : 0;
  }
  return matches;
}

std::uint32_t seed_of(BlockIo& medium, const JournalImage& image) {
  JournalSuperblock::Bytes bytes = {};
  const JournalGeometry& geometry = image.geometry();
  EXPECT_TRUE(medium.read(geometry.runs.front().start * geometry.block_size, bytes));
  return JournalSuperblock::parse(bytes, geometry.block_size, geometry.runs.front().count)
      ->format(geometry.uuid)
      .seed;
}

struct Variant {
  const char* name;
  const char* options;
  const char* size;
  std::uint32_t victim_kib = 900;
};

class JournalOnImage : public testing::TestWithParam<Variant> {
 protected:
  JournalOnImage() : image_(GetParam().options, GetParam().size, GetParam().victim_kib) {
    image_.set_needs_recovery();
    blocks_ = static_cast<std::uint32_t>(image_.victim_blocks().size());
  }

  // Some commits whose blocks reached their homes, then one whose blocks did not.
  void commit_and_crash() {
    DescriptorIo medium = open_image(image_.path());
    auto journal = Journal::open(medium, image_.geometry());
    ASSERT_TRUE(journal) << journal.error().message();
    EXPECT_FALSE(journal->needs_replay());
    blocks_ = std::min(blocks_, journal->capacity());
    for (std::uint32_t state = 1; state <= 4; ++state) {
      ASSERT_TRUE(commit_state(*journal, image_, state, blocks_));
      write_homes(medium, image_, state, blocks_);
    }
    ASSERT_TRUE(commit_state(*journal, image_, 5, blocks_));
    ASSERT_EQ(homes_in_state(medium, image_, 4, blocks_), blocks_);
  }

  JournalImage image_;
  std::uint32_t blocks_ = 0;
};

TEST_P(JournalOnImage, CheckerReplaysTheLastCommit) {
  ASSERT_NO_FATAL_FAILURE(commit_and_crash());
  {
    DescriptorIo medium = open_image(image_.path());
    const auto journal = Journal::open(medium, image_.geometry());
    ASSERT_TRUE(journal) << journal.error().message();
    EXPECT_TRUE(journal->needs_replay());
  }
  ASSERT_TRUE(check_and_repair(image_.path()));
  EXPECT_TRUE(is_spotless(image_.path()));
  EXPECT_FALSE(image_.needs_recovery());
  DescriptorIo medium = open_image(image_.path());
  EXPECT_EQ(homes_in_state(medium, image_, 5, blocks_), blocks_);
}

TEST_P(JournalOnImage, OurReplayAgrees) {
  ASSERT_NO_FATAL_FAILURE(commit_and_crash());
  DescriptorIo medium = open_image(image_.path());
  EXPECT_EQ(replay(medium, image_.geometry()), 1);
  EXPECT_EQ(homes_in_state(medium, image_, 5, blocks_), blocks_);
}

TEST_P(JournalOnImage, CommitsAgainAfterTheCheckerReplayed) {
  ASSERT_NO_FATAL_FAILURE(commit_and_crash());
  ASSERT_TRUE(check_and_repair(image_.path()));
  image_.set_needs_recovery();
  {
    DescriptorIo medium = open_image(image_.path());
    auto journal = Journal::open(medium, image_.geometry());
    ASSERT_TRUE(journal) << journal.error().message();
    ASSERT_TRUE(commit_state(*journal, image_, 6, 3));
  }
  ASSERT_TRUE(check_and_repair(image_.path()));
  DescriptorIo medium = open_image(image_.path());
  EXPECT_EQ(homes_in_state(medium, image_, 6, 3), 3U);
}

TEST_P(JournalOnImage, CleanLeavesNothingToReplay) {
  {
    DescriptorIo medium = open_image(image_.path());
    auto journal = Journal::open(medium, image_.geometry());
    ASSERT_TRUE(journal) << journal.error().message();
    ASSERT_TRUE(commit_state(*journal, image_, 1, 10));
    write_homes(medium, image_, 1, 10);
    ASSERT_TRUE(journal->clean());
    write_homes(medium, image_, 2, 10);  // a replay would undo this
  }
  {
    DescriptorIo medium = open_image(image_.path());
    const auto journal = Journal::open(medium, image_.geometry());
    ASSERT_TRUE(journal) << journal.error().message();
    EXPECT_FALSE(journal->needs_replay());
  }
  ASSERT_TRUE(check_and_repair(image_.path()));
  DescriptorIo medium = open_image(image_.path());
  EXPECT_EQ(homes_in_state(medium, image_, 2, 10), 10U);
}

// Mounts the image while it reads the victim.
void let_the_kernel_replay(const JournalImage& image) {
  const std::string target = image.beside("mnt").string();
  std::filesystem::create_directory(target);
  ASSERT_EQ(run(fmt::format("mount -o loop {} {}", image.path().string(), target)), 0);
  const Defer unmount([&] { EXPECT_EQ(run("umount " + target), 0); });
  EXPECT_TRUE(std::ifstream(target + "/victim").good());
}

class JournalInKernel : public JournalOnImage {};

TEST_P(JournalInKernel, RunAsRootKernelReplaysTheLastCommit) {
  if (::getuid() != 0) GTEST_SKIP() << "mounting needs root";
  ASSERT_NO_FATAL_FAILURE(commit_and_crash());
  ASSERT_NO_FATAL_FAILURE(let_the_kernel_replay(image_));
  EXPECT_TRUE(is_spotless(image_.path()));
  {
    DescriptorIo medium = open_image(image_.path());
    EXPECT_EQ(homes_in_state(medium, image_, 5, blocks_), blocks_);
  }
  // The kernel's sequence numbers and features are now in the journal: continue from there.
  image_.set_needs_recovery();
  {
    DescriptorIo medium = open_image(image_.path());
    auto journal = Journal::open(medium, image_.geometry());
    ASSERT_TRUE(journal) << journal.error().message();
    ASSERT_TRUE(commit_state(*journal, image_, 6, blocks_));
  }
  ASSERT_NO_FATAL_FAILURE(let_the_kernel_replay(image_));
  DescriptorIo medium = open_image(image_.path());
  EXPECT_EQ(homes_in_state(medium, image_, 6, blocks_), blocks_);
}

const auto kKernelSizes = testing::Values(
    Variant{"Ext4With4k", "-t ext4 -b 4096", "64M"},
    Variant{"Ext4With1k", "-t ext4 -b 1024", "32M"},
    Variant{"Ext4With2kNoChecksums", "-t ext4 -b 2048 -O ^metadata_csum", "64M"},
    Variant{"Ext4No64Bit", "-t ext4 -b 4096 -O ^64bit", "64M"},
    Variant{"Ext4NoChecksumsNo64Bit", "-t ext4 -b 1024 -O ^metadata_csum,^64bit", "32M"},
    Variant{"Ext4SmallestJournal", "-t ext4 -b 1024 -J size=1", "16M"},
    Variant{"Ext4LargeJournal", "-t ext4 -b 4096 -J size=128", "1G", 8192},
    Variant{"Ext4ScatteredJournal", "-t ext4 -b 1024 -O ^flex_bg -J size=16", "64M", 5000},
    Variant{"Ext4FastCommit", "-t ext4 -b 4096 -O fast_commit", "64M"},
    Variant{"Ext3With1k", "-t ext3 -b 1024", "32M"},
    Variant{"Ext3With4k", "-t ext3 -b 4096", "64M"});
// Larger than a page: e2fsck is the only judge.
const auto kLargeBlocks = testing::Values(Variant{"Ext4With64k", "-t ext4 -b 65536", "512M", 6400});

std::string name_of(const testing::TestParamInfo<Variant>& param) {
  return param.param.name;
}
INSTANTIATE_TEST_SUITE_P(Images, JournalOnImage, kKernelSizes, name_of);
INSTANTIATE_TEST_SUITE_P(LargeBlocks, JournalOnImage, kLargeBlocks, name_of);
INSTANTIATE_TEST_SUITE_P(Images, JournalInKernel, kKernelSizes, name_of);

TEST(Journal, ScatteredImageReallyIsScattered) {
  const JournalImage image("-t ext4 -b 1024 -O ^flex_bg -J size=16", "64M");
  EXPECT_GT(image.geometry().runs.size(), 1U);
}

TEST(Journal, OversizeTransactionUsesTheWholeLog) {
  const JournalImage image("-t ext4 -b 1024 -J size=1", "16M", 1200);
  image.set_needs_recovery();
  std::uint32_t large = 0;
  {
    DescriptorIo medium = open_image(image.path());
    auto journal = Journal::open(medium, image.geometry());
    ASSERT_TRUE(journal) << journal.error().message();
    large = journal->largest_transaction();
    ASSERT_GT(large, journal->capacity() + 400);
    ASSERT_TRUE(commit_state(*journal, image, 1, 10));
    write_homes(medium, image, 1, 10);
    ASSERT_TRUE(commit_state(*journal, image, 2, large));
    write_homes(medium, image, 2, large);
    ASSERT_TRUE(commit_state(*journal, image, 3, 10));
    write_homes(medium, image, 3, 10);
    ASSERT_TRUE(commit_state(*journal, image, 4, large));
  }
  ASSERT_TRUE(check_and_repair(image.path()));
  DescriptorIo medium = open_image(image.path());
  EXPECT_EQ(homes_in_state(medium, image, 4, large), large);
}

TEST(Journal, TooLargeIsRefusedAndLeavesNothingToReplay) {
  const JournalImage image("-t ext4 -b 1024 -J size=1", "16M", 1200);
  DescriptorIo medium = open_image(image.path());
  auto journal = Journal::open(medium, image.geometry());
  ASSERT_TRUE(journal) << journal.error().message();
  ASSERT_TRUE(commit_state(*journal, image, 1, 10));
  EXPECT_EQ(commit_state(*journal, image, 2, journal->largest_transaction() + 1).error().value,
            E2BIG);
  EXPECT_EQ(replay(medium, image.geometry()), 0);
  ASSERT_TRUE(commit_state(*journal, image, 3, 10));
  EXPECT_EQ(replay(medium, image.geometry()), 1);
}

TEST(Journal, CapacityIsExact) {
  for (const bool checksums : {false, true}) {
    for (const std::uint32_t block_size : {1024U, 4096U, 65536U}) {
      const TransactionFormat format = {
          .block_size = block_size, .checksums = checksums, .wide_blocks = true};
      for (std::uint32_t log = 4; log < 5000; ++log) {
        const std::uint32_t fit = format.blocks_that_fit(log);
        ASSERT_LE(format.log_blocks_for(fit), log);
        ASSERT_GT(format.log_blocks_for(fit + 1), log);
      }
    }
  }
}

// The previous user of the log may have left anything in it, even a transaction with the next
// number.
TEST(Journal, StaleTransactionAfterOursIsNotReplayed) {
  const JournalImage image("-t ext4 -b 1024", "32M");
  DescriptorIo medium = open_image(image.path());
  const std::uint64_t first = image.geometry().runs.front().start + 1;  // of the log
  const TransactionFormat format = {
      .block_size = 1024, .checksums = true, .wide_blocks = true, .seed = seed_of(medium, image)};
  const std::vector<std::byte> data = pattern(1024, 9, 0);
  const JournalBlock stale = {.block = image.victim_blocks().at(0), .data = data};
  TransactionImage next(format, 2, std::span(&stale, 1));
  ASSERT_TRUE(medium.write_gather((first + 3) * 1024, next.parts()));
  ASSERT_TRUE(medium.write((first + 5) * 1024, commit_block(format, 2)));

  auto journal = Journal::open(medium, image.geometry());
  ASSERT_TRUE(journal) << journal.error().message();
  ASSERT_TRUE(commit_state(*journal, image, 1, 1));  // descriptor, block, commit: three
  EXPECT_EQ(replay(medium, image.geometry()), 1);
  EXPECT_EQ(homes_in_state(medium, image, 1, 1), 1U);
}

TEST(Journal, BadBlocksAreRefusedWithoutATrace) {
  const JournalImage image("-t ext4 -b 1024", "32M");
  DescriptorIo medium = open_image(image.path());
  auto journal = Journal::open(medium, image.geometry());
  ASSERT_TRUE(journal) << journal.error().message();
  const std::vector<std::byte> data = pattern(1024, 1, 1);
  const JournalBlock outside = {.block = image.geometry().filesystem_blocks, .data = data};
  const JournalBlock short_data = {.block = 100, .data = std::span(data).first(1000)};
  EXPECT_EQ(journal->commit(std::span(&outside, 1)).error().value, EINVAL);
  EXPECT_EQ(journal->commit(std::span(&short_data, 1)).error().value, EINVAL);
  EXPECT_TRUE(commit_state(*journal, image, 1, 1));
}

TEST(Journal, LeavesAForeignTransactionAlone) {
  const JournalImage image("-t ext4 -b 1024", "32M");
  DescriptorIo medium = open_image(image.path());
  auto ours = Journal::open(medium, image.geometry());
  ASSERT_TRUE(ours && commit_state(*ours, image, 1, 10));
  auto later = Journal::open(medium, image.geometry());
  ASSERT_TRUE(later && later->needs_replay());
  EXPECT_EQ(commit_state(*later, image, 2, 10).error().value, EUCLEAN);
  EXPECT_EQ(later->clean().error().value, EUCLEAN);
  EXPECT_EQ(replay(medium, image.geometry()), 1);
  EXPECT_EQ(homes_in_state(medium, image, 1, 10), 10U);
}

// A journal's superblock in front of zeros, and nothing else.
class Superblock : public testing::Test {
 protected:
  Superblock() : image_("-t ext4 -b 1024", "32M"), medium_(open_image(image_.path())) {
    EXPECT_TRUE(medium_.read(place(), bytes_));
    // As a kernel leaves it: with checksums.
    auto journal = Journal::open(medium_, image_.geometry());
    EXPECT_TRUE(journal && commit_state(*journal, image_, 1, 1) && journal->clean());
    EXPECT_TRUE(medium_.read(place(), checked_bytes_));
  }

  std::uint64_t place() { return image_.geometry().runs.front().start * 1024; }

  void set(std::size_t offset, std::uint32_t value) {
    EXPECT_TRUE(store_be(std::span(bytes_), offset, value));
  }

  Result<Journal> open_with(JournalSuperblock::Bytes bytes) {
    EXPECT_TRUE(medium_.write(place(), bytes));
    return Journal::open(medium_, image_.geometry());
  }

  void expect_refused(Errc code, std::size_t offset, std::uint32_t value) {
    const JournalSuperblock::Bytes saved = bytes_;
    set(offset, value);
    const auto journal = open_with(bytes_);
    ASSERT_FALSE(journal) << "offset " << offset << " value " << value;
    EXPECT_EQ(journal.error().code, code) << journal.error().message();
    bytes_ = saved;
  }

  JournalImage image_;
  DescriptorIo medium_;
  JournalSuperblock::Bytes bytes_ = {};
  JournalSuperblock::Bytes checked_bytes_ = {};
};

TEST_F(Superblock, HostileFieldsAreRefused) {
  ASSERT_TRUE(open_with(bytes_));
  expect_refused(Errc::kWrongFormat, 0, 0);
  expect_refused(Errc::kWrongFormat, 4, 2);
  expect_refused(Errc::kCorrupted, 0x0C, 4096);
  expect_refused(Errc::kCorrupted, 0x10, 0xFFFFFFFF);
  expect_refused(Errc::kUnsupported, 0x10, 1023);
  expect_refused(Errc::kUnsupported, 0x10, 0);
  expect_refused(Errc::kCorrupted, 0x14, 0);
  expect_refused(Errc::kCorrupted, 0x14, 0xFFFFFFFF);
  expect_refused(Errc::kCorrupted, 0x1C, 0xFFFFFFFF);
  expect_refused(Errc::kCorrupted, 0x20, static_cast<std::uint32_t>(-5));
  expect_refused(Errc::kUnsupported, 0x28, 0x40);
  expect_refused(Errc::kUnsupported, 0x2C, 1);
  expect_refused(Errc::kCorrupted, 0x28, 0x18);    // two kinds of checksums
  expect_refused(Errc::kUnsupported, 0x28, 0x10);  // checksums of no known type
}

TEST_F(Superblock, WrongChecksumIsRefused) {
  ASSERT_TRUE(open_with(checked_bytes_));
  for (const std::size_t offset : {0x18, 0x30, 0x60, 0xFC, 0x3FF}) {
    JournalSuperblock::Bytes bytes = checked_bytes_;
    bytes.at(offset) ^= std::byte{0x10};
    const auto journal = open_with(bytes);
    ASSERT_FALSE(journal) << offset;
    EXPECT_EQ(journal.error().code, Errc::kCorrupted);
  }
}

TEST_F(Superblock, AnyBytesEndWell) {
  std::mt19937 random(20240229);  // fixed: a failure must repeat
  int opened = 0;
  for (int round = 0; round < 3000; ++round) {
    JournalSuperblock::Bytes bytes = bytes_;
    for (int change = 0; change < 1 + round % 6; ++change)
      bytes.at(random() % 0x100) = static_cast<std::byte>(random());
    auto journal = open_with(bytes);
    if (!journal || journal->needs_replay()) continue;
    ++opened;
    EXPECT_TRUE(commit_state(*journal, image_, 1, 20));
    EXPECT_EQ(replay(medium_, image_.geometry()), 1);
  }
  EXPECT_GT(opened, 100);
}

TEST_F(Superblock, VersionOneIsUnderstood) {
  set(4, 3);
  auto journal = open_with(bytes_);
  ASSERT_TRUE(journal) << journal.error().message();
  image_.set_needs_recovery();
  ASSERT_TRUE(commit_state(*journal, image_, 2, 200));
  ASSERT_TRUE(check_and_repair(image_.path()));
  EXPECT_EQ(homes_in_state(medium_, image_, 2, 200), 200U);
}

TEST_F(Superblock, FeaturesWeDoNotWriteAreDropped) {
  set(0x24, 1);            // the old checksums
  set(0x28, 0x04 | 0x20);  // asynchronous and fast commits
  set(0x54, 256);
  auto journal = open_with(bytes_);
  ASSERT_TRUE(journal) << journal.error().message();
  ASSERT_TRUE(commit_state(*journal, image_, 2, 10));
  JournalSuperblock::Bytes now = {};
  ASSERT_TRUE(medium_.read(place(), now));
  EXPECT_EQ(load_be<std::uint32_t>(now, 0x24), 0U);
  EXPECT_EQ(load_be<std::uint32_t>(now, 0x28), kJournal64Bit | kJournalChecksumV3);
}

TEST_F(Superblock, HostileRunsAreRefused) {
  const auto refused = [this](std::vector<JournalRun> runs) {
    JournalGeometry geometry = image_.geometry();
    geometry.runs = std::move(runs);
    const auto journal = Journal::open(medium_, std::move(geometry));
    return !journal && journal.error().code == Errc::kCorrupted;
  };
  const JournalRun good = image_.geometry().runs.front();
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({{.start = good.start, .count = good.count - 1}}));
  EXPECT_TRUE(refused({good, good}));
  EXPECT_TRUE(refused({good, {.start = ~std::uint64_t{0}, .count = 2}}));
  EXPECT_TRUE(refused({good, {.start = image_.geometry().filesystem_blocks, .count = 1}}));
  EXPECT_TRUE(refused({good, {.start = 0, .count = 1}}));
  EXPECT_TRUE(refused({good, {.start = good.start + 50000, .count = 0}}));
}

}  // namespace
}  // namespace airlock::ext::test
