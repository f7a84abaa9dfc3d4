// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/devices/device.h"
#include "daemon/system/busy.h"
#include "lib/base/error.h"

namespace airlock {

// Read from sysfs alone what an action needs to know about a drive. Both functions block as sysfs
// does, so they belong in an errand; neither opens the device.

// "/dev/sdb". Errc::kNotFound if the drive no longer exists.
Result<Device> drive_at_node(const std::string& node, const SystemView& view = {});
// "/sys/devices/.../block/sdb"
Result<Device> drive_at_sysfs_path(const std::string& path);

}  // namespace airlock
