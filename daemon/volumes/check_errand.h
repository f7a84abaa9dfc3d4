// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>

#include "daemon/check/checker_run.h"
#include "daemon/loop/errand.h"
#include "daemon/mount/medium.h"
#include "daemon/volumes/mounting.h"
#include "lib/protocol/check_record.h"

namespace airlock {

// One request for a checker, in a process that may block. The checker dies with it.
struct CheckWork {
  MountSource source;
  CheckRequest request;
  CheckerPlaces places;
  std::chrono::milliseconds deadline{};  // of all of it
};

// Brings back an encoded CheckReply. Progress in thousandths goes to `news`, one packet each.
Result<ErrandReport> do_check(const CheckWork& work, Channel& news);

// The medium a source stands for, if it is still that; not claimed yet.
Result<Medium> take_source(const MountSource& source, MediumAccess wanted);

// Whether the device is still the one meant, and the medium in it.
Result<void> require_same(const Medium& medium, const MountSource& source);

}  // namespace airlock
