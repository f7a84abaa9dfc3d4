// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/property_map.h"
#include "daemon/policy/settings.h"

namespace airlock {

// The settings in force, as Manager.GetSettings returns them: every setting by its full name
// ("deadlines.mount" is a number of seconds), and
//   "rules" as      one line per rule: its file and line
//   "origins" a{sv} for each setting from a file: its file and line
//   "switched" s    what automount was switched to by hand; absent if it was not
PropertyMap to_properties(const Settings& settings);

}  // namespace airlock
