// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/resource.h>

#include <algorithm>

namespace airlock {

// For good: what this process and its children may have, or less where they had less before. Fit
// for the time between fork and exec.
inline bool lower_limit(__rlimit_resource resource, rlim_t most) {
  rlimit current{};
  if (::getrlimit(resource, &current) != 0) return false;
  const rlim_t allowed = std::min(most, current.rlim_max);
  const rlimit wanted{.rlim_cur = allowed, .rlim_max = allowed};
  return ::setrlimit(resource, &wanted) == 0;
}

}  // namespace airlock
