// SPDX-License-Identifier: GPL-2.0-or-later
// An empty medium of two terabytes: what is read of it, and when.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>

#include "contained/fat/tests/mounted_fat.h"
#include "contained/runtime/block_io.h"
#include "contained/runtime/reader_token.h"

namespace airlock::fat {
namespace {

constexpr const char* kMakeFat =
    "truncate -s 2047G $image && mkfs.fat -F32 -s128 -f1 $image && fallocate -d $image";
constexpr const char* kMakeExfat = "truncate -s 2047G $image && mkfs.exfat $image";

// A sparse file, already deleted when it is open.
UniqueFd make_image(const char* command) {
  const char* const folder = std::getenv("TMPDIR");
  std::string path = std::string(folder != nullptr ? folder : "/tmp") + "/airlock-large-XXXXXX";
  UniqueFd image(::mkstemp(path.data()));
  const std::string line = "image=" + path + "; { " + command + "; } >/dev/null 2>&1";
  EXPECT_EQ(std::system(line.c_str()), 0) << command;
  (void)::unlink(path.c_str());
  return image;
}

// Counts the bytes read, and holds a read back on request.
class WatchedMedium final : public BlockIo {
 public:
  explicit WatchedMedium(UniqueFd&& image) : below_(*DescriptorIo::adopt(std::move(image))) {}

  [[nodiscard]] std::uint64_t size() const override { return below_.size(); }
  [[nodiscard]] bool writable() const override { return true; }
  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) override {
    passing(offset, into.size());
    return below_.read(offset, into);
  }
  Outcome<void> read_scatter(std::uint64_t offset, std::span<iovec> parts) override {
    std::size_t length = 0;
    for (const iovec& part : parts) length += part.iov_len;
    passing(offset, length);
    return below_.read_scatter(offset, parts);
  }
  Outcome<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
    return below_.write(offset, from);
  }
  Outcome<void> write_gather(std::uint64_t offset, std::span<iovec> parts) override {
    return below_.write_gather(offset, parts);
  }
  Outcome<void> flush() override { return {}; }
  Outcome<void> discard(std::uint64_t offset, std::uint64_t length) override {
    return below_.discard(offset, length);
  }

  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_; }
  [[nodiscard]] std::uint64_t requests() const { return requests_; }

  void hold_back(std::uint64_t from, std::uint64_t to) {
    const std::scoped_lock lock(mutex_);
    held_from_ = from;
    held_to_ = to;
  }
  void wait_until_held() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_; });
  }
  void let_go() {
    hold_back(0, 0);
    changed_.notify_all();
  }

 private:
  void passing(std::uint64_t offset, std::size_t length) {
    bytes_ += length;
    ++requests_;
    std::unique_lock lock(mutex_);
    const auto is_held = [&] { return offset < held_to_ && offset + length > held_from_; };
    if (!is_held()) return;
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !is_held(); });
  }

  DescriptorIo below_;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> requests_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t held_from_ = 0;
  std::uint64_t held_to_ = 0;
  bool waiting_ = false;
};

class LargeAndEmpty : public ::testing::TestWithParam<const char*> {
 protected:
  WatchedMedium medium_{make_image(GetParam())};
};

TEST_P(LargeAndEmpty, IsMountedAndUsedByReadingLittle) {
  MountedFat mounted(medium_);
  ASSERT_TRUE(mounted.opened()) << mounted.error();
  EXPECT_TRUE(mounted.list(kRoot).empty());
  EXPECT_LT(medium_.bytes_read(), 512u << 10);
  EXPECT_LT(medium_.requests(), 32u);
  ASSERT_EQ(mounted.write(mounted.make(kRoot, "file"), 0, std::string(1000000, 'x')), 0);
  mounted.close();
  EXPECT_LT(medium_.bytes_read(), 2u << 20);
  EXPECT_LT(medium_.requests(), 160u);
}

// A place in the middle of the map of free clusters, beyond the read-ahead of anything before it.
AllocationMap::Bytes middle_of_map(Volume& volume) {
  constexpr std::uint64_t kBehind = 256u << 10;
  const std::uint32_t half = volume.space().segment_count() / 2;
  const std::uint64_t at = volume.space().place_of(half).front().offset + kBehind;
  return {.offset = at, .length = 4096};
}

bool count_is_known(Volume& volume) {
  const Volume::Operation operation(volume);
  return volume.space().known_count().has_value();
}

void forget_count(WatchedMedium& medium) {
  const auto geometry = read_geometry(medium);
  if (!geometry) return;
  const std::array<std::byte, 4> unknown = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                            std::byte{0xff}};
  ASSERT_TRUE(medium.write(geometry->info_offset + 488, unknown).has_value());
}

TEST_P(LargeAndEmpty, IsUsedWhileItIsCounted) {
  ASSERT_NO_FATAL_FAILURE(forget_count(medium_));
  MountedFat mounted(medium_);
  const auto middle = middle_of_map(mounted.volume());
  medium_.hold_back(middle.offset, middle.offset + middle.length);
  ReaderToken token;
  ASSERT_TRUE(token.take());
  const auto early = mounted.driver().statistics();
  EXPECT_FALSE(token.is_held());
  ASSERT_TRUE(early.has_value());
  EXPECT_GT(early->f_bfree, early->f_blocks - 1000);
  medium_.wait_until_held();
  const NodeId node = mounted.make(kRoot, "file");
  EXPECT_EQ(mounted.write(node, 0, std::string(1000000, 'x')), 0);
  EXPECT_EQ(mounted.read(node, 999990, 100), std::string(10, 'x'));
  EXPECT_TRUE(mounted.driver().sync_all().has_value());
  medium_.let_go();
  // Each further request waits a moment.
  while (mounted.driver().statistics() && !count_is_known(mounted.volume())) {
  }
  ASSERT_TRUE(token.take());
  const auto late = mounted.driver().statistics();
  EXPECT_TRUE(token.is_held());
  ASSERT_TRUE(late.has_value());
  const Volume::Operation operation(mounted.volume());
  EXPECT_EQ(late->f_bfree, *mounted.volume().space().count());
  EXPECT_LT(late->f_bfree, early->f_bfree);
}

TEST_P(LargeAndEmpty, IsUnmountedWhileItIsCounted) {
  ASSERT_NO_FATAL_FAILURE(forget_count(medium_));
  MountedFat mounted(medium_);
  const auto middle = middle_of_map(mounted.volume());
  medium_.hold_back(middle.offset, middle.offset + middle.length);
  ASSERT_TRUE(mounted.driver().statistics().has_value());
  medium_.wait_until_held();
  medium_.let_go();
  mounted.close();
  EXPECT_EQ(MountedFat(medium_).volume().read_only_reason(), "");
}

INSTANTIATE_TEST_SUITE_P(Kinds, LargeAndEmpty, ::testing::Values(kMakeFat, kMakeExfat));

}  // namespace
}  // namespace airlock::fat
