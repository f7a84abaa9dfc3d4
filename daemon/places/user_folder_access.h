// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Lets only root and one user into the folder that holds the user's mount points, with an access
// control list. The folder stays root's, so that the user can't rename or replace its contents. On
// a filesystem without such lists the user's group is let in instead, but only if it has the user's
// own number (a group that should have no other member); else this fails.
Result<void> let_in_only(BorrowedFd folder, uid_t user, gid_t group);

// Whether a folder looks as let_in_only() leaves it, for any user.
bool lets_in_one_user(BorrowedFd folder);

}  // namespace airlock
