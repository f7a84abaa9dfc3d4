// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/loop/errand.h"
#include "daemon/mounting/mounting.h"
#include "lib/base/error.h"

namespace airlock {

// Both ends of a mount errand's report. The same program packs and unpacks it, so it needs no
// version; a truncated report is refused all the same.
ErrandReport pack_live_mount(LiveMount mount);
Result<LiveMount> unpack_live_mount(ErrandReport report);

}  // namespace airlock
