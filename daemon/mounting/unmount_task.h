// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "daemon/mounting/departure.h"
#include "daemon/mounting/mounting_task.h"
#include "daemon/mounting/mounting_tools.h"
#include "daemon/mounting/signs_of_life.h"
#include "daemon/mounting/unmount_errand.h"
#include "daemon/mounting/unwritten.h"

namespace airlock {

// One unmount from the request to "safe to remove": the mount leaves the tree, its driver writes
// out what it has and ends, the device is flushed, the folder goes. If a driver stops making
// progress, the task gives up on it, and the answer says so. Once the mount has left the tree there
// is no way back, so a cancelled unmount continues silently to its end.
class UnmountTask final : public MountingTask {
 public:
  UnmountTask(MountingTools& tools, MountingTasks& tasks, const LiveMount& mount,
              const MountSource& source, UnmountForce force,
              std::move_only_function<void(std::uint64_t)> progress,
              Mounting::Done<Mounting::UnmountResult> done);
  // Call once.
  void start();
  void cancel() override;
  void insist() override;

 private:
  void take_out();
  void unmounted(Result<ErrandReport> report);
  [[nodiscard]] bool is_asked() const;
  [[nodiscard]] bool passes_soon() const;
  void try_again();
  void await_driver();
  void driver_ended(const DriverEnd& end);
  void watch_progress();
  void look_at_progress();
  void say_goodbye();
  void tell_driver_to_end();
  void give_up_on_driver();
  void abort_connection();
  void force_driver();
  void flush();
  void flushed(Result<ErrandReport> report);
  void warn(std::string warning);
  void answer(Result<Mounting::UnmountResult> result);
  void give(Result<Mounting::UnmountResult> result);

  MountingTools& tools_;
  MountingTasks& tasks_;
  MountIdentity mount_;
  Departure departure_;
  MountSource source_;
  UnmountForce force_;
  UnmountForce tried_ = UnmountForce::kNone;  // the last attempt to take it out of the tree
  bool read_only_;
  bool vouched_ = false;  // as UnmountResult::vouched
  DriverOrigin origin_;
  Mounting::Done<Mounting::UnmountResult> done_;
  std::string warning_;
  bool has_left_ = false;  // the mount has left the tree
  bool flushing_ = false;
  bool told_to_end_ = false;
  bool gave_up_ = false;
  bool was_asked_ = false;  // at the last attempt
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  StallClock stall_;
  UnwrittenMeter meter_;
  std::shared_ptr<WatchedDriver> driver_;
  WatchedDriver::Subscription driver_end_;
  std::unique_ptr<ErrandQueue::Ticket> errand_;
  EventSource timer_;
  EventSource again_;
};

}  // namespace airlock
