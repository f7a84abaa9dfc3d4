// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "daemon/system/busy.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// How much of the machine's memory a medium may take because it is stored there: its size for an
// image file in a tmpfs and for a loop device of one, even below other devices; 0 for all others.
// The kernel charges such memory to the worker that writes. Asks only /proc and /sys, by the names
// they give, and never the filesystem that contains the image. If the names mean something else,
// the answer may be wrong, and then a limit is larger or smaller than it should be.
std::uint64_t memory_of_medium(BorrowedFd medium, const SystemView& view = {});

}  // namespace airlock
