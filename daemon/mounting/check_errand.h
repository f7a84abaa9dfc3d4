// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "daemon/check/checker_run.h"
#include "daemon/loop/errand.h"
#include "daemon/mount/medium.h"
#include "daemon/mounting/mounting.h"
#include "daemon/policy/decision.h"
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

// What was found out, and done, before a mount.
struct Preparation {
  std::optional<CheckReply> check;  // empty: nothing had to be, or nobody could
  std::string read_only_reason;     // empty: it may be written to
};

// Replays a journal and has a checker look at a claimed medium, as far as the mount wants it. What
// can't be found out, or was stopped by the company, makes the mount read-only, with the reason;
// without a checker the driver decides alone.
Preparation prepare_medium(Medium& medium, CheckFirst wanted, const std::string& type,
                           const CheckerPlaces& places, std::chrono::milliseconds at_most,
                           const CheckerCompany& company);

// The medium a source stands for, if it is still that; not claimed yet.
Result<Medium> take_source(const MountSource& source, MediumAccess wanted);

// Whether the device is still the one meant, and the medium in it.
Result<void> require_same(const Medium& medium, const MountSource& source);

}  // namespace airlock
