// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "daemon/loop/errand.h"
#include "daemon/mounting/mounting.h"
#include "lib/base/error.h"

namespace airlock {

// All of them block and belong into an errand.

// What do_unmount() reports if copies of the mount stay in mount namespaces of users who can do
// nothing with them: then no goodbye of the kernel tells the driver to end.
inline constexpr std::string_view kStaysForStrangers = "stays";

// Takes exactly this mount out of the tree, wherever it was moved. Reports "gone" if it was not
// there any more. Fails with Errc::kBusy if somebody uses it and the flags don't say otherwise.
Result<ErrandReport> do_unmount(const MountIdentity& mount, int umount_flags);

// The device or image for reading, to ask the kernel about it or have it written out; not if it is
// another one now.
Result<UniqueFd> open_to_flush(const MountSource& source);

// Has the device or image write what it still holds back, and says no if it is another one now.
Result<void> do_flush(const MountSource& source);

// Has everything that was written to the mount put on the medium, whichever way its driver knows.
// May hang as the driver does.
Result<ErrandReport> do_write_out(const MountIdentity& mount, const MountSource& source);

// Aborts the connection of exactly this mount, if it is there. Takes as long as it has requests.
Result<ErrandReport> do_abort(const MountIdentity& mount);

// A look through the mount that only its driver can answer, as the user it belongs to. Fails with
// ENOTCONN as its cause when there is no driver any more. May hang as the driver does.
Result<ErrandReport> do_probe(const MountIdentity& mount);

}  // namespace airlock
