// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>

#include "daemon/launch/sandbox_spec.h"
#include "daemon/loop/errand.h"
#include "daemon/probe/prober.h"

namespace airlock {

// What one probe may cost.
struct ProbeLimits {
  std::chrono::milliseconds deadline{10'000};  // from the start of its process to its answer
  std::uint64_t memory_bytes = std::uint64_t{64} << 20;
  std::uint64_t open_files = 8;
};

// The part of a probe that may block, for a process of its own: opens the medium, starts
// airlock-probe, hands the descriptor over, waits for the one answer and for the worker's end.
// Returns the worker's bytes; only their number has been checked. Never reads from the medium. The
// worker dies with the calling process.
Result<ErrandReport> run_probe(const ProbeTarget& target, const std::string& program,
                               const ProbeLimits& limits);

// Opens the target read-only, and makes sure that it is the right one.
Result<UniqueFd> open_for_probe(const ProbeTarget& target);

}  // namespace airlock
