// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "tests/bench/figures.h"

namespace airlock::bench {

// The cost of one request, one at a time, as medians in microseconds: the probes for tuning a
// driver. Every probe avoids the kernel's caches as far as a program can ask for that; on the
// kernel's own filesystem there is nothing to avoid, and the figure is the cost of the call.
Result<Figures> probe_latency(const std::string& directory);

}  // namespace airlock::bench
