// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/mount_errand.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "daemon/mount/contained_mount.h"
#include "daemon/mount/fuse_control.h"
#include "daemon/mounting/check_errand.h"
#include "daemon/mounting/mount_news.h"
#include "daemon/mounting/mount_report.h"
#include "daemon/places/mount_place.h"
#include "daemon/system/mount_table.h"
#include "daemon/system/process_identity.h"
#include "lib/base/duplicate.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// How many mounts on top of each other we take away at one place before we give up.
constexpr int kMostLayers = 8;

Result<Medium> take_medium(const MountWork& work) {
  return take_source(work.source,
                     work.decision.read_only ? MediumAccess::kReadOnly : MediumAccess::kReadWrite);
}

bool was_found_consistent(const Preparation& preparation) {
  return preparation.check && preparation.read_only_reason.empty();
}

// One mount being made. Its destructor undoes everything unless keep() was called.
class MountJob {
 public:
  MountJob(const MountWork& work, const DriverRow& row, Medium medium, MountPoint place)
      : work_(work), row_(row), medium_(std::move(medium)), place_(std::move(place)) {}

  Result<LiveMount> run(Channel& news);
  [[nodiscard]] const Preparation& preparation() const { return preparation_; }
  // The device was busy, so a later attempt may succeed.
  [[nodiscard]] bool device_was_busy() const { return device_was_busy_; }

 private:
  [[nodiscard]] const MountDecision& decision() const { return work_.decision; }
  [[nodiscard]] ContainedMount::Plan plan(Channel& news) const;
  Result<LiveMount> describe(ContainedMount& mount) const;
  [[nodiscard]] std::string read_only_reason(const StartedDriver& driver) const;

  const MountWork& work_;
  const DriverRow& row_;
  Medium medium_;
  MountPoint place_;
  Preparation preparation_;
  bool fuseblk_ = false;
  bool device_was_busy_ = false;
};

ContainedMount::Plan MountJob::plan(Channel& news) const {
  return {.row = row_,
          .subtype = decision().subtype,
          .fuseblk = fuseblk_,
          .flags = decision().allow_exec ? 0U : std::uint32_t{MS_NOEXEC},
          .allow_other = decision().allow_other,
          .heals = decision().heal,
          .found_consistent = was_found_consistent(preparation_),
          .words = decision().driver_options,
          .user = decision().user,
          .group = decision().group,
          .places = work_.places,
          .deadlines = work_.deadlines,
          .on_driver = [&news](pid_t pid, BorrowedFd life) {
            return MountNews::tell_driver(news, pid, life);
          }};
}

std::string MountJob::read_only_reason(const StartedDriver& driver) const {
  if (!preparation_.read_only_reason.empty()) return preparation_.read_only_reason;
  if (decision().read_only) return decision().read_only_reason;
  if (medium_.write_protected()) return "the medium is write-protected";
  if (std::string words = last_words(driver, row_); !words.empty()) return words;
  // A service's messages go to its service manager.
  return fmt::format("the driver requested read-only; journalctl -t {} may say why", row_.program);
}

Result<LiveMount> MountJob::describe(ContainedMount& mount) const {
  const Mounter& mounter = mount.mounter();
  StartedDriver& driver = mount.driver();
  LiveMount live;
  live.mount_point = place_.path();
  TRY(live.mount_id, mounter.mount().id());
  TRY(live.filesystem, mounter.mount().device());
  live.fuseblk = mounter.mounted_as_fuseblk();
  live.read_only = mounter.mounted_read_only();
  if (live.read_only) live.read_only_reason = read_only_reason(driver);
  live.check = preparation_.check;
  live.subtype = decision().subtype;
  live.since = std::chrono::system_clock::now();
  TRY_VOID(describe_driver(live, driver, row_));
  return live;
}

Result<LiveMount> MountJob::run(Channel& news) {
  fuseblk_ = decision().fuseblk && medium_.is_block() && kernel_has_filesystem("fuseblk");
  TRY_VOID(medium_.claim(fuseblk_ ? MediumHold::kKernel : MediumHold::kOurs));
  preparation_ = prepare_medium(
      medium_, decision().check, decision().subtype, work_.checkers, work_.check_deadline,
      {.progress = [&news](auto done) { MountNews::tell_check(news, done); },
       .stop = news.descriptor()});
  ContainedMount mount(medium_, place_, plan(news));
  const auto made = mount.make();
  device_was_busy_ = mount.mounter().device_was_busy();
  TRY_VOID(made);
  TRY(auto live, describe(mount));
  live.lifeline = mount.take_lifeline();
  mount.keep();
  return live;
}

Result<void> detach_layers(const std::string& place) {
  FuseControl control;
  for (int layer = 0; layer < kMostLayers; ++layer) {
    TRY(const auto table, read_mount_table("/proc/self/mountinfo"));
    const auto top =
        std::ranges::find(table.rbegin(), table.rend(), place, &MountEntry::mount_point);
    // Only our own mounts may be given up.
    if (top == table.rend() || !is_airlock_mount(*top)) return {};
    (void)control.abort(top->device);
    if (::umount2(place.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL)
      return fail_errno(errno, Errc::kSystem, "detach {}", quote(place));
  }
  return fail(Errc::kLimitExceeded, "too many mounts on {}", quote(place));
}

// A mount of the same device that was just taken away may live on for a moment in the namespace of
// a process that is just being created, and the kernel never lets two mounts share a device. That
// does not last long.
constexpr int kMostAttempts = 8;
constexpr auto kBetweenAttempts = std::chrono::milliseconds(100);

// The caller's folder must not be a mount point yet, or undoing would take that mount away.
Result<std::string> given_place(BorrowedFd folder) {
  TRY(const auto place, MountPoint::of_directory(folder));
  TRY(const auto table, read_mount_table("/proc/self/mountinfo"));
  if (std::ranges::find(table, place.path(), &MountEntry::mount_point) != table.end())
    return fail(Errc::kBusy, "something is mounted on {} already", quote(place.path()));
  return place.path();
}

Result<std::string> take_place(const MountWork& work, BorrowedFd given) {
  const MountDecision& decision = work.decision;
  if (given.valid()) return given_place(given);
  return make_mount_place({.base = work.base,
                           .user = decision.user,
                           .group = decision.group,
                           .user_name = decision.user_name,
                           .folder = decision.folder_name});
}

Result<MountPoint> pin_place(BorrowedFd given, const std::string& path) {
  return given.valid() ? MountPoint::of_directory(given) : MountPoint::pin(path);
}

}  // namespace

Result<const DriverRow*> chosen_driver(const MountDecision& decision) {
  if (decision.driver.empty()) {
    if (const DriverRow* row = find_driver(decision.subtype)) return row;
  } else {
    for (const DriverRow& row : driver_table())
      if (row.name == decision.driver && row.serves(decision.subtype)) return &row;
  }
  const std::string which = decision.driver.empty() ? "" : " " + quote(decision.driver);
  return fail(Errc::kUnsupported, "no driver{} for {}", which, quote(decision.subtype));
}

Result<void> describe_driver(LiveMount& live, StartedDriver& driver, const DriverRow& row) {
  if (driver.worker) {
    live.driver = row.program;
    live.origin = kBuiltinOrigin;
    live.driver_pid = driver.worker->pid();
    live.driver_user = driver.worker->uid();
    live.life = duplicate(driver.worker->life()).value_or(UniqueFd());
    live.log = duplicate(driver.worker->log()).value_or(UniqueFd());
  } else {
    live.driver = driver.peer.unit.empty() ? live.subtype : driver.peer.unit;
    live.origin = driver.service_directory;
    live.driver_user = driver.peer.user;
    live.life = std::move(driver.peer.life);
    live.driver_pid = live.life.valid() ? driver.peer.pid : 0;
  }
  if (live.driver_pid > 0) {
    TRY(const auto identity, identify_process(live.driver_pid));
    live.driver_start = identity.start;
  }
  return {};
}

Result<ErrandReport> do_mount(const MountWork& work, Channel& news) {
  const MountDecision& decision = work.decision;
  TRY(const DriverRow* row, chosen_driver(decision));
  TRY(auto medium, take_medium(work));
  TRY(const auto given, decision.place ? decision.place->take() : UniqueFd());
  TRY(const auto path, take_place(work, given.borrow()));
  TRY_VOID(MountNews::tell_place(news, path));
  TRY(auto place, pin_place(given.borrow(), path));
  MountJob job(work, *row, std::move(medium), std::move(place));
  auto live = job.run(news);
  // A check need not run again, and its result stays. Except "consistent": nobody holds the medium
  // in between, so that must be checked again.
  MountWork rest = work;
  if (!was_found_consistent(job.preparation())) rest.decision.check = CheckFirst::kNo;
  if (const auto& reason = job.preparation().read_only_reason; !reason.empty()) {
    rest.decision.read_only = true;
    rest.decision.read_only_reason = reason;
  }
  bool wait = job.device_was_busy();
  for (int attempt = 1; !live && wait && attempt < kMostAttempts; ++attempt) {
    std::this_thread::sleep_for(kBetweenAttempts);
    TRY(auto medium_again, take_medium(rest));
    TRY(auto place_again, pin_place(given.borrow(), path));
    MountJob again(rest, *row, std::move(medium_again), std::move(place_again));
    live = again.run(news);
    wait = again.device_was_busy();
  }
  if (!live) return std::unexpected(std::move(live).error());
  if (!live->check) live->check = job.preparation().check;
  return pack_live_mount(*std::move(live));
}

Result<ErrandReport> undo_mount(const std::string& base, const std::string& place) {
  if (place.empty()) return ErrandReport{};
  TRY_VOID(detach_layers(place));
  // A folder that the caller gave us stays.
  TRY_VOID(remove_own_mount_place(base, place));
  return ErrandReport{};
}

}  // namespace airlock
