// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "cli/mount_command.h"
#include "lib/base/error.h"

namespace airlock {

// Has airlockd make the mount, with a driver under airlockd: for callers such as udisks, all of
// whose child processes end with them. Waits as long as a check of a large medium may take. Errors
// are airlockd's own, in its words.
Result<void> mount_by_airlockd(const MountCommand& command);

}  // namespace airlock
