// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "daemon/launch/group_limits.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The control group of one worker: a folder with a unique name, in each tree that limits something.
// The kernel may grant all of it, some or nothing; that is never an error here, and
// ContainmentReport shows what was granted. The destructor removes the group. The kernel refuses
// that while a process is in it, so the group of a worker that outlives its owners stays. If
// airlockd ended before its drivers, the next start removes their groups.
class WorkerCgroup {
 public:
  WorkerCgroup() = default;  // none
  WorkerCgroup(WorkerCgroup&&) noexcept = default;
  WorkerCgroup& operator=(WorkerCgroup&& other) noexcept;
  ~WorkerCgroup();

  // A new, empty group with a worker's limits. Blocks for a moment, so the daemon itself must not
  // call it.
  static WorkerCgroup make(const SandboxLimits& limits);
  // The group that a live worker is in.
  static WorkerCgroup of(pid_t worker);

  // Puts a process in; the process must wait meanwhile. Folders that refuse it leave the group.
  void admit(pid_t worker);

  // See memory_kills(); nothing if no folder counts them.
  [[nodiscard]] std::optional<std::uint64_t> kills_for_memory() const;
  [[nodiscard]] const std::vector<GroupFolder>& folders() const { return folders_; }

 private:
  void remove() noexcept;

  std::vector<GroupFolder> folders_;
  // While a new group is empty, these locks keep other starters from removing it as abandoned.
  std::vector<UniqueFd> locks_;
};

}  // namespace airlock
