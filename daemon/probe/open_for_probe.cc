// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>

#include "daemon/probe/probe_errand.h"
#include "daemon/system/block_identity.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// Does not wait for a drive to become ready: we do not know yet what the path names.
constexpr int kOpenFlags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

Result<UniqueFd> open_device(const ProbeTarget& target) {
  UniqueFd device(::open(target.path.c_str(), kOpenFlags));
  if (!device.valid()) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "open {}", quote(target.path));
  }
  TRY_VOID(require_block_device(device.borrow(),
                                {.number = target.device, .disk_sequence = target.disk_sequence},
                                target.path));
  return device;
}

// If the caller's descriptor is not readable, it does not prove that its owner may read the file.
Result<void> check_image(BorrowedFd image, const ProbeTarget& target) {
  struct stat status{};
  if (::fstat(image.get(), &status) != 0)
    return fail_errno(errno, Errc::kSystem, "look at {}", quote(target.path));
  if (!S_ISREG(status.st_mode))
    return fail(Errc::kInvalidArgument, "{} is not an image file", quote(target.path));
  const int flags = ::fcntl(image.get(), F_GETFL);
  if (flags < 0) return fail_errno(errno, Errc::kSystem, "look at {}", quote(target.path));
  if ((flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY)
    return fail(Errc::kNotPermitted, "the descriptor of {} is not readable", quote(target.path));
  return {};
}

// Opens the file anew: the caller's descriptor may be writable, and the two would share a position.
Result<UniqueFd> open_image(const ProbeTarget& target) {
  TRY(const auto image, target.image->take());
  TRY_VOID(check_image(image.borrow(), target));
  UniqueFd reopened(::open(fmt::format("/proc/self/fd/{}", image.get()).c_str(), kOpenFlags));
  if (reopened.valid()) return reopened;
  const int error = errno;
  return fail_errno(error, errc_from_errno(error), "open {} once more", quote(target.path));
}

}  // namespace

Result<UniqueFd> open_for_probe(const ProbeTarget& target) {
  return target.image ? open_image(target) : open_device(target);
}

}  // namespace airlock
