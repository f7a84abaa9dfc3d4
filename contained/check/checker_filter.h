// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/checkers.h"

namespace airlock::check {

// In the process that becomes the checker: from here on only the calls of syscalls.inc, for ntfsfix
// those of syscalls_ntfs.inc too, and whoever has the descriptor this returns answers when it opens
// a file. Can't be undone.
Result<UniqueFd> install_checker_filter(CheckerFamily family);

// The same for a program that makes a filesystem, which needs fewer calls (syscalls_maker.inc).
Result<UniqueFd> install_maker_filter();

}  // namespace airlock::check
