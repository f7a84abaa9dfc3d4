// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/mmp.h"
#include "contained/ext/libext2fs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>
#include <mutex>
#include <vector>

namespace airlock::ext::test {
namespace {

using std::chrono::seconds;

constexpr std::uint32_t kBlockSize = 4096;
constexpr std::uint64_t kMmpBlock = 3;
constexpr std::uint64_t kNow = 1'700'000'000;  // 2023-11-14 22:13:20 UTC

// A medium of eight blocks. Checks that access avoids the caches and touches only the protection's
// block.
class FakeMedium final : public BlockIo {
 public:
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] bool writable() const override { return true; }
  Outcome<void> read(std::uint64_t, std::span<std::byte>) override { return refuse(ENOSYS); }
  Outcome<void> write(std::uint64_t, std::span<const std::byte>) override { return refuse(ENOSYS); }
  Outcome<void> read_scatter(std::uint64_t, std::span<iovec>) override { return refuse(ENOSYS); }
  Outcome<void> write_gather(std::uint64_t, std::span<iovec>) override { return refuse(ENOSYS); }
  Outcome<void> flush() override { return refuse(ENOSYS); }
  Outcome<void> discard(std::uint64_t, std::uint64_t) override { return refuse(ENOSYS); }

  Outcome<void> read_uncached(std::uint64_t offset, std::span<std::byte> into) override {
    const std::scoped_lock lock(mutex_);
    if (fail_reads || offset != kMmpBlock * kBlockSize) return refuse(EIO);
    std::memcpy(into.data(), bytes_.data() + offset, into.size());
    return {};
  }
  Outcome<void> write_through(std::uint64_t offset, std::span<const std::byte> from) override {
    const std::scoped_lock lock(mutex_);
    ++writes;
    if (fail_writes || offset != kMmpBlock * kBlockSize) return refuse(EIO);
    std::memcpy(bytes_.data() + offset, from.data(), from.size());
    return {};
  }

  mmp_struct block() {
    const std::scoped_lock lock(mutex_);
    mmp_struct block = {};
    std::memcpy(&block, bytes_.data() + kMmpBlock * kBlockSize, sizeof block);
    return block;
  }
  void put(const mmp_struct& block) {
    const std::scoped_lock lock(mutex_);
    std::memcpy(bytes_.data() + kMmpBlock * kBlockSize, &block, sizeof block);
  }

  std::atomic<int> writes = 0;
  std::atomic<bool> fail_reads = false;
  std::atomic<bool> fail_writes = false;

 private:
  std::mutex mutex_;
  std::vector<std::byte> bytes_ = std::vector<std::byte>(8 * kBlockSize);
};

// Time passes only during a wait; other computers may act meanwhile.
class FakeClock final : public MmpClock {
 public:
  void sleep(seconds time) override {
    slept += time;
    if (meanwhile) meanwhile();
  }
  [[nodiscard]] std::uint64_t seconds_since_epoch() const override {
    return kNow + static_cast<std::uint64_t>(slept.count());
  }
  seconds slept{0};
  std::function<void()> meanwhile;
};

class MmpTest : public ::testing::Test {
 protected:
  MmpTest() {
    super_.s_rev_level = EXT2_DYNAMIC_REV;
    super_.s_log_block_size = 2;
    super_.s_feature_incompat = EXT4_FEATURE_INCOMPAT_MMP;
    super_.s_feature_ro_compat = EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
    std::fill_n(super_.s_uuid, sizeof super_.s_uuid, std::uint8_t{0x5a});
    super_.s_mmp_block = kMmpBlock;
    super_.s_mmp_update_interval = 5;
    leave(EXT4_MMP_SEQ_CLEAN);
  }

  // Leaves the block as another computer would.
  void leave(std::uint32_t sequence) {
    mmp_struct block = {};
    block.mmp_magic = EXT4_MMP_MAGIC;
    block.mmp_seq = sequence;
    block.mmp_time = kNow;
    std::memcpy(block.mmp_nodename, "far\naway", 8);
    std::memset(block.mmp_bdevname, 'x', sizeof block.mmp_bdevname);  // up to the last byte
    block.mmp_check_interval = check_interval_;
    seal(block);
  }
  void seal(mmp_struct& block) {
    block.mmp_checksum = checksum(block);
    medium_.put(block);
  }
  std::uint32_t checksum(const mmp_struct& block) const {
    const std::uint32_t seed = ext2fs_crc32c_le(~0U, super_.s_uuid, sizeof super_.s_uuid);
    return ext2fs_crc32c_le(seed, reinterpret_cast<const unsigned char*>(&block),
                            sizeof block - sizeof block.mmp_checksum);
  }
  std::unique_ptr<Mmp> open() {
    auto opened = Mmp::open(medium_, super_, clock_);
    EXPECT_TRUE(opened);
    return opened ? *std::move(opened) : nullptr;
  }
  std::unique_ptr<Mmp> claimed() {
    auto mmp = open();
    EXPECT_TRUE(mmp->check());
    EXPECT_TRUE(mmp->claim());
    return mmp;
  }

  std::uint16_t check_interval_ = 10;
  ext2_super_block super_ = {};
  FakeMedium medium_;
  FakeClock clock_;
};

void expect_failure(const Result<void>& result, Errc code, std::string_view words) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().message();
  EXPECT_NE(result.error().message().find(words), std::string::npos) << result.error().message();
}

TEST_F(MmpTest, AVolumeWithoutItHasNone) {
  super_.s_feature_incompat = 0;
  EXPECT_EQ(open(), nullptr);
}

TEST_F(MmpTest, ABlockThatCannotBeIsCorruption) {
  for (const std::uint64_t block : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 53}) {
    super_.s_mmp_block = block;
    const auto opened = Mmp::open(medium_, super_, clock_);
    ASSERT_FALSE(opened) << block;
    EXPECT_EQ(opened.error().code, Errc::kCorrupted);
  }
  super_.s_mmp_block = 1U << 30;  // beyond this medium: only the medium can tell
  EXPECT_EQ(open()->check().error().code, Errc::kIo);
}

TEST_F(MmpTest, CleanIsClaimedAfterOneUpdateInterval) {
  const auto mmp = open();
  ASSERT_TRUE(mmp->check());
  EXPECT_EQ(clock_.slept, seconds{0});
  EXPECT_EQ(medium_.writes, 0);
  ASSERT_TRUE(mmp->claim());
  EXPECT_EQ(clock_.slept, seconds{6});
  const mmp_struct block = medium_.block();
  EXPECT_GE(block.mmp_seq, 1U);
  EXPECT_LE(block.mmp_seq, EXT4_MMP_SEQ_MAX);
  EXPECT_EQ(block.mmp_magic, EXT4_MMP_MAGIC);
  EXPECT_EQ(block.mmp_checksum, checksum(block));
  EXPECT_EQ(block.mmp_time, kNow);
  EXPECT_STREQ(reinterpret_cast<const char*>(block.mmp_nodename), "airlock");
  EXPECT_EQ(block.mmp_check_interval, 10);
}

TEST_F(MmpTest, SequencesAreChosenAnewEachTime) {
  (void)claimed()->release();
  const std::uint32_t first = medium_.block().mmp_seq;
  EXPECT_EQ(first, EXT4_MMP_SEQ_CLEAN);
  std::vector<std::uint32_t> seen;
  for (int i = 0; i < 4; ++i) {
    const auto mmp = claimed();
    seen.push_back(medium_.block().mmp_seq);
  }
  std::ranges::sort(seen);
  EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
}

TEST_F(MmpTest, ARunningCheckIsRefusedAtOnce) {
  leave(EXT4_MMP_SEQ_FSCK);
  expect_failure(open()->check(), Errc::kBusy, "e2fsck is running on it");
  EXPECT_EQ(clock_.slept, seconds{0});
}

TEST_F(MmpTest, AnAbandonedClaimIsTakenOverAfterWaiting) {
  leave(42);
  const auto mmp = open();
  ASSERT_TRUE(mmp->check());
  EXPECT_EQ(clock_.slept, seconds{2 * 10 + 1});
  EXPECT_EQ(medium_.writes, 0);
  ASSERT_TRUE(mmp->claim());
  EXPECT_NE(medium_.block().mmp_seq, 42U);
}

TEST_F(MmpTest, AChangeWhileWaitingIsRefusedWithWhoItWas) {
  leave(42);
  clock_.meanwhile = [this] {
    if (clock_.slept == seconds{19}) leave(43);
  };
  const auto checked = open()->check();
  expect_failure(checked, Errc::kBusy, R"("far\x0aaway")");
  expect_failure(checked, Errc::kBusy, std::string(32, 'x') + '"');
  expect_failure(checked, Errc::kBusy, "2023-11-14 22:13:20 UTC");
  EXPECT_EQ(clock_.slept, seconds{19}) << "no need to wait any longer";
  EXPECT_EQ(medium_.writes, 0);
}

TEST_F(MmpTest, ATimeThatCannotBeIsStillText) {
  leave(EXT4_MMP_SEQ_FSCK);
  mmp_struct block = medium_.block();
  block.mmp_time = ~std::uint64_t{0};
  seal(block);
  expect_failure(open()->check(), Errc::kBusy, "9999-12-31");
}

TEST_F(MmpTest, SomebodyWhoClaimsAtTheSameTimeWins) {
  clock_.meanwhile = [this] { leave(44); };
  auto mmp = open();
  ASSERT_TRUE(mmp->check());
  expect_failure(mmp->claim(), Errc::kBusy, "in use");
  mmp.reset();
  EXPECT_EQ(medium_.block().mmp_seq, 44U) << "the other one's claim must stay";
}

TEST_F(MmpTest, IntervalsThatTakeMinutesAreRefusedAtOnce) {
  super_.s_mmp_update_interval = 65535;
  expect_failure(open()->claim(), Errc::kUnsupported, "every 300 s");
  check_interval_ = 65535;
  leave(42);
  expect_failure(open()->check(), Errc::kBusy, "takes 360 s");
  EXPECT_EQ(clock_.slept, seconds{0});
  EXPECT_EQ(medium_.writes, 0);
}

TEST_F(MmpTest, TheLongestWaitIsAboutTwoMinutes) {
  super_.s_mmp_update_interval = 14;
  check_interval_ = 29;
  leave(42);
  const auto mmp = open();
  ASSERT_TRUE(mmp->check());
  ASSERT_TRUE(mmp->claim());
  EXPECT_LE(clock_.slept, Mmp::longest_wait());
  EXPECT_LE(Mmp::longest_wait(), seconds{120});
}

TEST_F(MmpTest, AnIntervalOfZeroIsTheUsualOne) {
  super_.s_mmp_update_interval = 0;
  EXPECT_EQ(open()->update_interval(), seconds{5});
}

TEST_F(MmpTest, DamageIsRefusedAndNothingIsWritten) {
  mmp_struct block = medium_.block();
  block.mmp_seq ^= 1;
  medium_.put(block);
  expect_failure(open()->check(), Errc::kCorrupted, "damaged");
  block.mmp_magic = 0;
  seal(block);
  expect_failure(open()->check(), Errc::kCorrupted, "damaged");
  EXPECT_EQ(medium_.writes, 0);
}

TEST_F(MmpTest, WithoutChecksumsThereIsNone) {
  super_.s_feature_ro_compat = 0;
  mmp_struct block = medium_.block();
  block.mmp_checksum = 0;
  medium_.put(block);
  const auto mmp = claimed();
  EXPECT_EQ(medium_.block().mmp_checksum, 0U);
}

TEST_F(MmpTest, TheChecksumSeedOfTheSuperblockCounts) {
  super_.s_feature_incompat |= EXT4_FEATURE_INCOMPAT_CSUM_SEED;
  super_.s_checksum_seed = ext2fs_crc32c_le(~0U, super_.s_uuid, sizeof super_.s_uuid);
  leave(EXT4_MMP_SEQ_CLEAN);
  super_.s_uuid[0] ^= 1;  // tune2fs -U
  EXPECT_TRUE(open()->check());
}

TEST_F(MmpTest, RenewingCountsOn) {
  const auto mmp = claimed();
  const std::uint32_t before = medium_.block().mmp_seq;
  ASSERT_TRUE(mmp->renew());
  EXPECT_EQ(medium_.block().mmp_seq, before % EXT4_MMP_SEQ_MAX + 1);
  EXPECT_EQ(medium_.block().mmp_checksum, checksum(medium_.block()));
  EXPECT_EQ(medium_.block().mmp_time, kNow + 6);
}

TEST_F(MmpTest, AClaimTakenAwayIsNeitherRenewedNorGivenBack) {
  auto mmp = claimed();
  leave(77);
  EXPECT_EQ(mmp->renew().error().value, EBUSY);
  EXPECT_TRUE(mmp->release());
  mmp.reset();
  EXPECT_EQ(medium_.block().mmp_seq, 77U);
}

TEST_F(MmpTest, ReleasingMarksItClean) {
  const auto mmp = claimed();
  ASSERT_TRUE(mmp->release());
  EXPECT_EQ(medium_.block().mmp_seq, EXT4_MMP_SEQ_CLEAN);
  EXPECT_EQ(medium_.block().mmp_checksum, checksum(medium_.block()));
}

TEST_F(MmpTest, ReleasingNoticesThatTheClaimWasTakenAway) {
  const auto mmp = claimed();
  leave(78);
  EXPECT_EQ(mmp->release().error().value, EBUSY);
  EXPECT_EQ(medium_.block().mmp_seq, 78U);
}

TEST_F(MmpTest, AClaimThatIsDroppedIsGivenBackButNoneIsInvented) {
  claimed().reset();
  EXPECT_EQ(medium_.block().mmp_seq, EXT4_MMP_SEQ_CLEAN);
  leave(79);
  {
    const auto mmp = open();
    ASSERT_TRUE(mmp->check());
  }
  EXPECT_EQ(medium_.block().mmp_seq, 79U);
}

TEST_F(MmpTest, AMediumThatCannotBeWrittenCannotBeClaimed) {
  medium_.fail_writes = true;
  const auto mmp = open();
  ASSERT_TRUE(mmp->check());
  EXPECT_EQ(mmp->claim().error().code, Errc::kIo);
}

// The only tests that wait: for the shortest possible interval.
class MmpKeeperTest : public MmpTest {
 protected:
  MmpKeeperTest() {
    super_.s_mmp_update_interval = 1;
    mmp_ = claimed();
    before_ = medium_.block().mmp_seq;
  }
  bool wait_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000 && !condition(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    return condition();
  }
  std::unique_ptr<Mmp> mmp_;
  std::uint32_t before_ = 0;
  std::atomic<int> lost_ = 0;
};

TEST_F(MmpKeeperTest, RenewsUntilReleased) {
  mmp_->keep([this] { ++lost_; });
  EXPECT_TRUE(wait_until([this] { return medium_.block().mmp_seq != before_; }));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(mmp_->release());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds{1}) << "does not wait for its turn";
  EXPECT_EQ(medium_.block().mmp_seq, EXT4_MMP_SEQ_CLEAN);
  EXPECT_EQ(lost_, 0);
}

TEST_F(MmpKeeperTest, SaysOnceThatTheClaimIsLost) {
  leave(80);
  mmp_->keep([this] { ++lost_; });
  EXPECT_TRUE(wait_until([this] { return lost_ != 0; }));
  mmp_.reset();
  EXPECT_EQ(lost_, 1);
  EXPECT_EQ(medium_.block().mmp_seq, 80U);
}

TEST_F(MmpKeeperTest, AFailedWriteLosesTheClaimToo) {
  medium_.fail_writes = true;
  mmp_->keep([this] { ++lost_; });
  EXPECT_TRUE(wait_until([this] { return lost_ != 0; }));
}

}  // namespace
}  // namespace airlock::ext::test
