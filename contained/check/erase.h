// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock::check {

// Zeroes the first and the last MiB of a medium and waits until the medium has them: whatever says
// what is on it lies there. Reads nothing. Errc::kIo: the medium does not take it.
Result<void> erase_ends(BorrowedFd medium);

}  // namespace airlock::check
