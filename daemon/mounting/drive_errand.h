// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/devices/device.h"
#include "daemon/system/busy.h"
#include "lib/base/error.h"

namespace airlock {

// The little of a drive that acting on it takes, from sysfs alone. Both block as sysfs does and
// belong into an errand; neither opens the device.

// "/dev/sdb". Errc::kNotFound when there is none any more.
Result<Device> drive_at_node(const std::string& node, const SystemView& view = {});
// "/sys/devices/.../block/sdb"
Result<Device> drive_at_sysfs_path(const std::string& path);

}  // namespace airlock
