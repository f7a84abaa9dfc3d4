// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/unwritten.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "daemon/mounting/unmount_errand.h"
#include "lib/base/log.h"
#include "lib/base/number.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr auto kMeterEvery = 250ms;
constexpr auto kLookTime = 5s;
// cachestat() of Linux 6.5, younger than the headers of Debian 12.
constexpr long kCacheStatistics = 451;

struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // 0: to the end
};

struct CachedPages {
  std::uint64_t all = 0;
  std::uint64_t dirty = 0;
  std::uint64_t being_written = 0;
  std::uint64_t evicted = 0;
  std::uint64_t recently_evicted = 0;
};

Result<ErrandReport> do_look(const MountSource& source) {
  TRY(const auto medium, open_to_flush(source));
  const auto bytes = unwritten_bytes(medium.borrow());
  return ErrandReport{.bytes = bytes ? std::to_string(*bytes) : "", .descriptors = {}};
}

}  // namespace

std::optional<std::uint64_t> unwritten_bytes(BorrowedFd medium) {
  Range everything;
  CachedPages pages;
  if (::syscall(kCacheStatistics, medium.get(), &everything, &pages, 0U) != 0) return std::nullopt;
  return (pages.dirty + pages.being_written) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void UnwrittenMeter::start() {
  auto timer = loop_.after(kMeterEvery, [this] { look(); });
  if (timer)
    timer_ = std::move(*timer);
  else
    log(LogLevel::kError, "no timer: {}", timer.error().message());
}

void UnwrittenMeter::look() {
  std::vector<BorrowedFd> keep;
  if (source_.image) keep.push_back(source_.image->keeper());
  errand_ = queue_.run(
      "find out what is left to write", {.deadline = kLookTime, .lender = lender_of(source_.image)},
      keep, [source = source_] { return do_look(source); },
      [this](const Result<ErrandReport>& report) { looked(report); });
}

void UnwrittenMeter::looked(const Result<ErrandReport>& report) {
  errand_.reset();
  if (stopped_) return std::exchange(stopped_, {})();
  // A kernel that can't tell never will.
  if (report && report->bytes.empty()) return;
  if (report) {
    const auto bytes = parse_number<std::uint64_t>(report->bytes).value_or(0);
    if (std::exchange(last_, bytes) != bytes) tell_(bytes);
  }
  start();
}

void UnwrittenMeter::stop(std::move_only_function<void()> then) {
  timer_.reset();
  if (errand_ && errand_->started())
    stopped_ = std::move(then);
  else
    then();
}

}  // namespace airlock
