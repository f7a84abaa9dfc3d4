// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/confine.h"

namespace airlock {

// The halves of confine(), each in its own file.

// Returns the ABI found, 0 without Landlock.
Result<int> forbid_with_landlock();

Result<void> install_filter(Filter filter);

// On top of what is there. Takes no_new_privs and, where there is a filter, its leave.
Result<void> add_filter(Filter filter);

// Makes a forbidden call write its number before it ends the process.
Result<void> report_forbidden_calls();

}  // namespace airlock
