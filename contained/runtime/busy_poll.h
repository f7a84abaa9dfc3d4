// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>

namespace airlock {

// Decides whether the reader polls for the next request instead of sleeping. A program that works
// on files sends its next request within microseconds of an answer, and waking a sleeping thread on
// another core takes several times as long as the answer. The reader polls for a moment if recent
// requests came soon enough for that, and sleeps otherwise.
class BusyPoll {
 public:
  using Duration = std::chrono::steady_clock::duration;
  // Longer than programs like find and tar take between requests; also the time lost after the last
  // one.
  static constexpr Duration kMoment = std::chrono::microseconds(100);

  // On a single core no program can run while the reader polls.
  explicit BusyPoll(unsigned cores) : pointless_(cores < 2) {}

  [[nodiscard]] bool stays_awake() const {
    return late_ < kMostLate && asleep_for_ == 0 && !pointless_;
  }
  // Then learn() need not be called.
  [[nodiscard]] bool is_pointless() const { return pointless_; }
  // After each request: how long the reader waited, and whether it polled first.
  void learn(Duration waited, bool awake);

 private:
  static constexpr std::uint32_t kMostLate = 3;
  static constexpr std::uint32_t kMostAsleep = 1023;

  bool pointless_;
  std::uint32_t late_ = kMostLate;  // requests in a row that did not come soon
  std::uint32_t penalty_ = 0;       // requests to sleep through after polling in vain once more
  std::uint32_t asleep_for_ = 0;    // how many of these are left
};

}  // namespace airlock
