// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/mmp.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "contained/ext/libext2fs.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock::ext {
namespace {

using std::chrono::seconds;

// The kernel's limits for the update and check intervals.
constexpr seconds kDefaultUpdateInterval{EXT4_MMP_UPDATE_INTERVAL};
constexpr seconds kMaxUpdateInterval{EXT4_MMP_MAX_UPDATE_INTERVAL};
constexpr seconds kMinCheckInterval{EXT4_MMP_MIN_CHECK_INTERVAL};
constexpr seconds kMaxCheckInterval{300};
constexpr seconds kMaxExtraWait{60};
// A person who plugs in a stick does not wait for minutes, and a medium must not be able to cause
// that. Volumes with longer intervals can only be mounted read-only.
constexpr seconds kPatience{60};
constexpr std::string_view kNodeName = "airlock";
constexpr std::uint64_t kLastPrintableTime = 253'402'300'799;  // the end of the year 9999

// Two intervals, so that one renewal may be late. The kernel adds at most a minute to a long one,
// and has never written an interval above kMaxCheckInterval, so a larger one is false or damaged.
seconds wait_for_interval(seconds check_interval) {
  const seconds interval = std::clamp(check_interval, kMinCheckInterval, kMaxCheckInterval);
  return std::min(interval * 2 + seconds{1}, interval + kMaxExtraWait);
}

seconds check_interval_of(seconds update_interval) {
  return std::clamp(update_interval * 2, kMinCheckInterval, kMaxCheckInterval);
}

seconds update_interval_of(const ext2_super_block& superblock) {
  const seconds wanted{superblock.s_mmp_update_interval};
  return wanted == seconds{0} ? kDefaultUpdateInterval : std::min(wanted, kMaxUpdateInterval);
}

// A computer that claims without waiting, like the kernel with a clean volume, renews after one
// update interval. So this wait shows whether two claimed at the same time.
seconds claim_wait(seconds update_interval) {
  return update_interval + seconds{1};
}

std::uint32_t seed_of(const ext2_super_block& superblock) {
  if ((superblock.s_feature_incompat & EXT4_FEATURE_INCOMPAT_CSUM_SEED) != 0)
    return superblock.s_checksum_seed;
  return ext2fs_crc32c_le(~0U, superblock.s_uuid, sizeof superblock.s_uuid);
}

// Neither field has to end with a zero byte.
template <std::size_t Size>
std::string quote_field(const std::uint8_t (&field)[Size]) {
  const auto* text = reinterpret_cast<const char*>(field);
  return quote(std::string_view(text, ::strnlen(text, Size)));
}

std::string time_text(std::uint64_t when) {
  const auto time = static_cast<std::time_t>(std::min(when, kLastPrintableTime));
  std::tm parts = {};
  std::array<char, 32> text = {};
  if (::gmtime_r(&time, &parts) == nullptr) return "an unknown time";
  (void)std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

std::string who(const mmp_struct& block) {
  return fmt::format("by {} as {}, last seen {}", quote_field(block.mmp_nodename),
                     quote_field(block.mmp_bdevname), time_text(block.mmp_time));
}

Result<std::uint32_t> new_sequence() {
  std::uint32_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
    return fail_errno(errno, Errc::kSystem, "no random number for multiple mount protection");
  return random % EXT4_MMP_SEQ_MAX + 1;
}

class RealClock final : public MmpClock {
 public:
  void sleep(seconds time) override { std::this_thread::sleep_for(time); }
  [[nodiscard]] std::uint64_t seconds_since_epoch() const override {
    return static_cast<std::uint64_t>(std::max<std::time_t>(std::time(nullptr), 0));
  }
};

}  // namespace

MmpClock& MmpClock::real() {
  static RealClock clock;
  return clock;
}

seconds Mmp::longest_wait() {
  return kPatience + kPatience;
}

Result<std::unique_ptr<Mmp>> Mmp::open(BlockIo& io, const ext2_super_block& superblock,
                                       MmpClock& clock) {
  if (superblock.s_rev_level == EXT2_GOOD_OLD_REV ||
      (superblock.s_feature_incompat & EXT4_FEATURE_INCOMPAT_MMP) == 0)
    return nullptr;
  // BlockIo checks the end of the medium.
  constexpr std::uint32_t kMaxLogBlockSize = 6;
  if (superblock.s_mmp_block <= superblock.s_first_data_block ||
      superblock.s_mmp_block > ~std::uint64_t{0} >> 16 ||
      superblock.s_log_block_size > kMaxLogBlockSize)
    return fail(Errc::kCorrupted, "its multiple mount protection is missing; run e2fsck on it");
  return std::unique_ptr<Mmp>(new Mmp(io, superblock, clock));
}

Mmp::Mmp(BlockIo& io, const ext2_super_block& superblock, MmpClock& clock)
    : io_(io),
      clock_(clock),
      offset_(superblock.s_mmp_block << (10 + superblock.s_log_block_size)),
      checksums_((superblock.s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM) != 0),
      seed_(seed_of(superblock)),
      update_interval_(update_interval_of(superblock)) {}

Mmp::~Mmp() {
  if (!release()) log(LogLevel::kWarning, "the volume could not be marked as no longer in use");
}

std::uint32_t Mmp::checksum(const mmp_struct& block) const {
  return ext2fs_crc32c_le(seed_, reinterpret_cast<const unsigned char*>(&block),
                          offsetof(mmp_struct, mmp_checksum));
}

// EUCLEAN if the block is not a protection block.
Outcome<mmp_struct> Mmp::read() {
  mmp_struct block = {};
  TRY_VOID(io_.read_uncached(offset_, std::as_writable_bytes(std::span(&block, 1))));
  if (block.mmp_magic != EXT4_MMP_MAGIC) return refuse(EUCLEAN);
  if (checksums_ && block.mmp_checksum != checksum(block)) return refuse(EUCLEAN);
  return block;
}

Result<mmp_struct> Mmp::read_intact() {
  const auto block = read();
  if (block) return *block;
  if (block.error().value == EUCLEAN)
    return fail(Errc::kCorrupted,
                "its multiple mount protection is damaged, so it may be in use elsewhere; run "
                "e2fsck on it or mount it read-only");
  return fail_errno(block.error().value, Errc::kIo, "cannot read its multiple mount protection");
}

Outcome<void> Mmp::write(std::uint32_t sequence) {
  mmp_struct block = ours_;
  block.mmp_seq = sequence;
  block.mmp_time = clock_.seconds_since_epoch();
  if (checksums_) block.mmp_checksum = checksum(block);
  TRY_VOID(io_.write_through(offset_, std::as_bytes(std::span(&block, 1))));
  ours_ = block;
  return {};
}

Result<void> Mmp::watch(seconds time, std::uint32_t sequence) {
  while (true) {
    TRY(const mmp_struct now, read_intact());
    if (now.mmp_seq != sequence) return fail(Errc::kBusy, "it is in use {}", who(now));
    if (time <= seconds{0}) return {};
    const seconds step = std::min(time, seconds{1});
    clock_.sleep(step);
    time -= step;
  }
}

Result<void> Mmp::check() {
  TRY(ours_, read_intact());
  if (ours_.mmp_seq == EXT4_MMP_SEQ_CLEAN) return {};
  if (ours_.mmp_seq == EXT4_MMP_SEQ_FSCK)
    return fail(Errc::kBusy,
                "e2fsck is running on it, started {}; if it is not, e2fsck was interrupted, and "
                "tune2fs -f -E clear_mmp makes the volume usable",
                who(ours_));
  const seconds wait = wait_for_interval(
      std::max(seconds{ours_.mmp_check_interval}, check_interval_of(update_interval_)));
  if (wait > kPatience)
    return fail(Errc::kBusy,
                "it may be in use {}, and to find out takes {} s; mount it read-only, or if nobody "
                "uses it, tune2fs -f -E clear_mmp makes it usable",
                who(ours_), wait.count());
  log(LogLevel::kNotice, "it may be in use {}; this takes {} s to find out", who(ours_),
      wait.count());
  return watch(wait, ours_.mmp_seq);
}

Result<void> Mmp::claim() {
  if (claim_wait(update_interval_) > kPatience)
    return fail(Errc::kUnsupported,
                "its multiple mount protection is renewed only every {} s, too seldom for a mount; "
                "mount it read-only, or choose less with tune2fs -E mmp_update_interval",
                update_interval_.count());
  TRY(const std::uint32_t sequence, new_sequence());
  std::memset(ours_.mmp_nodename, 0, sizeof ours_.mmp_nodename);
  std::memset(ours_.mmp_bdevname, 0, sizeof ours_.mmp_bdevname);
  // The sandbox knows neither the name of the machine nor that of the device.
  std::memcpy(ours_.mmp_nodename, kNodeName.data(), kNodeName.size());
  ours_.mmp_check_interval =
      static_cast<std::uint16_t>(check_interval_of(update_interval_).count());
  if (const auto written = write(sequence); !written)
    return fail_errno(written.error().value, Errc::kIo,
                      "cannot write its multiple mount protection");
  claimed_ = true;
  auto undisturbed = watch(claim_wait(update_interval_), sequence);
  if (!undisturbed) claimed_ = false;  // another computer's claim must stay
  return undisturbed;
}

Outcome<void> Mmp::renew() {
  TRY(const mmp_struct now, read());
  if (std::memcmp(&now, &ours_, sizeof now) != 0) {
    log(LogLevel::kError, "the volume is also in use {}", who(now));
    claimed_ = false;
    return refuse(EBUSY);
  }
  return write(ours_.mmp_seq >= EXT4_MMP_SEQ_MAX ? 1 : ours_.mmp_seq + 1);
}

Outcome<void> Mmp::release() {
  keeper_ = {};  // stops and joins
  if (!claimed_) return {};
  claimed_ = false;
  TRY(const mmp_struct now, read());
  if (std::memcmp(&now, &ours_, sizeof now) != 0) return refuse(EBUSY);
  return write(EXT4_MMP_SEQ_CLEAN);
}

void Mmp::keep(std::function<void()> lost) {
  keeper_ = std::jthread(
      [this, lost = std::move(lost)](const std::stop_token& stop) { work(stop, lost); });
}

// In its own thread, because a commit to a slow medium can take longer than other computers wait.
void Mmp::work(const std::stop_token& stop, const std::function<void()>& lost) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (true) {
    (void)wake.wait_for(lock, stop, update_interval_, [] { return false; });
    if (stop.stop_requested()) return;
    if (renew()) continue;
    log(LogLevel::kError, "the claim to the volume could not be renewed");
    return lost();
  }
}

}  // namespace airlock::ext
