// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/launch/group_limits.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The control group of one worker: a folder with a name that nobody else has, in each tree that
// limits something. The kernel's machinery may give all of it, some or nothing; nothing here fails
// for that, and ContainmentReport says what was had. The destructor removes the group. The kernel
// refuses that as long as a process is in it, so a group outlives everybody who knows of it but its
// worker; the next start removes what an airlockd left behind that ended before its drivers.
class WorkerCgroup {
 public:
  WorkerCgroup() = default;  // none
  WorkerCgroup(WorkerCgroup&&) noexcept = default;
  WorkerCgroup& operator=(WorkerCgroup&& other) noexcept;
  ~WorkerCgroup();

  // A new, empty group with the limits of a worker. Blocks for a moment: not for the daemon itself.
  static WorkerCgroup make(const SandboxLimits& limits);
  // The group that a live worker is in.
  static WorkerCgroup of(pid_t worker);

  // Puts a process in, which must wait meanwhile. What refuses it is not part of the group any
  // more.
  void admit(pid_t worker);

  // See memory_kills(); nothing where no folder counts them.
  [[nodiscard]] std::optional<std::uint64_t> kills_for_memory() const;
  [[nodiscard]] const std::vector<GroupFolder>& folders() const { return folders_; }

 private:
  void remove() noexcept;

  std::vector<GroupFolder> folders_;
  // While a new group is empty, these keep others from taking it for one that was left behind.
  std::vector<UniqueFd> locks_;
};

}  // namespace airlock
