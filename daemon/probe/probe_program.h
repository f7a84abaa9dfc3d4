// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace airlock {

// The path of airlock-probe: the installed one. For root's own tests AIRLOCK_PROBE in the
// environment names another program, or AIRLOCK_DRIVER_DIR a folder that contains it; both are
// ignored in a program with borrowed rights.
std::string probe_program();

}  // namespace airlock
