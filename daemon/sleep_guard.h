// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "daemon/devices/device.h"
#include "daemon/people/logind_sessions.h"
#include "daemon/people/sleep_inhibitor.h"
#include "daemon/volumes/supervisor.h"

namespace airlock {

// A machine that sleeps: somebody may pull a stick out meanwhile, or put another in its place. So
// everything is written to the media before, and looked at again afterwards.
class SleepGuard {
 public:
  struct Parts {
    LogindSessions& sessions;
    SleepInhibitor& inhibitor;
    DeviceSource& devices;
    VolumeSupervisor& supervisor;
  };
  // All of them must outlive it; the sessions keep a callback to it for good.
  explicit SleepGuard(Parts parts);
  SleepGuard(const SleepGuard&) = delete;
  SleepGuard& operator=(const SleepGuard&) = delete;

 private:
  void going_to_sleep();
  void awake();

  Parts parts_;
};

}  // namespace airlock
