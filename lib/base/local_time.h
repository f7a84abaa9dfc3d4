// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace airlock {

// How far local time is ahead of UTC on this system now. Looks at the system's zone again each
// time.
int local_zone_minutes();

}  // namespace airlock
