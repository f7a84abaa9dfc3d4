// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// What a file says, as far as it can be read: nothing where there is none, its beginning where
// reading fails, as it does in /proc when the process ends meanwhile. Never throws for that, which
// the buffer of an ifstream does.
std::string file_text(const std::string& path);

// All that an open file says from here on, or why it can't be had. More than `most` bytes are
// Errc::kLimitExceeded.
Result<std::string> read_text(BorrowedFd file, std::size_t most);

}  // namespace airlock
