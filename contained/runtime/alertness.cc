// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/alertness.h"

#include <algorithm>

namespace airlock {

void Alertness::learn(Duration waited, bool awake) {
  asked_soon_ = waited <= kMoment;
  if (!awake) {
    if (asleep_for_ > 0) --asleep_for_;
    return;
  }
  penalty_ = asked_soon_ ? 0 : std::min(2 * penalty_ + 1, kMostAsleep);
  asleep_for_ = penalty_;
}

}  // namespace airlock
