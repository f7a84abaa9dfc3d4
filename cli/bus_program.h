// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// What mount.airlock has to say over D-Bus it has said by a program of its own, airlock-mount-bus:
// most of the time that goes by before a mount is there would otherwise be the loading of a bus
// library and of all that library needs.
inline constexpr const char* kBusProgramName = "airlock-mount-bus";

// False where asking would be in vain.
bool system_bus_may_be_there();

// Turns this process into that program; returns only if it can't. `words` are its arguments:
//   mount-at SOURCE TARGET SUBTYPE OPTIONS
//   adopt MOUNT PROGRAM ORIGIN USER LIFE LOG IMAGE    the last three are numbers of descriptors
std::unexpected<Error> become_bus_program(std::vector<std::string> words);

}  // namespace airlock
