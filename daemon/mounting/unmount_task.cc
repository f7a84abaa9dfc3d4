// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/unmount_task.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>

#include <utility>
#include <vector>

#include "daemon/places/mount_place.h"
#include "daemon/system/mount_table.h"
#include "daemon/system/mount_table_watch.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// The stall clock limits the time, not the errand.
constexpr auto kNoDeadline = std::chrono::hours{24 * 365};
constexpr auto kLookEvery = 250ms;
constexpr auto kTryAgainAfter = 100ms;
constexpr auto kPatienceWithOthers = 2s;

int flags_for(UnmountForce force) {
  switch (force) {
    case UnmountForce::kNone:
      return 0;
    case UnmountForce::kLazy:
      return MNT_DETACH;
    case UnmountForce::kForce:
      return MNT_FORCE | MNT_DETACH;
  }
  std::abort();  // a value outside the enumeration is a bug
}

}  // namespace

UnmountTask::UnmountTask(MountingTools& tools, MountingTasks& tasks, const LiveMount& mount,
                         const MountSource& source, UnmountForce force,
                         std::move_only_function<void(std::uint64_t)> progress,
                         Mounting::Done<Mounting::UnmountResult> done)
    : tools_(tools),
      tasks_(tasks),
      mount_(mount),
      departure_(tools, mount.mount_id),
      source_(source),
      force_(force),
      read_only_(mount.read_only),
      origin_(driver_origin(mount)),
      done_(std::move(done)),
      stall_(mount.driver_pid, source.device, std::chrono::steady_clock::now()),
      meter_(tools.loop, tools.small, source,
             [this, progress = std::move(progress)](std::uint64_t left) mutable {
               if (done_) progress(left);
             }),
      driver_(tools.drivers.of(mount)) {}

void UnmountTask::cancel() {
  if (!done_) return;  // answered
  done_ = {};
  departure_.give_up();
}

void UnmountTask::start() {
  if (force_ == UnmountForce::kForce) force_driver();
  take_out();
  if (!read_only_) meter_.start();
  watch_progress();
}

// Not a task of its own, because the number of the mount may be another's by now.
void UnmountTask::insist() {
  if (!done_ || force_ == UnmountForce::kForce) return;
  force_ = UnmountForce::kForce;
  force_driver();
  if (!has_left_ || flushing_) return;
  auto timer = tools_.loop.after(tools_.options.last_wait, [this] { give_up_on_driver(); });
  if (timer)
    timer_ = std::move(*timer);
  else
    give_up_on_driver();
}

// MNT_FORCE does that too, a little later.
void UnmountTask::force_driver() {
  abort_connection();
  warn("requests under way were cancelled, so the latest changes may be lost");
}

void UnmountTask::take_out() {
  was_asked_ = is_asked();
  tried_ = force_;
  errand_ = tools_.leaving.run(
      "unmount", {.deadline = kNoDeadline}, {},
      [mount = mount_, flags = flags_for(force_)] { return do_unmount(mount, flags); },
      [this](Result<ErrandReport> report) {
        errand_.reset();
        unmounted(std::move(report));
      });
}

// A program that only asks for the free space, or our own heartbeat, may have to wait for a driver
// that is busy writing. That is no reason to refuse a person's unmount.
bool UnmountTask::is_asked() const {
  if (tools_.being_asked.contains(mount_.mount_id)) return true;
  const bool patient = std::chrono::steady_clock::now() - begin_ < kPatienceWithOthers;
  return patient && tools_.control.waiting(mount_.filesystem).value_or(0) > 0;
}

// A request that waited at our last attempt may have its answer by now.
bool UnmountTask::passes_soon() const {
  return was_asked_ || is_asked();
}

void UnmountTask::try_again() {
  auto again = tools_.loop.after(kTryAgainAfter, [this] { take_out(); });
  if (again)
    again_ = std::move(*again);
  else
    answer(std::unexpected(std::move(again).error()));
}

void UnmountTask::unmounted(Result<ErrandReport> report) {
  const bool busy = !report && report.error().code == Errc::kBusy;
  if (busy && tried_ != force_) return take_out();
  if (busy && !gave_up_ && passes_soon()) return try_again();
  if (!report) return answer(std::unexpected(std::move(report).error()));
  has_left_ = true;
  await_driver();
  if (report->bytes == kStaysForStrangers) say_goodbye();
}

void UnmountTask::await_driver() {
  if (!driver_) {
    warn("the driver is not known, so it is unknown whether all data was written");
    return flush();
  }
  driver_end_ = driver_->on_end([this](const DriverEnd& end) { driver_ended(end); });
  if (force_ == UnmountForce::kNone) return;
  const auto time =
      force_ == UnmountForce::kLazy ? tools_.options.lazy_wait : tools_.options.last_wait;
  auto timer = tools_.loop.after(time, [this] {
    if (force_ == UnmountForce::kForce) return give_up_on_driver();
    driver_end_.reset();
    warn("programs still use it; their data is written when they are done");
    flush();
  });
  if (timer) timer_ = std::move(*timer);
}

void UnmountTask::driver_ended(const DriverEnd& end) {
  driver_end_.reset();
  const Mounting::UnmountResult said = last_word(end, *driver_, origin_);
  vouched_ = said.vouched;
  if (!said.flushed && !read_only_) warn(said.warning);
  flush();
}

void UnmountTask::watch_progress() {
  auto timer = tools_.loop.after(kLookEvery, [this] { look_at_progress(); });
  if (timer)
    timer_ = std::move(*timer);
  else
    log(LogLevel::kError, "no timer: {}", timer.error().message());
}

void UnmountTask::look_at_progress() {
  const auto stalled = stall_.stalled(std::chrono::steady_clock::now());
  if (stalled < tools_.options.stall) return watch_progress();
  tell_driver_to_end();
}

// Stands in for the kernel's goodbye. Nobody has a file open, so the driver already has everything
// that was written. One of ours puts it on the medium, and its exit code says whether it could.
void UnmountTask::say_goodbye() {
  if (!driver_ || std::exchange(told_to_end_, true)) return;
  driver_->terminate();
}

// The driver may be fine, and a copy of the mount in another namespace keeps it busy: its unwritten
// data must not be lost. One of our drivers writes everything when it is told to end.
void UnmountTask::tell_driver_to_end() {
  if (!driver_ || std::exchange(told_to_end_, true)) return give_up_on_driver();
  warn("the driver did not end and was stopped, so the latest changes may be lost");
  driver_->terminate();
  auto timer = tools_.loop.after(tools_.options.last_wait, [this] { give_up_on_driver(); });
  if (timer)
    timer_ = std::move(*timer);
  else
    give_up_on_driver();
}

// A plain mount's number is given to the next mount once it has left, and this would abort that
// one's connection. A device's number stays its own.
void UnmountTask::abort_connection() {
  if (major(mount_.filesystem) == 0) {
    const auto table = read_mount_table(tools_.options.mountinfo);
    const MountEntry* found =
        table ? find_mount(*table, mount_.mount_id, mount_.filesystem) : nullptr;
    if (found == nullptr || found->mount_point != mount_.mount_point) return;
  }
  (void)tools_.control.abort(mount_.filesystem);
}

// Without its connection and its driver, nothing that the kernel does with the mount can wait any
// more.
void UnmountTask::give_up_on_driver() {
  if (std::exchange(gave_up_, true)) {
    if (!errand_) return flush();
    return answer(
        fail(Errc::kTimedOut, "unmounting {} does not finish", quote(mount_.mount_point)));
  }
  warn("the driver did not end and was stopped, so the latest changes may be lost");
  abort_connection();
  if (driver_) driver_->kill();
  auto timer = tools_.loop.after(tools_.options.last_wait, [this] { give_up_on_driver(); });
  if (timer) timer_ = std::move(*timer);
}

void UnmountTask::flush() {
  flushing_ = true;
  driver_end_.reset();
  timer_.reset();
  std::vector<BorrowedFd> keep;
  if (source_.image) keep.push_back(source_.image->keeper());
  const bool in_use = force_ == UnmountForce::kLazy && driver_ && !driver_->ended();
  const bool sync = !read_only_ && !in_use;
  errand_ = tools_.leaving.run(
      "flush", {.deadline = tools_.options.stall, .lender = lender_of(source_.image)}, keep,
      [source = source_, base = tools_.options.base, place = mount_.mount_point,
       sync]() -> Result<ErrandReport> {
        // The folder first: it must go even if the device has gone.
        auto removed = remove_own_mount_place(base, place);
        if (!removed) log(LogLevel::kWarning, "{}", removed.error().message());
        if (sync) TRY_VOID(do_flush(source));
        return ErrandReport{};
      },
      [this](Result<ErrandReport> report) {
        errand_.reset();
        flushed(std::move(report));
      });
}

void UnmountTask::flushed(Result<ErrandReport> report) {
  if (!report) warn("the latest changes may be lost: " + report.error().message());
  answer(Mounting::UnmountResult{
      .flushed = warning_.empty(), .vouched = vouched_ || read_only_, .warning = warning_});
}

// The first warning is the reason; later ones are its consequences.
void UnmountTask::warn(std::string warning) {
  if (warning_.empty()) warning_ = std::move(warning);
}

// Answers only once we have closed the medium: somebody else may want it exclusively.
void UnmountTask::answer(Result<Mounting::UnmountResult> result) {
  timer_.reset();
  meter_.stop([this, result = std::move(result)]() mutable { give(std::move(result)); });
}

void UnmountTask::give(Result<Mounting::UnmountResult> result) {
  if (done_ && result) departure_.complete();
  if (done_) std::exchange(done_, {})(std::move(result));
  tasks_.remove(this);
}

}  // namespace airlock
