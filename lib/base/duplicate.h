// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// A second descriptor of the same open file, closed on exec. Never 0, 1 or 2, which others use as
// standard input and output.
Result<UniqueFd> duplicate(BorrowedFd descriptor);

}  // namespace airlock
