// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock::adapter {

// In the process that becomes the program: from here on only the calls of program_syscalls.inc, and
// whoever has the descriptor this returns answers the rest of what it needs. Can't be undone.
Result<UniqueFd> install_program_filter();

}  // namespace airlock::adapter
