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

#include "daemon/mount/mounter.h"
#include "daemon/mounting/check_errand.h"
#include "daemon/mounting/fuse_control.h"
#include "daemon/mounting/mount_news.h"
#include "daemon/mounting/mount_report.h"
#include "daemon/places/mount_place.h"
#include "daemon/system/mount_table.h"
#include "daemon/system/process_identity.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/foreign_options.h"

namespace airlock {
namespace {

// How often mounts may lie over each other at one place before we stop taking them away.
constexpr int kMostLayers = 8;

UniqueFd copy(BorrowedFd fd) {
  return UniqueFd(fd.valid() ? ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0) : -1);
}

Result<Medium> take_medium(const MountWork& work) {
  return take_source(work.source,
                     work.decision.read_only ? MediumAccess::kReadOnly : MediumAccess::kReadWrite);
}

// For a driver that minds the mark of a medium that was not unmounted.
constexpr const char* kChecked = "checked";

bool was_found_consistent(const Preparation& preparation) {
  return preparation.check && preparation.read_only_reason.empty();
}

// What drivers of others need not know.
bool only_ours_know(const std::string& option) {
  ForeignOptions foreign;
  return option.starts_with("owner=") || option.starts_with("uid=") || option.starts_with("gid=") ||
         apply_foreign_option(option, foreign).value_or(false);
}

// One mount being made. Everything it holds is undone when it goes before keep().
class MountJob {
 public:
  MountJob(const MountWork& work, const DriverRow& row, Medium medium, MountPoint place)
      : work_(work), row_(row), medium_(std::move(medium)), place_(std::move(place)) {}

  Result<LiveMount> run(Channel& news);
  [[nodiscard]] const Preparation& preparation() const { return preparation_; }

 private:
  [[nodiscard]] const MountDecision& decision() const { return work_.decision; }
  [[nodiscard]] std::uint32_t flags() const;
  [[nodiscard]] std::string driver_options(DriverOrigin origin) const;
  [[nodiscard]] SessionPlan plan(DriverOrigin origin) const;
  Result<LiveMount> describe(const Mounter& mounter, StartedDriver& driver) const;
  [[nodiscard]] std::string read_only_reason(const StartedDriver& driver) const;

  const MountWork& work_;
  const DriverRow& row_;
  Medium medium_;
  MountPoint place_;
  Preparation preparation_;
  bool fuseblk_ = false;
};

std::uint32_t MountJob::flags() const {
  std::uint32_t flags = MS_NOSUID | MS_NODEV;
  if (!decision().allow_exec) flags |= MS_NOEXEC;
  if (medium_.read_only()) flags |= MS_RDONLY;
  return flags;
}

std::string MountJob::driver_options(DriverOrigin origin) const {
  std::string text = medium_.read_only() ? "ro" : "rw";
  if (!decision().allow_exec) text += ",noexec";
  text += ",nosuid,nodev";
  if (fuseblk_) text += ",blkdev";
  if (decision().allow_other) text += ",allow_other";
  const bool ours = origin == DriverOrigin::kOurs;
  if (ours && was_found_consistent(preparation_)) text += fmt::format(",{}", kChecked);
  const auto& options = decision().driver_options;
  for (const std::string& option : options)
    if (ours || !only_ours_know(option)) text += "," + option;
  if (!ours) return text;
  const auto names_owner = [](const std::string& option) { return option.starts_with("owner="); };
  if (std::ranges::none_of(options, names_owner)) text += ",owner=user";
  return text + fmt::format(",uid={},gid={}", decision().user, decision().group);
}

SessionPlan MountJob::plan(DriverOrigin origin) const {
  SessionPlan plan;
  plan.subtype = decision().subtype;
  plan.medium_path = medium_.path();
  plan.mount_point = place_.path();
  plan.allow_fuseblk = fuseblk_;
  plan.allow_other = decision().allow_other;
  plan.forced_flags = flags();
  plan.user = decision().user;
  plan.group = decision().group;
  plan.deadlines = work_.deadlines;
  plan.arguments = {plan.subtype, plan.medium_path, plan.mount_point, "-o", driver_options(origin)};
  return plan;
}

std::string MountJob::read_only_reason(const StartedDriver& driver) const {
  if (!preparation_.read_only_reason.empty()) return preparation_.read_only_reason;
  if (decision().read_only) return decision().read_only_reason;
  if (medium_.write_protected()) return "the medium is write-protected";
  if (std::string words = last_words(driver, row_); !words.empty()) return words;
  // What a service says is heard by its manager.
  return fmt::format("its driver wants it so; journalctl -t {} may say why", row_.program);
}

Result<LiveMount> MountJob::describe(const Mounter& mounter, StartedDriver& driver) const {
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
  if (driver.worker) {
    live.driver = row_.program;
    live.origin = "builtin";
    live.driver_pid = driver.worker->pid();
    live.driver_user = driver.worker->uid();
    live.life = copy(driver.worker->life());
    live.log = copy(driver.worker->log());
  } else {
    live.driver = driver.peer.unit.empty() ? decision().subtype : driver.peer.unit;
    live.origin = driver.service_directory;
    live.driver_user = driver.peer.user;
    live.life = std::move(driver.peer.life);
    live.driver_pid = live.life.valid() ? driver.peer.pid : 0;
  }
  if (live.driver_pid > 0) {
    TRY(const auto identity, identify_process(live.driver_pid));
    live.driver_start = identity.start;
  }
  return live;
}

Result<LiveMount> MountJob::run(Channel& news) {
  fuseblk_ = decision().fuseblk && medium_.is_block() && kernel_has_filesystem("fuseblk");
  TRY_VOID(medium_.claim(fuseblk_ ? MediumHold::kKernel : MediumHold::kOurs));
  preparation_ = prepare_medium(
      medium_, decision().check, decision().subtype, work_.checkers, work_.check_deadline,
      {.progress = [&news](auto done) { MountNews::tell_check(news, done); },
       .stop = news.descriptor()});
  TRY(auto driver, start_driver(row_, decision().subtype, work_.places));
  if (driver.worker)
    TRY_VOID(MountNews::tell_driver(news, driver.worker->pid(), driver.worker->life()));
  Mounter mounter(medium_, place_, {.flags = flags()});
  MountSession session(std::move(driver.channel), plan(driver.origin), mounter);
  TRY_VOID(run_session(session, driver, row_));
  if (!driver.worker && driver.peer.life.valid())
    TRY_VOID(MountNews::tell_driver(news, driver.peer.pid, driver.peer.life.borrow()));
  // fuseblk: the kernel opened the device by its path once more, and holds it from now on.
  if (fuseblk_) {
    TRY(const auto again, Medium::find(work_.source.path, MediumAccess::kReadOnly));
    TRY_VOID(require_same(again, work_.source));
  }
  TRY(auto live, describe(mounter, driver));
  mounter.keep();
  if (driver.worker) driver.worker->let_go();
  return live;
}

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

bool is_ours(const MountEntry& entry) {
  return entry.type.starts_with("fuse.airlock.") || entry.type.starts_with("fuseblk.airlock.");
}

Result<void> detach_layers(const std::string& place) {
  FuseControl control;
  for (int layer = 0; layer < kMostLayers; ++layer) {
    TRY(const auto table, read_mount_table("/proc/self/mountinfo"));
    const auto top =
        std::ranges::find(table.rbegin(), table.rend(), place, &MountEntry::mount_point);
    // Only what is ours may be given up on.
    if (top == table.rend() || !is_ours(*top)) return {};
    (void)control.abort(top->device);
    if (::umount2(place.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL)
      return fail_errno(errno, Errc::kSystem, "detach {}", quote(place));
  }
  return fail(Errc::kLimitExceeded, "too many mounts on {}", quote(place));
}

// A mount of the same device that was just taken away may live on for a moment, in the namespace of
// some process that is being born, and the kernel never shares one. Not for long.
constexpr int kMostAttempts = 8;
constexpr auto kBetweenAttempts = std::chrono::milliseconds(100);
bool is_still_going(const Error& error) {
  return error.cause.value() == EBUSY &&
         error.what.find("create the filesystem") != std::string::npos;
}

}  // namespace

namespace {

// The caller's own folder must carry nothing yet: what is mounted there would be ours to undo.
Result<std::string> given_place(BorrowedFd folder) {
  TRY(const auto place, MountPoint::of_directory(folder));
  TRY(const auto table, read_mount_table("/proc/self/mountinfo"));
  if (std::ranges::find(table, place.path(), &MountEntry::mount_point) != table.end())
    return fail(Errc::kBusy, "something is mounted on {} already", quote(place.path()));
  return place.path();
}

Result<std::string> take_place(const MountWork& work) {
  const MountDecision& decision = work.decision;
  if (decision.place) return given_place(decision.place->borrow());
  return make_mount_place({.base = work.base,
                           .user = decision.user,
                           .group = decision.group,
                           .user_name = decision.user_name,
                           .folder = decision.folder_name});
}

Result<MountPoint> pin_place(const MountDecision& decision, const std::string& path) {
  return decision.place ? MountPoint::of_directory(decision.place->borrow())
                        : MountPoint::pin(path);
}

}  // namespace

Result<ErrandReport> do_mount(const MountWork& work, Channel& news) {
  const MountDecision& decision = work.decision;
  TRY(const DriverRow* row, chosen_driver(decision));
  TRY(auto medium, take_medium(work));
  TRY(const auto path, take_place(work));
  TRY_VOID(MountNews::tell_place(news, path));
  TRY(auto place, pin_place(decision, path));
  MountJob job(work, *row, std::move(medium), std::move(place));
  auto live = job.run(news);
  // What was found out before need not be found out again; but that it was consistent, as nobody
  // held it meanwhile.
  MountWork rest = work;
  if (!was_found_consistent(job.preparation())) rest.decision.check = CheckFirst::kNo;
  if (const auto& reason = job.preparation().read_only_reason; !reason.empty()) {
    rest.decision.read_only = true;
    rest.decision.read_only_reason = reason;
  }
  for (int attempt = 1; !live && is_still_going(live.error()) && attempt < kMostAttempts;
       ++attempt) {
    std::this_thread::sleep_for(kBetweenAttempts);
    TRY(auto medium_again, take_medium(rest));
    TRY(auto place_again, pin_place(decision, path));
    MountJob again(rest, *row, std::move(medium_again), std::move(place_again));
    live = again.run(news);
  }
  if (!live) return std::unexpected(std::move(live).error());
  if (!live->check) live->check = job.preparation().check;
  return pack_live_mount(*std::move(live));
}

Result<ErrandReport> undo_mount(const std::string& base, const std::string& place) {
  if (place.empty()) return ErrandReport{};
  TRY_VOID(detach_layers(place));
  // What a caller gave us stays.
  TRY_VOID(remove_own_mount_place(base, place));
  return ErrandReport{};
}

}  // namespace airlock
