// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "daemon/mounting/mount_errand.h"
#include "daemon/mounting/mount_news.h"
#include "daemon/mounting/mounting_task.h"
#include "daemon/mounting/mounting_tools.h"

namespace airlock {

// The daemon's side of one mount: the errand that makes it, a first question to its driver, and the
// cleaning up after a mount that failed or is no longer wanted.
class MountTask final : public MountingTask {
 public:
  MountTask(MountingTools& tools, MountingTasks& tasks, const MountSource& source,
            const MountDecision& decision, std::move_only_function<void(double)> checked,
            Mounting::Done<LiveMount> done);
  // Call once.
  void start();
  void cancel() override;
  void skip_check() override;

 private:
  void read_progress();
  void mounted(Result<ErrandReport> report);
  void prove(LiveMount live);
  void succeed();
  void give_up(Error why);
  void await_place();
  void await_errand();
  void await_errand_end();
  void end_driver();
  void clean();
  void await_driver();
  void finish();
  void set_timer(std::chrono::milliseconds time, void (MountTask::*then)());
  void on_news(void (MountTask::*then)());

  MountingTools& tools_;
  MountingTasks& tasks_;
  MountWork work_;
  std::move_only_function<void(double)> checked_;
  Mounting::Done<LiveMount> done_;
  std::optional<MountNews> news_;
  std::optional<LiveMount> live_;
  std::optional<Error> failure_;
  std::shared_ptr<WatchedDriver> driver_;
  WatchedDriver::Subscription driver_end_;
  std::unique_ptr<ErrandQueue::Ticket> errand_;
  EventSource on_news_, timer_;
};

}  // namespace airlock
