// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// mount.airlock leaves D-Bus to a program of its own, airlock-mount-bus: otherwise most of the time
// before the mount exists would go into loading a bus library and its dependencies.
inline constexpr const char* kBusProgramName = "airlock-mount-bus";

// False if a request would be in vain.
bool system_bus_may_be_there();

// Turns this process into that program; returns only on failure. `words` are its arguments:
//   mount-at SOURCE TARGET SUBTYPE OPTIONS
//   adopt MOUNT PROGRAM ORIGIN USER LIFE LOG IMAGE    the last three are numbers of descriptors
std::unexpected<Error> become_bus_program(std::vector<std::string> words);

}  // namespace airlock
