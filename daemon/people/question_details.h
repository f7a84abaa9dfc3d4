// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>

#include "daemon/devices/device.h"
#include "lib/protocol/probe_record.h"

namespace airlock {

// The details that a polkit rule can match with action.lookup(): device, bus, port, seat,
// removable, drive.vendor, drive.model, drive.serial, volume.type, volume.label, volume.uuid.
// Unknown ones are left out. Image files have volume.* only, and "image" is "true".
std::map<std::string, std::string> question_details(const std::optional<Device>& device,
                                                    const std::optional<ProbeRecord>& probe);

}  // namespace airlock
