// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "daemon/mount/driver_start.h"
#include "daemon/mount/medium.h"
#include "lib/base/error.h"

namespace airlock {

// Has airlockd watch an existing mount, so that it is listed, reported when its driver dies, and
// unmounted like any other. Waits a few seconds at most; a failure does not affect the mount.
// `mount` is its number in mountinfo.
Result<void> hand_over(const Medium& medium, std::uint64_t mount, const StartedDriver& driver,
                       const std::string& program, uid_t user);

}  // namespace airlock
