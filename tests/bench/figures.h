// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace airlock::bench {

// One measured value. The orchestrator reads them as lines of "name value" and knows the units:
// seconds, operations, bytes, or microseconds for the latency probes.
struct Figure {
  std::string_view name;
  double value = 0;
};
using Figures = std::vector<Figure>;

// Runs from its construction, on CLOCK_MONOTONIC.
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace airlock::bench
