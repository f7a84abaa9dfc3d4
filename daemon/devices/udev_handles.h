// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <libudev.h>

#include <string_view>

#include "lib/base/c_ptr.h"

namespace airlock {

using UdevContext = CPtr<udev, udev_unref>;
using UdevDevice = CPtr<udev_device, udev_device_unref>;
using UdevMonitor = CPtr<udev_monitor, udev_monitor_unref>;
using UdevEnumerate = CPtr<udev_enumerate, udev_enumerate_unref>;

// libudev returns null for what it does not know; we read that as an empty text. The text belongs
// to the device and lives as long as it.
inline std::string_view or_empty(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}
inline std::string_view attribute(udev_device* device, const char* name) {
  return or_empty(udev_device_get_sysattr_value(device, name));
}
inline std::string_view property(udev_device* device, const char* name) {
  return or_empty(udev_device_get_property_value(device, name));
}

}  // namespace airlock
