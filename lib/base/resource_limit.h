// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/resource.h>

#include <algorithm>

namespace airlock {

// Limits this process and its children for good; never raises a lower limit. Safe between fork and
// exec.
inline bool lower_limit(__rlimit_resource resource, rlim_t most) {
  rlimit current{};
  if (::getrlimit(resource, &current) != 0) return false;
  const rlim_t allowed = std::min(most, current.rlim_max);
  const rlimit wanted{.rlim_cur = allowed, .rlim_max = allowed};
  return ::setrlimit(resource, &wanted) == 0;
}

}  // namespace airlock
