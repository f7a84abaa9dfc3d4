// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/mounting/healer.h"
#include "daemon/mounting/heartbeat.h"
#include "daemon/mounting/mounting_tools.h"
#include "daemon/mounting/signs_of_life.h"

namespace airlock {

// Watches one mount: its driver's process, its place in the mount table, its answers. Reports only
// the event that happens first, and nothing that we did ourselves.
class KernelMountWatch final : public MountWatch {
 public:
  // Takes the mount's lifeline.
  KernelMountWatch(MountingTools& tools, Heartbeat& heartbeat, LiveMount& mount,
                   Mounting::WatchEvents events);
  KernelMountWatch(const KernelMountWatch&) = delete;
  KernelMountWatch& operator=(const KernelMountWatch&) = delete;
  ~KernelMountWatch() override;
  [[nodiscard]] std::vector<std::string> last_lines() const override;

  [[nodiscard]] std::uint64_t mount_id() const { return mount_.mount_id; }
  // We took it away, and the caller knows.
  void taken_away();
  // Looks in the loop's next round: an event that was left to us to report may be the watcher's
  // again.
  void look_again();

 private:
  void look();
  [[nodiscard]] bool we_take_it_away() const;
  void driver_ended(const DriverEnd& end);
  [[nodiscard]] bool is_still_mounted(const DriverEnd& end) const;
  void table_changed(const MountTableWatch::Table& table);
  void vanished();
  [[nodiscard]] dev_t device() const;
  void restart_stall_clock();
  void await_end();
  void look_whether_it_ends();
  void give_up_on_driver();
  void found(const Heartbeat::Finding& finding);
  void stop_flood();
  void stop_driver(std::string kind, std::string cause);
  void give_up_on_healing();
  void watch_driver(const LiveMount& mount);
  void heal(DriverDeath death);
  void healed(DriverDeath death, std::chrono::steady_clock::time_point since,
              Result<LiveMount> mount);
  void tell_death(DriverDeath death);
  void tell_unmounted(Mounting::UnmountResult result);
  [[nodiscard]] Mounting::UnmountResult result_of(const DriverEnd& end) const;

  MountingTools& tools_;
  Heartbeat& heart_;
  Healer healer_;
  MountIdentity mount_;
  pid_t driver_pid_;
  bool fuseblk_;
  bool read_only_;
  DriverOrigin origin_;
  Mounting::WatchEvents events_;
  bool vanished_ = false;
  std::optional<DriverDeath> stopped_;  // why we killed it; its end follows, and then a successor
  bool told_ = false;
  bool told_to_end_ = false;
  std::unique_ptr<ErrandQueue::Ticket> aborting_;
  std::optional<StallClock> stall_;  // set once the mount has vanished
  bool owes_ = true;                 // after that, at the last look: the kernel waits for an answer
  std::shared_ptr<WatchedDriver> driver_;
  WatchedDriver::Subscription driver_end_;
  std::unique_ptr<MountTableWatch::Subscription> table_;
  std::unique_ptr<Heartbeat::Subscription> heartbeat_;
  EventSource timer_, soon_;
};

}  // namespace airlock
