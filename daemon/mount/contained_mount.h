// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daemon/mount/driver_arguments.h"
#include "daemon/mount/driver_start.h"
#include "daemon/mount/medium.h"
#include "daemon/mount/mount.h"
#include "daemon/mount/mounter.h"

namespace airlock {

// One medium mounted with a contained driver, from a claimed medium and a pinned place to a mount
// that lives on. airlockd's errand and mount.airlock both mount through it. Blocks. Everything it
// made is undone when it goes before keep(). Borrows medium and place.
class ContainedMount {
 public:
  struct Plan {
    const DriverRow& row;
    std::string subtype;
    bool fuseblk = false;     // the medium was claimed for the kernel
    std::uint32_t flags = 0;  // MS_ bits that must be set
    bool allow_other = false;
    bool found_consistent = false;
    std::vector<std::string> words;  // DriverArguments::words
    uid_t user = 0;
    gid_t group = 0;
    DriverPlaces places;
    SessionDeadlines deadlines;
    // Told the driver's process as soon as it is known, which may be never. A failure ends it all.
    std::move_only_function<Result<void>(pid_t, BorrowedFd life)> on_driver;
  };

  ContainedMount(Medium& medium, const MountPoint& place, Plan plan)
      : medium_(medium),
        place_(place),
        plan_(std::move(plan)),
        mounter_(medium, place, {.flags = plan_.flags}) {}
  ContainedMount(const ContainedMount&) = delete;
  ContainedMount& operator=(const ContainedMount&) = delete;

  // Once.
  Result<void> make();
  // Mount and driver outlive this object.
  void keep();

  [[nodiscard]] const Mounter& mounter() const { return mounter_; }
  // Once made.
  [[nodiscard]] StartedDriver& driver() { return *driver_; }

 private:
  [[nodiscard]] SessionPlan session_plan() const;
  [[nodiscard]] DriverArguments driver_arguments() const;
  [[nodiscard]] Result<void> require_same_medium() const;
  Result<void> tell_driver(pid_t pid, BorrowedFd life);
  Result<void> serve();

  Medium& medium_;
  const MountPoint& place_;
  Plan plan_;
  std::optional<StartedDriver> driver_;
  Mounter mounter_;
};

}  // namespace airlock
