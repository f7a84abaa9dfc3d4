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

// The latest result of a volume's checker.
struct VolumeCheck {
  std::string operation;  // "check", "repair", "set-label", "mount"
  CheckReply reply;
  std::chrono::system_clock::time_point when;
};

// Checks, repairs and labels volumes that are not mounted, without ever blocking. It has one real
// implementation, and a fake for the tests of its callers.
class Checking {
 public:
  using Done = std::move_only_function<void(Result<CheckReply>)>;
  using Progress = std::move_only_function<void(double share)>;  // 0 to 1

  virtual ~Checking() = default;

  // Holds the medium until the checker is done. A repair is followed by a check, whose verdict is
  // reported. `done` is called exactly once from the event loop, unless the operation is destroyed
  // first; that kills the checker at once. Errors that a person can act on: kBusy, kUnsupported (no
  // checker), kReadOnly, kTimedOut, kWorkerDied.
  virtual std::unique_ptr<PendingOperation> check(const MountSource& source,
                                                  const CheckRequest& request, Progress progress,
                                                  Done done) = 0;
};

}  // namespace airlock
