// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/kernel_mount_watch.h"

#include <fmt/format.h>

#include <utility>

#include "daemon/mounting/unmount_task.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr auto kLookEvery = 500ms;
constexpr auto kEndOfProcess = 1s;
constexpr const char* kStopped =
    "the driver did not end and was stopped, so the latest changes may be lost";
constexpr const char* kNobodyKnows =
    "the driver is not known, so it is unknown whether all data was written";

}  // namespace

KernelMountWatch::KernelMountWatch(MountingTools& tools, Heartbeat& heartbeat, LiveMount& mount,
                                   Mounting::WatchEvents events)
    : tools_(tools),
      heart_(heartbeat),
      healer_(tools, mount),
      mount_(mount),
      driver_pid_(mount.driver_pid),
      fuseblk_(mount.fuseblk),
      read_only_(mount.read_only),
      origin_(driver_origin(mount)),
      events_(std::move(events)) {
  watch_driver(mount);
  table_ = tools_.table.subscribe([this](const auto& table) { table_changed(table); });
  tools_.watches.insert(this);
  look_again();  // it may have gone since it was made
}

void KernelMountWatch::watch_driver(const LiveMount& mount) {
  driver_pid_ = mount.driver_pid;
  driver_ = tools_.drivers.of(mount);
  if (driver_) driver_end_ = driver_->on_end([this](const DriverEnd& end) { driver_ended(end); });
  heartbeat_ = heart_.watch(mount_, device(), driver_ ? mount.driver_pid : 0,
                            [this](const Heartbeat::Finding& finding) { found(finding); });
}

KernelMountWatch::~KernelMountWatch() {
  tools_.watches.erase(this);
}

void KernelMountWatch::taken_away() {
  told_ = true;
  timer_.reset();
  heartbeat_.reset();
  healer_.let_go();
}

void KernelMountWatch::look_again() {
  auto soon = tools_.loop.soon([this] { look(); });
  if (soon) soon_ = std::move(*soon);
}

void KernelMountWatch::look() {
  if (const auto table = read_mount_table(tools_.options.mountinfo)) table_changed(*table);
  // The driver's end was not reported if we were taking the mount away and then gave up.
  if (!vanished_ && !healer_.is_healing() && driver_ && driver_->end())
    driver_ended(*driver_->end());
}

std::vector<std::string> KernelMountWatch::last_lines() const {
  return driver_ ? driver_->last_lines() : std::vector<std::string>{};
}

bool KernelMountWatch::we_take_it_away() const {
  return tools_.on_their_way_out.contains(mount_.mount_id);
}

// If the table can't be read, the driver's end decides: it exits cleanly only when its mount has
// gone.
bool KernelMountWatch::is_still_mounted(const DriverEnd& end) const {
  const auto table = read_mount_table(tools_.options.mountinfo);
  if (table) return find_mount(*table, mount_.mount_id, mount_.filesystem) != nullptr;
  log(LogLevel::kError, "{}", table.error().message());
  return !end.clean();
}

// A driver ends because it has nothing left to serve, or dies while its mount is still there. Who
// unmounts waits for a driver as long as there may be another one.
void KernelMountWatch::driver_ended(const DriverEnd& end) {
  if (told_) return;
  if (we_take_it_away()) return healer_.let_go();
  if (!is_still_mounted(end)) return tell_unmounted(result_of(end));
  DriverDeath death = stopped_ ? *std::exchange(stopped_, {}) : describe_death(end);
  death.last_lines = last_lines();
  if (!end.clean() && healer_.can_heal(death)) return heal(std::move(death));
  tell_death(std::move(death));
}

void KernelMountWatch::heal(DriverDeath death) {
  timer_.reset();
  heartbeat_.reset();
  driver_end_.reset();
  log(LogLevel::kWarning, "the driver of {} {}; starting another one", quote(mount_.mount_point),
      death.cause);
  healer_.heal([this, death = std::move(death),
                since = std::chrono::steady_clock::now()](Result<LiveMount> mount) mutable {
    healed(std::move(death), since, std::move(mount));
  });
}

void KernelMountWatch::healed(DriverDeath death, std::chrono::steady_clock::time_point since,
                              Result<LiveMount> mount) {
  if (told_) return;
  if (!mount) {
    death.cause += ", and no other one could go on: " + mount.error().message();
    return tell_death(std::move(death));
  }
  watch_driver(*mount);
  const auto pause = std::chrono::steady_clock::now() - since;
  if (events_.on_healed)
    events_.on_healed({.death = std::move(death),
                       .pause = std::chrono::duration_cast<std::chrono::milliseconds>(pause),
                       .mount = std::move(*mount)});
}

void KernelMountWatch::table_changed(const MountTableWatch::Table& table) {
  if (vanished_ || told_ || we_take_it_away()) return;
  if (find_mount(table, mount_.mount_id, mount_.filesystem) == nullptr) vanished();
}

// The driver's end shows whether all was written. It ends once the mount is no longer in use.
void KernelMountWatch::vanished() {
  vanished_ = true;
  if (driver_ && driver_->end()) return tell_unmounted(result_of(*driver_->end()));
  restart_stall_clock();
  await_end();
}

// The filesystem number of a plain fuse mount does not name a device.
dev_t KernelMountWatch::device() const {
  return fuseblk_ ? mount_.filesystem : 0;
}

void KernelMountWatch::restart_stall_clock() {
  stall_.emplace(driver_pid_, device(), std::chrono::steady_clock::now());
}

void KernelMountWatch::await_end() {
  auto timer = tools_.loop.after(driver_ ? kLookEvery : 0ms, [this] { look_whether_it_ends(); });
  if (timer)
    timer_ = std::move(*timer);
  else
    log(LogLevel::kError, "no timer: {}", timer.error().message());
}

// The program that unmounted it waits as long as the driver owes the kernel an answer, and udisks
// makes everybody else wait too. A driver that makes progress may take its time. A driver that owes
// nothing belongs to a lazy unmount, and the mount is still in use.
void KernelMountWatch::look_whether_it_ends() {
  if (!driver_) return tell_unmounted({.warning = kNobodyKnows});
  const auto now = std::chrono::steady_clock::now();
  const auto waiting = tools_.control.waiting(mount_.filesystem);
  // The driver may have begun to owe something between two looks.
  const bool owed = std::exchange(owes_, waiting != 0UL);
  if (!owed || !owes_) restart_stall_clock();
  // The kernel's goodbye is a single request, so more than one means that somebody uses the mount.
  if (waiting > 1UL) stall_->excuse_reading(now);
  if (stall_->stalled(now) < tools_.options.silence) return await_end();
  give_up_on_driver();
}

void KernelMountWatch::give_up_on_driver() {
  // A driver that is only waiting writes everything when it is told to end.
  if (!std::exchange(told_to_end_, true)) {
    driver_->terminate();
    auto timer = tools_.loop.after(tools_.options.last_wait, [this] { give_up_on_driver(); });
    if (timer) {
      timer_ = std::move(*timer);
      return;
    }
  }
  log(LogLevel::kWarning, "the driver of {} was unmounted and does not end, so it is stopped",
      quote(mount_.mount_point));
  // Plain fuse leaves nothing to abort, and its number may belong to another mount by now.
  if (fuseblk_) (void)tools_.control.abort(mount_.filesystem);
  driver_->kill();
  tell_unmounted({.warning = kStopped});
}

void KernelMountWatch::found(const Heartbeat::Finding& finding) {
  using Kind = Heartbeat::Finding::Kind;
  if (told_ || vanished_ || we_take_it_away()) return;
  if (driver_ && driver_->over()) return;  // its end says more, and is reported next
  const auto seconds = std::chrono::duration<double>(tools_.options.silence).count();
  if (finding.kind == Kind::kHung)
    return stop_driver("hang", fmt::format("did not answer for {} s", seconds));
  if (finding.kind == Kind::kUnanswered)
    return stop_driver(
        "hang", fmt::format("did not answer {} for {} s",
                            finding.request.empty() ? "a request" : finding.request, seconds));
  if (finding.kind == Kind::kFlood) return stop_flood();
  if (!driver_) return stop_driver("unknown", "is gone, and it is unknown how it ended");
  // The kernel closes a process's files before the process counts as ended; then we learn how it
  // ended.
  auto timer = tools_.loop.after(kEndOfProcess, [this] {
    if (told_ || vanished_ || we_take_it_away()) return;
    stop_driver("unknown", "lost its connection to the kernel");
  });
  if (timer)
    timer_ = std::move(*timer);
  else
    log(LogLevel::kError, "no timer: {}", timer.error().message());
}

// The kernel takes long to drop so many requests, so an errand aborts the connection. Without that,
// a driver stuck with its device would not end, and would keep them.
void KernelMountWatch::stop_flood() {
  constexpr const char* kCause = "flooded the kernel with requests of its own";
  if (driver_) driver_->kill();
  aborting_ = tools_.small.run(
      "abort a connection", {}, {}, [mount = mount_] { return do_abort(mount); },
      [](const Result<ErrandReport>&) {});
  tell_death({.kind = "flood",
              .cause = kCause,
              .when = std::chrono::system_clock::now(),
              .last_lines = last_lines()});
}

// Where the driver can be replaced, its users are told nothing unless it does not even die.
void KernelMountWatch::stop_driver(std::string kind, std::string cause) {
  DriverDeath death;
  death.when = std::chrono::system_clock::now();
  death.last_lines = last_lines();
  death.kind = std::move(kind);
  death.cause = std::move(cause);
  if (driver_) driver_->kill();
  stopped_ = std::move(death);
  heartbeat_.reset();
  if (!driver_ || !healer_.has_lifeline()) return give_up_on_healing();
  auto timer = tools_.loop.after(kEndOfProcess, [this] { give_up_on_healing(); });
  if (!timer) return give_up_on_healing();
  timer_ = std::move(*timer);
}

void KernelMountWatch::give_up_on_healing() {
  if (told_ || vanished_ || we_take_it_away() || !stopped_) return;
  (void)tools_.control.abort(mount_.filesystem);
  tell_death(*std::exchange(stopped_, {}));
}

void KernelMountWatch::tell_death(DriverDeath death) {
  told_ = true;
  heartbeat_.reset();
  timer_.reset();
  healer_.let_go();
  if (events_.on_death) std::exchange(events_.on_death, {})(std::move(death));
}

// Data that was never written can't be lost.
Mounting::UnmountResult KernelMountWatch::result_of(const DriverEnd& end) const {
  if (read_only_) return {.flushed = true, .vouched = true, .warning = ""};
  // The driver wrote what it had, but the kernel dropped what it had not handed over yet.
  if (told_to_end_) return {.warning = kStopped};
  Mounting::UnmountResult result = last_word(end, *driver_, origin_);
  // With plain fuse the kernel always breaks off the connection, so the driver can't tell umount
  // from umount -f, which throws away unwritten data.
  result.vouched = result.vouched && fuseblk_;
  return result;
}

void KernelMountWatch::tell_unmounted(Mounting::UnmountResult result) {
  if (std::exchange(told_, true)) return;
  heartbeat_.reset();
  timer_.reset();
  healer_.let_go();
  if (events_.on_unmounted) std::exchange(events_.on_unmounted, {})(std::move(result));
}

}  // namespace airlock
