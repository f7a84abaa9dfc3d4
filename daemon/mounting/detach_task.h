// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>

#include "daemon/mounting/departure.h"
#include "daemon/mounting/mounting_task.h"
#include "daemon/mounting/mounting_tools.h"
#include "daemon/mounting/unmount_errand.h"

namespace airlock {

// Takes away a mount that has lost its driver or its medium.
class DetachTask final : public MountingTask {
 public:
  DetachTask(MountingTools& tools, MountingTasks& tasks, const LiveMount& mount,
             Mounting::Done<bool> done);
  void start();
  void cancel() override;

 private:
  void detached(Result<ErrandReport> report);
  void finish();

  MountingTools& tools_;
  MountingTasks& tasks_;
  MountIdentity mount_;
  Departure departure_;
  Mounting::Done<bool> done_;
  std::optional<Result<bool>> result_;
  std::shared_ptr<WatchedDriver> driver_;
  WatchedDriver::Subscription driver_end_;
  std::unique_ptr<ErrandQueue::Ticket> errand_;
  EventSource timer_;
};

}  // namespace airlock
