// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>

#include "daemon/devices/device.h"
#include "daemon/devices/system_devices.h"
#include "daemon/devices/udev_handles.h"

namespace airlock {

// Describes a block device from the current state of sysfs and udev's properties; does not touch
// the medium. Returns nothing if its kind is not in DeviceKind (RAM disks, loop devices without a
// file, floppies, hidden paths of another device) or if the facts make no sense. Describes an empty
// reader with size 0. Leaves `users` and `system_reason` empty.
std::optional<Device> describe_device(udev_device* device);

// The names by which fstab and crypttab may refer to it.
DeviceNames names_of_device(udev_device* device);

}  // namespace airlock
