// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "contained/check/verdict.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/checkers.h"

namespace airlock::check {

// A checker while it runs, as the one child of airlock-check. Its memory, descriptors and number
// of processes are limited by what airlock-check itself was born with.
struct CheckerProcess {
  pid_t pid = -1;
  UniqueFd life;      // pidfd
  UniqueFd output;    // what it writes, both kinds
  UniqueFd progress;  // what it tells at kProgressDescriptor
  UniqueFd listener;  // for its doorkeeper
};

struct CheckerLimits {
  std::chrono::seconds processor_time{1800};
  std::uint64_t file_size = 0;  // no image file grows beyond it; 0: no limit
};

Result<CheckerProcess> start_checker(BorrowedFd program, const std::vector<std::string>& command,
                                     const CheckerLimits& limits, CheckerFamily family);

void kill_checker(const CheckerProcess& checker);
// Once its life line says that it has ended.
Ending ending_of(const CheckerProcess& checker);

}  // namespace airlock::check
