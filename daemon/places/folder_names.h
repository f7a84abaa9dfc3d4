// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "lib/base/unique_fd.h"

namespace airlock {

// What stands in a folder, without "." and ".."; nothing if it cannot be read.
std::vector<std::string> names_in(BorrowedFd folder);

}  // namespace airlock
