// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// A second descriptor of the same open file, closed on exec. It is none of 0 to 2, which are
// standard input and output wherever they are open.
Result<UniqueFd> duplicate(BorrowedFd descriptor);

}  // namespace airlock
