// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/channel.h"
#include "lib/protocol/check_record.h"

namespace airlock {

// Where airlock-check and the distribution's checkers are.
struct CheckerPlaces {
  std::string worker;                    // the path of airlock-check
  std::vector<std::string> directories;  // searched in this order
  std::string own;                       // the folder of our own programs that work on a medium

  // The installed ones. For root's own tests AIRLOCK_CHECK in the environment names another worker,
  // or AIRLOCK_DRIVER_DIR a folder that contains it, and AIRLOCK_CHECKER_DIR a folder with
  // checkers; all are ignored in a program with borrowed rights.
  static CheckerPlaces of_this_system();
};

struct CheckerCost {
  // Large filesystems need room for their bitmaps.
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;
  std::uint64_t open_files = 32;
  std::uint64_t tasks = 8;
};

// The listener of a run, which may also end it.
struct CheckerCompany {
  std::function<void(std::uint32_t)> progress;  // in thousandths; may be empty
  // A packet that arrives here ends the run with Errc::kCancelled.
  BorrowedFd stop = kNoDescriptor;
};

// Runs a checker once, contained, on a medium that the caller holds, and waits for it: for a
// process that may block. The descriptor's mode fits the operation: read-only if it only reads. The
// checker dies with the calling process. Errc::kUnsupported: there is no checker for the type, or
// it is not installed.
Result<CheckReply> run_checker(BorrowedFd medium, const CheckRequest& request,
                               const CheckerPlaces& places, Deadline deadline,
                               const CheckerCompany& company, const CheckerCost& cost = {});

}  // namespace airlock
