// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/loop/errand.h"
#include "daemon/mount/driver_start.h"
#include "daemon/mount/lifeline.h"
#include "daemon/mount/live_mount.h"
#include "daemon/mount/mount_session.h"
#include "daemon/policy/decision.h"
#include "lib/base/error.h"

namespace airlock {

// What a successor is started from: what its predecessor was, for the same medium, only to read.
struct HealPlan {
  MountSource source;
  MountDecision decision;
  DriverPlaces places;
  SessionDeadlines deadlines;
};

// Starts another driver for a mount whose driver has been reaped, in a process that may block.
// Returns a packed LiveMount: the same mount with the new driver.
Result<ErrandReport> do_heal(const HealPlan& plan, const MountFacts& mount,
                             const Lifeline& lifeline);

}  // namespace airlock
