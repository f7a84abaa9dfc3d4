// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "daemon/mounting/mounting.h"
#include "lib/base/error.h"
#include "lib/protocol/check_record.h"

namespace airlock {

// What the checker of a volume found last, or did.
struct VolumeCheck {
  std::string operation;  // "check", "repair", "set-label", "mount"
  CheckReply reply;
  std::chrono::system_clock::time_point when;
};

// Checking, repairing and naming what is not mounted, without ever blocking. One implementation
// for real, one fake for the tests of what sits above.
class Checking {
 public:
  using Done = std::move_only_function<void(Result<CheckReply>)>;
  using Progress = std::move_only_function<void(double share)>;  // 0 to 1

  virtual ~Checking() = default;

  // Holds the medium for as long as it takes. A repair is followed by a check, whose verdict is the
  // one that is told. `done` is called exactly once from the event loop unless the operation is
  // destroyed before, which ends the checker at once. Failures a person can act on: kBusy,
  // kUnsupported (no checker), kReadOnly, kTimedOut, kWorkerDied.
  virtual std::unique_ptr<PendingOperation> check(const MountSource& source,
                                                  const CheckRequest& request, Progress progress,
                                                  Done done) = 0;
};

}  // namespace airlock
