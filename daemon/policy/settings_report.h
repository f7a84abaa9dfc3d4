// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/api/property_map.h"
#include "daemon/policy/settings.h"

namespace airlock {

// The settings in force, as Manager.GetSettings hands them out: every setting by its full name
// ("deadlines.mount" is a number of seconds), and
//   "rules" as      one line per rule: where it stands
//   "origins" a{sv} for each setting that stands in a file, where
//   "switched" s    what automount was switched to by hand; absent if it was not
PropertyMap to_properties(const Settings& settings);

}  // namespace airlock
