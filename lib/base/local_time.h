// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace airlock {

// How far local time is ahead of UTC on this system now. Rereads the system's time zone each time.
int local_zone_minutes();

}  // namespace airlock
