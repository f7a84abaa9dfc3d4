// SPDX-License-Identifier: GPL-2.0-or-later
// Volumes that lie, and media that fail.
#include "contained/ext/volume.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <latch>

#include "contained/ext/inode_blocks.h"
#include "contained/ext/superblock_checksum.h"
#include "contained/ext/tests/mounted_image.h"
#include "contained/ext/tests/test_image.h"

namespace airlock::ext::testing {
namespace {

constexpr const char* kPlain = "-t ext4 -b 1024 -O ^has_journal,^metadata_csum,^uninit_bg -N 64";

// An image without checksums whose superblock says something else.
template <typename Change>
std::vector<std::byte> forged(Change change) {
  std::vector<std::byte> image = make_image(kPlain, "2M");
  change(*reinterpret_cast<ext2_super_block*>(image.data() + SUPERBLOCK_OFFSET));
  return image;
}

Result<std::unique_ptr<Volume>> open_image(std::vector<std::byte> image) {
  static std::vector<std::unique_ptr<MemoryMedium>> media;  // outlive the volumes
  media.push_back(std::make_unique<MemoryMedium>(std::move(image)));
  return Volume::open(*media.back(), MountMode::kReadWrite);
}

TEST(VolumeOpen, APlainImageIsWritable) {
  const auto volume = open_image(make_image(kPlain, "2M"));
  ASSERT_TRUE(volume.has_value()) << volume.error().message();
  EXPECT_TRUE((*volume)->writable());
  EXPECT_EQ((*volume)->read_only_reason(), "");
}

TEST(VolumeOpen, MoreBlocksThanTheMediumHasAreRefused) {
  auto image = make_image(kPlain, "2M");
  image.resize(image.size() - 1024);
  EXPECT_FALSE(open_image(std::move(image)).has_value());
}

TEST(VolumeOpen, TinyMediaAreRefused) {
  EXPECT_FALSE(open_image({}).has_value());
  EXPECT_FALSE(open_image(std::vector<std::byte>(1500)).has_value());
}

// A bitmap is one block; libext2fs lets groups pass that have more blocks or inodes than bits.
TEST(VolumeOpen, GroupsLargerThanTheirBitmapAreRefused) {
  EXPECT_FALSE(open_image(forged([](ext2_super_block& super) {
                 super.s_blocks_per_group = super.s_clusters_per_group = 65528;
               })).has_value());
  EXPECT_FALSE(open_image(forged([](ext2_super_block& super) {
                 super.s_inodes_per_group = super.s_inodes_count = 60000;
               })).has_value());
}

// As large as it claims to be, and empty but for its beginning.
class SparseMedium final : public BlockIo {
 public:
  SparseMedium(std::vector<std::byte> begin, std::uint64_t size)
      : begin_(std::move(begin)), size_(size) {}
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] bool writable() const override { return true; }
  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) override {
    bytes_read += into.size();
    for (std::byte& byte : into) {
      byte = offset < begin_.size() ? begin_[offset] : std::byte{0};
      ++offset;
    }
    return {};
  }
  Outcome<void> write(std::uint64_t, std::span<const std::byte>) override { return refuse(EIO); }
  Outcome<void> read_scatter(std::uint64_t offset, std::span<iovec> parts) override {
    for (const iovec& part : parts) {
      TRY_VOID(read(offset, {static_cast<std::byte*>(part.iov_base), part.iov_len}));
      offset += part.iov_len;
    }
    return {};
  }
  Outcome<void> write_gather(std::uint64_t, std::span<iovec>) override { return refuse(EIO); }
  Outcome<void> flush() override { return {}; }
  Outcome<void> discard(std::uint64_t, std::uint64_t) override { return refuse(EOPNOTSUPP); }

  std::uint64_t bytes_read = 0;

 private:
  std::vector<std::byte> begin_;
  std::uint64_t size_;
};

// Each takes memory and time before anything is read of it.
TEST(VolumeOpen, MoreGroupsThanMemoryHoldsAreRefusedAtOnce) {
  for (const std::uint32_t groups : {(1U << 20) + 1, 8U << 20}) {
    SparseMedium medium(forged([&](ext2_super_block& super) {
                          super.s_blocks_per_group = super.s_clusters_per_group = 256;
                          super.s_blocks_count = groups * 256;
                          super.s_inodes_per_group = 8;
                          super.s_inodes_count = groups * 8;
                        }),
                        std::uint64_t{1} << 44);
    const auto volume = Volume::open(medium, MountMode::kReadOnly);
    ASSERT_FALSE(volume.has_value());
    EXPECT_NE(volume.error().message().find("block groups"), std::string::npos);
    EXPECT_LT(medium.bytes_read, 10'000u);
  }
}

// A bitmap that lies in an inode table would change inodes.
TEST(VolumeOpen, AVolumeWhoseGroupsClaimTheSameBlockIsOnlyRead) {
  auto image =
      make_image("-t ext4 -b 1024 -O 64bit,^has_journal,^metadata_csum,^uninit_bg -N 64", "20M");
  auto* groups = reinterpret_cast<ext4_group_desc*>(image.data() + 2048);
  groups[1].bg_block_bitmap = groups[0].bg_inode_table + 1;
  const auto volume = open_image(std::move(image));
  ASSERT_TRUE(volume.has_value()) << volume.error().message();
  EXPECT_FALSE((*volume)->writable());
  EXPECT_NE((*volume)->read_only_reason().find("two block groups claim block"), std::string::npos);
}

// A new file there would be overwritten with the next commit.
TEST(VolumeOpen, BlocksOfTheJournalHoldNoData) {
  const auto volume = open_image(make_image("-t ext4 -b 1024 -J size=1", "6M"));
  ASSERT_TRUE(volume.has_value() && (*volume)->writable());
  const Volume::Operation operation(**volume);
  const auto inode = (*volume)->inode(EXT2_JOURNAL_INO);
  ASSERT_TRUE(inode.has_value());
  InodeBlocks blocks(**volume, *inode);
  EXPECT_EQ(blocks.map().find(0, 1).error().value, EUCLEAN);
}

TEST(VolumeOpen, InodesThatFitNowhereAreRefused) {
  for (const int size : {0, 64, 192, 2048, 65535})
    EXPECT_FALSE(open_image(forged([size](ext2_super_block& super) {
                   super.s_inode_size = static_cast<std::uint16_t>(size);
                 })).has_value())
        << size;
}

TEST(VolumeOpen, TheFirstInodeIsNeverAReservedOne) {
  for (const std::uint32_t first : {0u, 1u, 10u})
    EXPECT_FALSE(open_image(forged([first](ext2_super_block& super) {
                   super.s_first_ino = first;
                 })).has_value())
        << first;
}

TEST(VolumeOpen, AProtectedMediumIsOnlyRead) {
  MemoryMedium medium(make_image(kPlain, "2M"));
  medium.protect();
  const auto volume = Volume::open(medium, MountMode::kReadWrite);
  ASSERT_TRUE(volume.has_value());
  EXPECT_FALSE((*volume)->writable());
  EXPECT_EQ((*volume)->read_only_reason(), "the medium is write-protected");
}

TEST(VolumeMount, AnUncleanEndIsSeenNextTime) {
  MemoryMedium medium(make_image("-t ext4 -b 1024 -J size=1", "6M"));
  {
    const MountedImage crashed(medium);
  }
  const auto volume = Volume::open(medium, MountMode::kReadWrite);
  ASSERT_TRUE(volume.has_value());
  EXPECT_FALSE((*volume)->writable());
}

bool marks_in_use(const MemoryMedium::Event& event) {
  ext2_super_block super = {};
  if (event.offset != SUPERBLOCK_OFFSET || event.data.size() != sizeof super) return false;
  std::memcpy(&super, event.data.data(), sizeof super);
  return (super.s_state & EXT2_VALID_FS) == 0 && ext2fs_has_feature_journal_needs_recovery(&super);
}

TEST(VolumeMount, TheMarkIsOnTheMediumBeforeAnyChange) {
  MemoryMedium medium(make_image("-t ext4 -b 1024 -J size=1", "6M"));
  medium.record();
  auto volume = Volume::open(medium, MountMode::kReadWrite);
  ASSERT_TRUE(volume.has_value());
  ExtDriver driver(**volume, {});
  (*volume)->begin_writing();
  ASSERT_TRUE(driver.make_node(kRoot, "x", {.mode = S_IFREG | 0644}).has_value());
  ASSERT_TRUE(driver.sync_all().has_value());
  driver.unmounted();
  ASSERT_GT(medium.events().size(), 2U);
  EXPECT_TRUE(marks_in_use(medium.events()[0]));
  EXPECT_TRUE(medium.events()[1].is_flush());
}

bool touches_superblock(const MemoryMedium::Event& event) {
  return !event.is_flush() && event.offset < 2 * SUPERBLOCK_OFFSET &&
         event.offset + event.data.size() > SUPERBLOCK_OFFSET;
}

// A volume of one group has no second one, so it is written when it must be and not otherwise.
TEST(VolumeMount, TheSuperblockIsWrittenAtTheBeginningAndTheEnd) {
  for (const char* options :
       {"-t ext4 -b 1024 -J size=1", "-t ext4 -b 4096 -O ^has_journal", "-t ext2 -b 1024"}) {
    SCOPED_TRACE(options);
    MemoryMedium medium(make_image(options, "6M"));
    medium.record();
    MountedImage mounted(medium);
    for (int i = 0; i < 30; ++i) {
      const NodeId node = mounted.make_file(kRoot, "file" + std::to_string(i));
      ASSERT_EQ(mounted.write(node, 0, std::string(3000, 'x')), 0);
      ASSERT_TRUE(mounted.driver().sync_all().has_value());
    }
    EXPECT_EQ(std::ranges::count_if(medium.events(), touches_superblock), 1);
    mounted.close();
    EXPECT_EQ(std::ranges::count_if(medium.events(), touches_superblock), 2);
    const Verdict verdict = fsck(medium.bytes(), Fsck::kLook);
    EXPECT_EQ(verdict.status, 0) << verdict.report;
  }
}

// Whatever of its two sectors arrives is a superblock with a right checksum.
TEST(VolumeMount, ATornSuperblockIsOneAllTheSame) {
  const auto before = make_image("-t ext4 -b 1024 -J size=1", "6M");
  MemoryMedium medium(before);
  medium.record();
  MountedImage mounted(medium);
  ASSERT_NE(mounted.make_file(kRoot, "file"), 0u);
  ASSERT_TRUE(mounted.driver().unlink(kRoot, "file").has_value());
  ASSERT_TRUE(mounted.driver().sync_all().has_value());
  mounted.close();
  int written = 0;
  for (const MemoryMedium::Event& event : medium.events()) {
    if (!touches_superblock(event)) continue;
    ++written;
    const auto now =
        std::span(event.data).subspan(SUPERBLOCK_OFFSET - event.offset, SUPERBLOCK_SIZE);
    const auto then = std::span(before).subspan(SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE);
    EXPECT_TRUE(std::ranges::equal(now.subspan(512), then.subspan(512)));
    ext2_super_block super = {};
    std::memcpy(&super, now.data(), sizeof super);
    EXPECT_EQ(superblock_checksum(super), super.s_checksum);
  }
  EXPECT_GE(written, 3);
}

// As after a replay that was all: the counters of the superblock are as old as the last clean end.
TEST(VolumeOpen, WhatIsFreeIsCountedInTheGroups) {
  auto image = make_image("-t ext4 -b 1024 -O ^has_journal", "20M");
  const auto count = [](std::vector<std::byte> bytes) {
    const auto volume = open_image(std::move(bytes));
    const Volume::Operation operation(**volume);
    return std::pair((*volume)->allocator().free_block_count(),
                     (*volume)->allocator().free_inode_count());
  };
  const auto right = count(image);
  auto& super = *reinterpret_cast<ext2_super_block*>(image.data() + SUPERBLOCK_OFFSET);
  EXPECT_EQ(right.first, super.s_free_blocks_count);
  EXPECT_EQ(right.second, super.s_free_inodes_count);
  super.s_free_blocks_count += 7;
  super.s_free_inodes_count -= 3;
  super.s_checksum = superblock_checksum(super);
  EXPECT_EQ(count(image), right);
}

TEST(VolumeMount, TheMarkComesSoonThoughNothingChanges) {
  MemoryMedium medium(make_image("-t ext4 -b 1024 -J size=1", "6M"));
  std::promise<void> written;
  std::atomic<bool> is_first = true;
  medium.judge_with([&](MemoryMedium::Access access, std::uint64_t offset, std::uint64_t) {
    const bool is_mark = access == MemoryMedium::Access::kWrite && offset == SUPERBLOCK_OFFSET;
    if (is_mark && is_first.exchange(false)) written.set_value();
    return 0;
  });
  auto volume = Volume::open(medium, MountMode::kReadWrite);
  ASSERT_TRUE(volume.has_value());
  (*volume)->begin_writing();
  EXPECT_EQ(written.get_future().wait_for(std::chrono::seconds{20}), std::future_status::ready);
}

TEST(VolumeMount, ReadOnlyMountsWriteNothing) {
  const auto image = make_image("-t ext4 -b 1024 -J size=1", "6M");
  MemoryMedium medium(image);
  MountedImage mounted(medium, MountMode::kReadOnly);
  EXPECT_EQ(mounted.driver().make_node(kRoot, "x", {.mode = S_IFREG}).error().value, EROFS);
  EXPECT_EQ(mounted.write(11, 0, "x"), EROFS);
  EXPECT_TRUE(mounted.driver().sync_all().has_value());
  mounted.close();
  EXPECT_EQ(medium.bytes() == image, true);
}

class FailingMedium : public ::testing::TestWithParam<const char*> {
 protected:
  MemoryMedium medium{make_image(GetParam(), "6M")};
};

TEST_P(FailingMedium, AFailedCommitMakesTheVolumeReadOnly) {
  MountedImage mounted(medium);
  ASSERT_NE(mounted.make_file(kRoot, "before"), 0u);
  ASSERT_TRUE(mounted.driver().sync_all().has_value());
  const NodeId node = mounted.make_file(kRoot, "after");
  medium.judge_with([](MemoryMedium::Access access, std::uint64_t, std::uint64_t) {
    return access == MemoryMedium::Access::kWrite ? EIO : 0;
  });
  EXPECT_EQ(mounted.driver().sync_all().error().value, EIO);
  EXPECT_EQ(mounted.driver().sync(node, SyncScope::kAll).error().value, EIO);
  EXPECT_EQ(mounted.driver().make_node(kRoot, "x", {.mode = S_IFREG}).error().value, EROFS);
  EXPECT_EQ(mounted.driver().unlink(kRoot, "before").error().value, EROFS);
  EXPECT_TRUE(mounted.driver().lookup(kRoot, "before").has_value());
  // Even when the medium works again: nobody knows what it has kept.
  medium.judge_with({});
  EXPECT_EQ(mounted.driver().sync_all().error().value, EIO);
  mounted.close();
  const auto again = Volume::open(medium, MountMode::kReadWrite);
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE((*again)->writable());
}

// What the kernel took from a program before the medium failed is lost, and fsync must say so: what
// a write-back answers is what it tells. New changes are refused.
TEST_P(FailingMedium, WhatTheKernelWritesBackAfterwardsIsLostAndNotRefused) {
  MountedImage mounted(medium);
  const NodeId node = mounted.make_file(kRoot, "file");
  ASSERT_EQ(mounted.write(node, 0, "x"), 0);
  medium.judge_with([](MemoryMedium::Access access, std::uint64_t, std::uint64_t) {
    return access == MemoryMedium::Access::kWrite ? EIO : 0;
  });
  ASSERT_FALSE(mounted.driver().sync_all().has_value());
  const std::string text = "late";
  const auto write = [&](bool from_cache) {
    return mounted.driver()
        .write(node, 1, std::as_bytes(std::span(text)), {.from_cache = from_cache})
        .error()
        .value;
  };
  EXPECT_EQ(write(true), EIO);
  EXPECT_EQ(write(false), EROFS);
  const timespec time = {.tv_sec = 1, .tv_nsec = 0};
  EXPECT_EQ(mounted.driver().change(node, {.modify_time = time, .change_time = time}).error().value,
            EIO);
  EXPECT_EQ(mounted.driver().change(node, {.modify_time = time}).error().value, EROFS);
  EXPECT_EQ(mounted.driver().change(node, {.size = 0}).error().value, EROFS);
}

// What it would have written was taken by the first one, and is lost.
TEST_P(FailingMedium, ACommitThatWaitedForOneThatFailsFailsToo) {
  MountedImage mounted(medium);
  ASSERT_NE(mounted.make_file(kRoot, "file"), 0u);
  std::latch writing(1);
  std::latch may_fail(1);
  std::atomic<bool> first = true;
  medium.judge_with([&](MemoryMedium::Access access, std::uint64_t, std::uint64_t) {
    if (access != MemoryMedium::Access::kWrite || !first.exchange(false)) return 0;
    writing.count_down();
    may_fail.wait();
    return EIO;
  });
  auto one = std::async(std::launch::async, [&] { return mounted.driver().sync_all(); });
  writing.wait();
  auto two = std::async(std::launch::async, [&] { return mounted.driver().sync_all(); });
  EXPECT_EQ(two.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  may_fail.count_down();
  EXPECT_FALSE(one.get().has_value());
  EXPECT_FALSE(two.get().has_value());
}

TEST_P(FailingMedium, AFailedFlushIsAFailedSync) {
  MountedImage mounted(medium);
  ASSERT_NE(mounted.make_file(kRoot, "file"), 0u);
  medium.judge_with([](MemoryMedium::Access access, std::uint64_t, std::uint64_t) {
    return access == MemoryMedium::Access::kFlush ? EIO : 0;
  });
  EXPECT_EQ(mounted.driver().sync_all().error().value, EIO);
  EXPECT_EQ(mounted.driver().make_node(kRoot, "x", {.mode = S_IFREG}).error().value, EROFS);
}

TEST_P(FailingMedium, AFailedDataWriteFailsThatWriteOnly) {
  MountedImage mounted(medium);
  const NodeId node = mounted.make_file(kRoot, "file");
  medium.judge_with([](MemoryMedium::Access access, std::uint64_t, std::uint64_t) {
    return access == MemoryMedium::Access::kWrite ? EIO : 0;
  });
  EXPECT_EQ(mounted.write(node, 0, std::string(5000, 'x')), EIO);
  medium.judge_with({});
  EXPECT_EQ(mounted.driver().attributes(node)->stat.st_size, 0);
  EXPECT_EQ(mounted.write(node, 0, "works"), 0);
  mounted.close();
  const Verdict verdict = fsck(medium.bytes(), Fsck::kLook);
  EXPECT_EQ(verdict.status, 0) << verdict.report;
}

// Every single write of a session fails once; whatever it was, nothing crashes, and what was
// written before can be repaired.
TEST_P(FailingMedium, EveryWriteMayBeTheOneThatFails) {
  const auto image = medium.bytes();
  for (int failing = 4; failing < 200; failing += 7) {
    MemoryMedium tried(image);
    MountedImage mounted(tried);
    int writes = 0;
    tried.judge_with([&](MemoryMedium::Access access, std::uint64_t, std::uint64_t) {
      return access == MemoryMedium::Access::kWrite && ++writes >= failing ? EIO : 0;
    });
    for (int i = 0; i < 12; ++i) {
      const NodeId node = mounted.make_file(kRoot, "file" + std::to_string(i));
      if (node != 0) (void)mounted.write(node, 0, std::string(3000, 'x'));
      if (i % 3 == 2) (void)mounted.driver().sync_all();
      (void)mounted.driver().rename(kRoot, "file" + std::to_string(i), kRoot, "moved", 0);
    }
    mounted.close();
    tried.judge_with({});
    const Verdict repaired = fsck(tried.bytes(), Fsck::kRepair);
    EXPECT_LE(repaired.status, 1) << "write " << failing << "\n" << repaired.report;
    if (writes < failing) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, FailingMedium,
                         ::testing::Values("-t ext4 -b 1024 -J size=1", "-t ext2 -b 1024"));

}  // namespace
}  // namespace airlock::ext::testing
