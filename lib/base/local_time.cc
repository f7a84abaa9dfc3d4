// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/local_time.h"

#include <ctime>

namespace airlock {

int local_zone_minutes() {
  ::tzset();
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  if (::localtime_r(&now, &local) == nullptr) return 0;
  return static_cast<int>(local.tm_gmtoff / 60);
}

}  // namespace airlock
