// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "cli/mount_command.h"
#include "lib/base/error.h"

namespace airlock {

// Has airlockd make the mount, with a driver that is airlockd's: for callers whose end would also
// be the end of everything they started, such as udisks. Waits as long as a check of a large medium
// may take. Errors are airlockd's own, in its words.
Result<void> mount_by_airlockd(const MountCommand& command);

}  // namespace airlock
