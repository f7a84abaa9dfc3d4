// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/busy_poll.h"

#include <algorithm>

namespace airlock {

void BusyPoll::learn(Duration waited, bool awake) {
  const bool soon = waited <= kMoment;
  late_ = soon ? 0 : std::min(late_ + 1, kMostLate);
  if (!awake) {
    if (asleep_for_ > 0) --asleep_for_;
    return;
  }
  if (!soon) asleep_for_ = penalty_;
  penalty_ = soon ? 0 : std::min(2 * penalty_ + 1, kMostAsleep);
}

}  // namespace airlock
