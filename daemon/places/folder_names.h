// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "lib/base/unique_fd.h"

namespace airlock {

// What chmod() sets of a folder of ours; the kernel takes S_ISGID from the folder above.
inline constexpr mode_t kPermissions = 07777 & ~S_ISGID;

// What stands in a folder, without "." and ".."; nothing if it cannot be read.
std::vector<std::string> names_in(BorrowedFd folder);

}  // namespace airlock
