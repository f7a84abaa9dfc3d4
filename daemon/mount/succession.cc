// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/succession.h"

#include <fcntl.h>

#include <cerrno>

#include "lib/base/duplicate.h"

namespace airlock {
namespace {

std::unexpected<Error> mounts_nothing() {
  return fail_errno(EPERM, Errc::kNotPermitted, "a successor goes on with a mount and makes none");
}

}  // namespace

Result<UniqueFd> Succession::open_fuse_device() {
  return duplicate(lifeline_.fuse_device.borrow());
}

Result<UniqueFd> Succession::open_medium(std::uint32_t open_flags, bool block_device_only,
                                         std::uint32_t) {
  if ((open_flags & O_ACCMODE) != O_RDONLY)
    return fail_errno(EROFS, Errc::kReadOnly, "a successor only reads");
  if (block_device_only && !medium_.is_block())
    return fail_errno(ENOTBLK, Errc::kInvalidArgument, "it is not a block device");
  return medium_.descriptor(MediumAccess::kReadOnly);
}

Result<UniqueFd> Succession::open_live_state() {
  return duplicate(lifeline_.live_state.borrow());
}

Result<std::uint32_t> Succession::pin_mount_point() {
  return mounts_nothing();
}

Result<void> Succession::attach(const MountRequest&, BorrowedFd) {
  return mounts_nothing();
}

}  // namespace airlock
