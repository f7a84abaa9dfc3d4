// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/contained_mount.h"

#include <sys/mount.h>

#include <utility>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/driver_title.h"

namespace airlock {

DriverArguments ContainedMount::driver_arguments() const {
  return {.flags = plan_.flags | MS_NOSUID | MS_NODEV |
                   (medium_.read_only() ? std::uint32_t{MS_RDONLY} : 0U),
          .block = plan_.fuseblk,
          .allow_other = plan_.allow_other,
          .found_consistent = plan_.found_consistent,
          .words = plan_.words,
          .user = plan_.user,
          .group = plan_.group};
}

SessionPlan ContainedMount::session_plan() const {
  const DriverArguments options = driver_arguments();
  SessionPlan plan;
  plan.subtype = plan_.subtype;
  plan.medium_path = medium_.path();
  plan.mount_point = place_.path();
  plan.allow_fuseblk = plan_.fuseblk;
  plan.allow_other = plan_.allow_other;
  plan.forced_flags = options.flags;
  plan.user = plan_.user;
  plan.group = plan_.group;
  plan.deadlines = plan_.deadlines;
  plan.arguments = {plan.subtype, plan.medium_path, plan.mount_point, "-o",
                    options_for_driver(options, driver_->origin)};
  return plan;
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

Result<void> ContainedMount::tell_driver(pid_t pid, BorrowedFd life) {
  return plan_.on_driver ? plan_.on_driver(pid, life) : Result<void>{};
}

Result<void> ContainedMount::serve() {
  if (driver_->worker) TRY_VOID(tell_driver(driver_->worker->pid(), driver_->worker->life()));
  MountSession session(std::move(driver_->channel), session_plan(), mounter_);
  return run_session(session, *driver_, plan_.row);
}

Result<void> ContainedMount::make() {
  const WantedDriver wanted = {
      .row = plan_.row,
      .subtype = plan_.subtype,
      .places = plan_.places,
      .title = driver_title(plan_.row.program, medium_.path(), plan_.subtype,
                            (driver_arguments().flags & MS_RDONLY) != 0),
      .medium_in_memory = medium_.memory_bytes()};
  TRY(driver_, start_driver(wanted));
  auto served = serve();
  // A service that never spoke has seen nothing of the medium either.
  if (!served && !driver_->worker && !driver_->answered) {
    log(LogLevel::kWarning, "the service {} in {} does not answer ({}); starting {} without it",
        quote(plan_.subtype), driver_->service_directory, served.error().what, plan_.row.program);
    TRY(driver_, start_own_driver(wanted));
    served = serve();
  }
  TRY_VOID(std::move(served));
  if (!driver_->worker && driver_->peer.life.valid())
    TRY_VOID(tell_driver(driver_->peer.pid, driver_->peer.life.borrow()));
  return require_same_medium();
}

void ContainedMount::keep() {
  mounter_.keep();
  if (driver_->worker) driver_->worker->let_go();
}

}  // namespace airlock
