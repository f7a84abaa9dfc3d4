// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/unique_fd.h"

namespace airlock::check {

// Whether an NTFS says of itself that it was not left in order, which ntfsfix does not tell. False
// for what is no NTFS or too damaged to say.
bool ntfs_is_marked_dirty(BorrowedFd medium);

}  // namespace airlock::check
