// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/devices/device.h"
#include "daemon/system/busy.h"
#include "lib/base/error.h"

namespace airlock {

// What an action needs to know about a drive, from sysfs alone. Both functions block as sysfs does,
// so they belong in an errand; neither opens the device.

// "/dev/sdb". Errc::kNotFound if the drive no longer exists.
Result<Device> drive_at_node(const std::string& node, const SystemView& view = {});
// "/sys/devices/.../block/sdb"
Result<Device> drive_at_sysfs_path(const std::string& path);

}  // namespace airlock
