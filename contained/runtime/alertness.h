// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>

namespace airlock {

// Whether the next request is waited for awake. A program that works on files asks again within
// microseconds of an answer, and falling asleep in between to be woken on another core takes
// several times what the answer does. So the driver stays awake for a moment where that has been
// worth it lately, and does not where nobody asks that soon or who asks needs this very core.
class Alertness {
 public:
  using Duration = std::chrono::steady_clock::duration;
  // Between the requests of programs like find and tar; also what is spent in vain after the last.
  static constexpr Duration kMoment = std::chrono::microseconds(100);

  // On a single core nobody can ask while we are awake.
  explicit Alertness(unsigned cores) : pointless_(cores < 2) {}

  [[nodiscard]] bool stays_awake() const {
    return late_ < kMostLate && asleep_for_ == 0 && !pointless_;
  }
  // Then nothing need be learnt either.
  [[nodiscard]] bool is_pointless() const { return pointless_; }
  // After each request: how long it was waited for, and whether awake at first.
  void learn(Duration waited, bool awake);

 private:
  static constexpr std::uint32_t kMostLate = 3;
  static constexpr std::uint32_t kMostAsleep = 1023;

  bool pointless_;
  std::uint32_t late_ = kMostLate;  // requests in a row that did not come soon
  std::uint32_t penalty_ = 0;       // requests to be slept for after the next moment in vain
  std::uint32_t asleep_for_ = 0;    // what is left of them
};

}  // namespace airlock
