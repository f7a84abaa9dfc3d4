// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "daemon/loop/errand.h"
#include "daemon/mounting/mounting.h"
#include "lib/base/error.h"

namespace airlock {

// All of these block, so they belong in an errand.

// do_unmount() reports this if copies of the mount stay in mount namespaces of users who can do
// nothing with them. The kernel then never tells the driver to end.
inline constexpr std::string_view kStaysForStrangers = "stays";

// Takes exactly this mount out of the tree, even if it was moved. Reports "gone" if it was no
// longer there. Fails with Errc::kBusy if it is in use, unless the flags say otherwise.
Result<ErrandReport> do_unmount(const MountIdentity& mount, int umount_flags);

// Opens the device or image for reading, to query it or to flush it. Fails if it has been replaced.
Result<UniqueFd> open_to_flush(const MountSource& source);

// Makes the device or image write what it still holds back. Fails if it has been replaced.
Result<void> do_flush(const MountSource& source);

// Puts everything that was written to the mount on the medium, in whichever way its driver
// supports. May hang if the driver does.
Result<ErrandReport> do_write_out(const MountIdentity& mount, const MountSource& source);

// Aborts the connection of exactly this mount, if it is there. Takes longer the more requests it
// has.
Result<ErrandReport> do_abort(const MountIdentity& mount);

// Asks the mount something that only its driver can answer, as the user it belongs to. Fails with
// ENOTCONN as its cause if the driver is gone. May hang if the driver does.
Result<ErrandReport> do_probe(const MountIdentity& mount);

}  // namespace airlock
