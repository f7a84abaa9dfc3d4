// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

namespace airlock {

// Whether a driver gets on with its work, seen from outside: what its device has transferred, what
// it has read and written. Text to compare with an earlier one; reads /proc and /sys only.
std::string signs_of_work(pid_t driver, dev_t device);

// One of its threads waits inside the kernel, for its device as a rule: then it is the device that
// is slow, and killing the driver would not even work.
bool waits_in_kernel(pid_t driver);

// Tells how long nothing has moved.
class StallClock {
 public:
  using Time = std::chrono::steady_clock::time_point;
  StallClock(pid_t driver, dev_t device, Time now)
      : driver_(driver), device_(device), since_(now) {}

  // Looks again. Waiting for a device counts for a fifth of the time only.
  [[nodiscard]] std::chrono::milliseconds stalled(Time now);

 private:
  pid_t driver_;
  dev_t device_;
  Time since_;
  std::string last_;
};

}  // namespace airlock
