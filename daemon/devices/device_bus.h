// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/devices/udev_handles.h"

namespace airlock {

// How a drive is connected to the machine, according to its parents in sysfs. Only if those say
// nothing, udev's own conclusion counts (it calls a USB disk an ATA disk if it speaks ATA).
struct Connection {
  std::string bus;         // "usb", "mmc", "ieee1394", "thunderbolt", "nvme", "ata", "virtual", ...
  bool pluggable = false;  // a bus that people plug things into
  std::string seat;
};
Connection connection_of(udev_device* drive);

}  // namespace airlock
