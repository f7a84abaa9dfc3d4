// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "daemon/devices/udev_handles.h"

namespace airlock {

// How a drive hangs on the machine: what its parents in sysfs say, and only where they say
// nothing what udev's rules concluded (which call a USB disk an ATA disk if it speaks ATA).
struct Connection {
  std::string bus;         // "usb", "mmc", "ieee1394", "thunderbolt", "nvme", "ata", "virtual", ...
  bool pluggable = false;  // a bus people plug things into
  std::string seat;
};
Connection connection_of(udev_device* drive);

}  // namespace airlock
