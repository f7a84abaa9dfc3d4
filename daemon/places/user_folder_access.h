// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Who may look into the folder that holds a user's mount points: root and that one user, through
// an access control list. The folder stays root's, so that the user cannot rename or replace what
// is in it. Where the filesystem knows no such lists, the user's group is let in instead, and only
// if it bears the user's own number (a group nobody else is meant to be in); else it fails.
Result<void> let_in_only(BorrowedFd folder, uid_t user, gid_t group);

// Whether a folder looks as let_in_only() leaves them, for whatever user.
bool lets_in_one_user(BorrowedFd folder);

}  // namespace airlock
