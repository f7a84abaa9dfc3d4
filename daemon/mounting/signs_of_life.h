// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace airlock {

// Shows whether a driver makes progress: what its device has finished, or for an image what the
// driver had read from storage and written to it. Answers to the kernel do not count as work,
// because every question to the driver produces one. Returns text to compare with an earlier one;
// reads only /proc and /sys.
std::string signs_of_work(pid_t driver, dev_t device);

// True if one of its threads waits inside the kernel, usually for its device. Then the device is
// slow, and killing the driver would not even work.
bool waits_in_kernel(pid_t driver);

// Tells whether a driver's memory changes. A driver that fills its memory, or gives it back on its
// way out, answers nobody meanwhile, but it is not hung. Processor time would not be such a sign:
// an endless loop uses it too. A driver could change its memory for ever, so the caller limits what
// the sign is worth.
class MemorySign {
 public:
  // A driver of 0 is not known and shows no sign.
  explicit MemorySign(pid_t driver) : driver_(driver), last_(look()) {}
  // Whether it has changed since the last call, by more than a few pages.
  [[nodiscard]] bool changed();

 private:
  struct Use {
    std::int64_t faults = 0;  // since it began
    std::int64_t pages = 0;   // now
  };
  [[nodiscard]] Use look() const;

  pid_t driver_;
  Use last_;
};

// What a driver has written: to its device, as the device counts it, or to an image.
std::string signs_of_writing(pid_t driver, dev_t device);

// Tells how long nothing has moved.
class StallClock {
 public:
  using Time = std::chrono::steady_clock::time_point;
  StallClock(pid_t driver, dev_t device, Time now)
      : driver_(driver), device_(device), since_(now), wrote_(now), memory_(driver) {}

  // Looks again. Time counts only a fifth while the driver waits for a device or its memory
  // changes, and while it works but writes nothing. It does count, because a hostile driver could
  // read for ever.
  [[nodiscard]] std::chrono::milliseconds stalled(Time now);
  // Somebody is known to be reading, so work without writing counts in full until now.
  void excuse_reading(Time now) { wrote_ = now; }

 private:
  pid_t driver_;
  dev_t device_;
  Time since_;
  Time wrote_;
  MemorySign memory_;
  std::string last_;
  std::string last_written_;
};

}  // namespace airlock
