// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/contained_mount.h"

#include <sys/mount.h>

#include <utility>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/driver_title.h"

namespace airlock {

SessionPlan DriverRun::session_plan(DriverOrigin origin) const {
  SessionPlan plan = plan_.session;
  plan.arguments = {plan.subtype, plan.medium_path, plan.mount_point, "-o",
                    options_for_driver(plan_.arguments, origin)};
  return plan;
}

Result<void> DriverRun::tell_driver(pid_t pid, BorrowedFd life) {
  return plan_.on_driver ? plan_.on_driver(pid, life) : Result<void>{};
}

Result<void> DriverRun::serve(StartedDriver& driver) {
  if (driver.worker) TRY_VOID(tell_driver(driver.worker->pid(), driver.worker->life()));
  MountSession session(std::move(driver.channel), session_plan(driver.origin), effects_);
  return run_session(session, driver, plan_.row);
}

Result<StartedDriver> DriverRun::run() {
  const SessionPlan& session = plan_.session;
  const WantedDriver wanted = {
      .row = plan_.row,
      .subtype = session.subtype,
      .places = plan_.places,
      .title = driver_title(plan_.row.program, session.medium_path, session.subtype,
                            (session.forced_flags & MS_RDONLY) != 0),
      .medium_in_memory = plan_.medium_in_memory};
  TRY(auto driver, start_driver(wanted));
  auto served = serve(driver);
  // A service that never spoke has seen nothing of the medium either.
  if (!served && !driver.worker && !driver.answered) {
    log(LogLevel::kWarning, "the service {} in {} does not answer ({}); starting {} without it",
        quote(session.subtype), driver.service_directory, served.error().what, plan_.row.program);
    TRY(driver, start_own_driver(wanted));
    served = serve(driver);
  }
  TRY_VOID(std::move(served));
  if (!driver.worker && driver.peer.life.valid())
    TRY_VOID(tell_driver(driver.peer.pid, driver.peer.life.borrow()));
  return driver;
}

DriverArguments ContainedMount::driver_arguments() const {
  return {.flags = plan_.flags | MS_NOSUID | MS_NODEV |
                   (medium_.read_only() ? std::uint32_t{MS_RDONLY} : 0U),
          .block = plan_.fuseblk,
          .allow_other = plan_.allow_other,
          .live = keeps_lifeline(),
          .found_consistent = plan_.found_consistent,
          .words = plan_.words,
          .user = plan_.user,
          .group = plan_.group};
}

DriverRun::Plan ContainedMount::driver_plan() {
  const DriverArguments arguments = driver_arguments();
  SessionPlan session;
  session.subtype = plan_.subtype;
  session.medium_path = medium_.path();
  session.mount_point = place_.path();
  session.allow_fuseblk = plan_.fuseblk;
  session.allow_other = plan_.allow_other;
  session.forced_flags = arguments.flags;
  session.user = plan_.user;
  session.group = plan_.group;
  session.offers_live_state = keeps_lifeline();
  session.deadlines = plan_.deadlines;
  return {.row = plan_.row,
          .medium_in_memory = medium_.memory_bytes(),
          .arguments = arguments,
          .session = std::move(session),
          .places = plan_.places,
          .on_driver = std::move(plan_.on_driver)};
}

// The kernel opened the device by its path once more. From now on it holds that device, so a path
// that names another one now has named another one then.
Result<void> ContainedMount::require_same_medium() const {
  if (!plan_.fuseblk) return {};
  TRY(const auto again, Medium::find(medium_.path(), MediumAccess::kReadOnly));
  if (again.device() == medium_.device() && again.disk_sequence() == medium_.disk_sequence())
    return {};
  return fail(Errc::kNotFound, "{} became another device or medium while it was mounted",
              quote(medium_.path()));
}

Result<void> ContainedMount::make() {
  TRY(driver_, DriverRun(driver_plan(), mounter_).run());
  return require_same_medium();
}

void ContainedMount::keep() {
  mounter_.keep();
  if (driver_->worker) driver_->worker->let_go();
}

}  // namespace airlock
