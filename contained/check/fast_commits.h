// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lib/base/unique_fd.h"

namespace airlock::check {

// Whether an ext4 has a journal to replay that may hold fast commits. e2fsck (1.47.0 at least)
// fails on those of today's kernels, throws the journal away all the same, and ends with 0:
// everything that was written last is lost then. So it is not let near one. False for whatever is
// no ext.
bool may_hold_fast_commits(BorrowedFd medium);

}  // namespace airlock::check
