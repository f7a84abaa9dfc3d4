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

// A driver for one medium, from its start to the end of its session.
class DriverRun {
 public:
  struct Plan {
    const DriverRow& row;
    std::uint64_t medium_in_memory = 0;
    DriverArguments arguments;
    SessionPlan session;  // all but the arguments, which depend on where the driver comes from
    DriverPlaces places;
    // Told the driver's process as soon as it is known, which may be never. A failure ends it all.
    std::move_only_function<Result<void>(pid_t, BorrowedFd life)> on_driver;
  };

  DriverRun(Plan plan, MountEffects& effects) : plan_(std::move(plan)), effects_(effects) {}
  // Once. A service that never answers is left aside for our own sandbox.
  Result<StartedDriver> run();

 private:
  [[nodiscard]] SessionPlan session_plan(DriverOrigin origin) const;
  Result<void> tell_driver(pid_t pid, BorrowedFd life);
  Result<void> serve(StartedDriver& driver);

  Plan plan_;
  MountEffects& effects_;
};

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
    bool heals = false;  // keep a lifeline, if the driver can be replaced
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
        mounter_(medium, place, {.flags = plan_.flags, .keeps_lifeline = keeps_lifeline()}) {}
  ContainedMount(const ContainedMount&) = delete;
  ContainedMount& operator=(const ContainedMount&) = delete;

  // Once.
  Result<void> make();
  // Mount and driver outlive this object.
  void keep();

  [[nodiscard]] const Mounter& mounter() const { return mounter_; }
  // Once made.
  [[nodiscard]] Lifeline take_lifeline() { return mounter_.take_lifeline(); }
  // Once made.
  [[nodiscard]] StartedDriver& driver() { return *driver_; }

 private:
  // Only what is never written has nothing that a dead driver could have kept to itself.
  [[nodiscard]] bool keeps_lifeline() const {
    return plan_.heals && medium_.read_only() && plan_.row.can("resume");
  }
  [[nodiscard]] DriverArguments driver_arguments() const;
  [[nodiscard]] DriverRun::Plan driver_plan();
  [[nodiscard]] Result<void> require_same_medium() const;

  Medium& medium_;
  const MountPoint& place_;
  Plan plan_;
  std::optional<StartedDriver> driver_;
  Mounter mounter_;
};

}  // namespace airlock
