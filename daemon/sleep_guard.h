// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "daemon/devices/device.h"
#include "daemon/people/logind_sessions.h"
#include "daemon/people/sleep_inhibitor.h"
#include "daemon/volumes/supervisor.h"

namespace airlock {

// While the machine sleeps, somebody may pull a stick out or put another in its place. So this has
// everything written to the media before, and examines them again afterwards.
class SleepGuard {
 public:
  struct Parts {
    LogindSessions& sessions;
    SleepInhibitor& inhibitor;
    DeviceSource& devices;
    VolumeSupervisor& supervisor;
  };
  // All of them must outlive it; the sessions keep a callback to it for ever.
  explicit SleepGuard(Parts parts);
  SleepGuard(const SleepGuard&) = delete;
  SleepGuard& operator=(const SleepGuard&) = delete;

 private:
  void going_to_sleep();
  void awake();

  Parts parts_;
};

}  // namespace airlock
