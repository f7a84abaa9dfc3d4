// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The text of a file, as far as it can be read: nothing if there is no file, its beginning if
// reading fails (as in /proc when the process ends meanwhile). Never throws for that, unlike the
// buffer of an ifstream.
std::string file_text(const std::string& path);

// The rest of an open file, or why it can't be read. More than `most` bytes are
// Errc::kLimitExceeded.
Result<std::string> read_text(BorrowedFd file, std::size_t most);

}  // namespace airlock
