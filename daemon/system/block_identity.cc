// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/block_identity.h"

#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>

#include "lib/base/text.h"

namespace airlock {
namespace {

// BLKGETDISKSEQ of Linux 5.15, which older headers lack.
constexpr unsigned long kGetDiskSequence = _IOR(0x12, 128, std::uint64_t);

}  // namespace

std::uint64_t disk_sequence_of(BorrowedFd device) {
  std::uint64_t sequence = 0;
  return ::ioctl(device.get(), kGetDiskSequence, &sequence) == 0 ? sequence : 0;
}

Result<void> require_block_device(BorrowedFd device, const BlockIdentity& meant,
                                  const std::string& shown) {
  struct stat info = {};
  if (::fstat(device.get(), &info) != 0) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "look at {}", quote(shown));
  }
  if (!S_ISBLK(info.st_mode) || info.st_rdev != meant.number)
    return fail(Errc::kNotFound, "{} is another device now", quote(shown));
  const std::uint64_t sequence = disk_sequence_of(device);
  if (sequence != 0 && meant.disk_sequence != 0 && sequence != meant.disk_sequence)
    return fail(Errc::kNotFound, "{} holds another medium now", quote(shown));
  return {};
}

}  // namespace airlock
