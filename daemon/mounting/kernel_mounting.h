// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/mounting/heartbeat.h"
#include "daemon/mounting/mounting.h"
#include "daemon/mounting/mounting_task.h"
#include "daemon/mounting/mounting_tools.h"

namespace airlock {

// The real Mounting: errands do what may block, the loop does the rest. The program should be a
// child subreaper (PR_SET_CHILD_SUBREAPER): drivers then become its children when the errand that
// started them ends, and any kernel can tell exactly how they end.
//
// Must outlive the operations and watches it hands out. If it is destroyed while it is busy, it
// kills what it is doing, and the next start cleans up.
class KernelMounting final : public Mounting {
 public:
  KernelMounting(EventLoop& loop, MountingOptions options);

  // The one watch over the mount table.
  [[nodiscard]] MountTableWatch& table() { return tools_.table; }
  // No mount is being made or taken away, not even after the caller has gone.
  [[nodiscard]] bool idle() const { return tasks_.empty(); }

  std::unique_ptr<PendingOperation> mount(const MountSource& source, const MountDecision& decision,
                                          std::move_only_function<void(double)> checked,
                                          Done<LiveMount> done) override;
  std::unique_ptr<PendingOperation> unmount(const LiveMount& mount, const MountSource& source,
                                            UnmountForce force,
                                            std::move_only_function<void(std::uint64_t)> progress,
                                            Done<UnmountResult> done) override;
  std::unique_ptr<PendingOperation> write_out(const LiveMount& mount, const MountSource& source,
                                              Done<bool> done) override;
  std::unique_ptr<PendingOperation> detach(const LiveMount& mount, Done<bool> done) override;
  std::unique_ptr<MountWatch> watch(LiveMount& mount, WatchEvents events) override;
  std::unique_ptr<PendingOperation> find_users(const LiveMount& mount,
                                               Done<std::vector<BusyProcess>> done) override;
  std::unique_ptr<PendingOperation> eject(const std::string& drive_node, Done<bool> done) override;
  std::unique_ptr<PendingOperation> power_off(const std::string& drive_sysfs_path,
                                              Done<bool> done) override;

 private:
  MountingTools tools_;
  Heartbeat heartbeat_{tools_};
  MountingTasks tasks_;
};

}  // namespace airlock
