// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "lib/base/unique_fd.h"

namespace airlock {

// The mode bits that we set on our folders; the kernel takes S_ISGID from the parent folder.
inline constexpr mode_t kPermissions = 07777 & ~S_ISGID;

// The entries of a folder, without "." and ".."; nothing if it can't be read.
std::vector<std::string> names_in(BorrowedFd folder);

}  // namespace airlock
