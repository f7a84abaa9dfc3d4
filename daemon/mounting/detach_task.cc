// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/detach_task.h"

#include <sys/mount.h>

#include <utility>

#include "daemon/places/mount_place.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr auto kDetachTime = 10s;

}  // namespace

DetachTask::DetachTask(MountingTools& tools, MountingTasks& tasks, const LiveMount& mount,
                       Mounting::Done<bool> done)
    : tools_(tools),
      tasks_(tasks),
      mount_(mount),
      departure_(tools, mount.mount_id),
      done_(std::move(done)),
      driver_(tools.drivers.of(mount)) {}

void DetachTask::cancel() {
  if (!done_) return;  // answered
  done_ = {};
  departure_.give_up();
}

void DetachTask::start() {
  (void)tools_.control.abort(mount_.filesystem);  // it may be gone already
  if (driver_) driver_->kill();
  errand_ = tools_.small.run(
      "detach", {.deadline = kDetachTime}, {},
      [mount = mount_, base = tools_.options.base]() -> Result<ErrandReport> {
        TRY_VOID(do_unmount(mount, MNT_DETACH));
        TRY_VOID(remove_own_mount_place(base, mount.mount_point));
        return ErrandReport{};
      },
      [this](Result<ErrandReport> report) {
        errand_.reset();
        detached(std::move(report));
      });
}

void DetachTask::detached(Result<ErrandReport> report) {
  result_ = report ? Result<bool>(true) : std::unexpected(std::move(report).error());
  if (!driver_ || driver_->ended()) return finish();
  // It was killed. Waiting for its end makes sure that it is reaped.
  driver_end_ = driver_->on_end([this](const DriverEnd&) { finish(); });
  auto timer = tools_.loop.after(tools_.options.last_wait, [this] { finish(); });
  if (timer) timer_ = std::move(*timer);
}

void DetachTask::finish() {
  if (done_ && *result_) departure_.complete();
  if (done_) std::exchange(done_, {})(std::move(*result_));
  tasks_.remove(this);
}

}  // namespace airlock
