// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/devices/device.h"
#include "daemon/system/busy.h"
#include "lib/base/error.h"

namespace airlock {

// What can be done to a drive as a whole. These wait for the hardware: run them inside an Errand,
// never in the daemon itself. `drive` is the whole disk as last seen; if its node leads to
// another device or its slot holds another medium by now, nothing is done (Errc::kNotFound). A
// drive that anything of it is mounted or held of is left alone (Errc::kBusy, with who it is).
// What was written is on the medium before anything else happens, or the action fails
// (Errc::kIo).

// Gives the medium out: opens the tray, or tells a stick or card to be gone. A loop device is
// detached from its file, as nothing else could be meant. Errc::kUnsupported for drives that have
// no such thing.
Result<void> eject_medium(const Device& drive, const SystemView& view = {});

// Stops the drive and takes it off its bus, for USB with the current of its port: it can be
// pulled, and comes back only by plugging it in again. All drives of the same USB device go with
// it, so none of them may be in use. Errc::kUnsupported for what is built in or no hardware.
Result<void> power_off(const Device& drive, const SystemView& view = {});

}  // namespace airlock
