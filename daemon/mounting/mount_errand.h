// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>

#include "daemon/check/checker_run.h"
#include "daemon/loop/errand.h"
#include "daemon/mount/driver_start.h"
#include "daemon/mounting/mounting.h"
#include "daemon/policy/decision.h"
#include "lib/base/error.h"
#include "lib/protocol/channel.h"

namespace airlock {

// One mount from the device to the mount table, in a process that may block. Its news name what it
// has made; if it fails or is killed, undo_mount() takes that away.
struct MountWork {
  MountSource source;
  MountDecision decision;
  DriverPlaces places;
  std::string base;
  SessionDeadlines deadlines;
  CheckerPlaces checkers;
  std::chrono::milliseconds check_deadline{};
};

// The driver that was decided on.
Result<const DriverRow*> chosen_driver(const MountDecision& decision);

// Fills in everything about the driver, whose descriptors it takes.
Result<void> describe_driver(LiveMount& live, StartedDriver& driver, const DriverRow& row);

// Returns a packed LiveMount.
Result<ErrandReport> do_mount(const MountWork& work, Channel& news);

// Runs afterwards, in an errand of its own: removes our mounts from the place, and our folder.
Result<ErrandReport> undo_mount(const std::string& base, const std::string& place);

}  // namespace airlock
