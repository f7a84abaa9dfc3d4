// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "tests/bench/figures.h"

namespace airlock::bench {

// What one request costs, one at a time, as medians in microseconds: the probes to tune a driver
// with. Every probe goes past the kernel's caches as far as a program can ask for that; on the
// kernel's own filesystem there is nothing to go past, and the figure is the cost of the call.
Result<Figures> probe_latency(const std::string& directory);

}  // namespace airlock::bench
