// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>

#include "daemon/devices/device.h"
#include "daemon/devices/system_devices.h"
#include "daemon/devices/udev_handles.h"

namespace airlock {

// Describes a block device from sysfs and udev's properties as they are now; the medium is not
// touched. Nothing if it is not a device of a kind in DeviceKind (RAM disks, loop devices without
// a file, floppies, hidden paths of another device) or if what is told of it makes no sense.
// An empty reader is described, with size 0. `users` and `system_reason` are not filled in.
std::optional<Device> describe_device(udev_device* device);

// By which names fstab and crypttab may mean it.
DeviceNames names_of_device(udev_device* device);

}  // namespace airlock
