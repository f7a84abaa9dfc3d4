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

// One request for a checker, in a process that may block. The checker dies with that process.
struct CheckWork {
  MountSource source;
  CheckRequest request;
  CheckerPlaces places;
  std::chrono::milliseconds deadline{};  // for the whole request
};

// Returns an encoded CheckReply. Sends progress in thousandths to `news`, one packet each.
Result<ErrandReport> do_check(const CheckWork& work, Channel& news);

// What the steps before a mount found out and did.
struct Preparation {
  std::optional<CheckReply> check;  // empty: no check was needed, or no checker exists
  std::string read_only_reason;     // empty: the mount may write
};

// Replays the journal of a claimed medium and runs a checker on it, as far as the mount wants it.
// If a step fails or `company` stops it, the mount becomes read-only, with the reason. Without a
// checker the driver decides alone.
Preparation prepare_medium(Medium& medium, CheckFirst wanted, const std::string& type,
                           const CheckerPlaces& places, std::chrono::milliseconds at_most,
                           const CheckerCompany& company);

// The medium that a source stands for, if it has not been replaced; not claimed yet.
Result<Medium> take_source(const MountSource& source, MediumAccess wanted);

// Fails unless this is still the same device with the same medium in it.
Result<void> require_same(const Medium& medium, const MountSource& source);

}  // namespace airlock
