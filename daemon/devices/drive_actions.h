// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "daemon/devices/device.h"
#include "daemon/system/busy.h"
#include "lib/base/error.h"

namespace airlock {

// Actions on a drive as a whole. They wait for the hardware: run them inside an Errand, never in
// the daemon itself. `drive` is the whole disk as last seen; if its node now leads to another
// device or its slot holds another medium, nothing is done (Errc::kNotFound). If anything on the
// drive is mounted or held, the drive is left alone (Errc::kBusy, with the users). All data is
// written to the medium before anything else happens, or the action fails (Errc::kIo).

// Ejects the medium: opens the tray, or makes a stick or card leave. A loop device is detached from
// its file, since nothing else makes sense. Errc::kUnsupported for drives that can't eject.
Result<void> eject_medium(const Device& drive, const SystemView& view = {});

// Stops the drive and takes it off its bus, for USB together with the power of its port: it can be
// pulled, and returns only when it is plugged in again. All drives of the same USB device go with
// it, so none of them may be in use. Errc::kUnsupported for drives that are built in or not
// hardware.
Result<void> power_off(const Device& drive, const SystemView& view = {});

}  // namespace airlock
