// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/mounter.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <utility>

#include "lib/base/duplicate.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {

Mounter::Mounter(Medium& medium, const MountPoint& mount_point, const MounterOptions& options)
    : medium_(medium), mount_point_(mount_point), options_(options) {
  // Set-uid files and device nodes on removable media have no meaning here.
  options_.flags |= MS_NOSUID | MS_NODEV;
  if (medium_.read_only()) options_.flags |= MS_RDONLY;
}

Result<UniqueFd> Mounter::open_fuse_device() {
  UniqueFd fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  const int error = errno;
  if (!fd.valid())
    return fail_errno(error, errc_from_errno(error), "open /dev/fuse (is FUSE in this kernel?)");
  if (options_.keeps_lifeline) {
    TRY(lifeline_.fuse_device, duplicate(fd.borrow()));
  }
  return fd;
}

Result<UniqueFd> Mounter::open_live_state() {
  TRY(lifeline_.live_state, make_live_state());
  return duplicate(lifeline_.live_state.borrow());
}

Lifeline Mounter::take_lifeline() {
  return lifeline_.holds() ? std::exchange(lifeline_, {}) : Lifeline{};
}

Result<UniqueFd> Mounter::open_medium(std::uint32_t open_flags, bool block_device_only,
                                      std::uint32_t block_size) {
  if (block_device_only && !medium_.is_block())
    return fail_errno(ENOTBLK, Errc::kInvalidArgument, "{} is not a block device",
                      quote(medium_.path()));
  const bool writes = (open_flags & O_ACCMODE) != O_RDONLY;
  TRY(auto fd, medium_.descriptor(writes ? MediumAccess::kReadWrite : MediumAccess::kReadOnly));
  if (!block_device_only || block_size == 0) return fd;
  // BLKBSZSET takes a pointer to int, although its number was made from size_t.
  const int size = static_cast<int>(block_size);
  // Without an exclusive descriptor the kernel would make a claim of its own, which ours blocks.
  const BorrowedFd ours = medium_.exclusive();
  if (::ioctl(ours.valid() ? ours.get() : fd.get(), BLKBSZSET, &size) == 0) return fd;
  const int error = errno;
  return fail_errno(error, errc_from_errno(error), "set the block size of {} to {}",
                    quote(medium_.path()), block_size);
}

Result<std::uint32_t> Mounter::pin_mount_point() {
  return mount_point_.file_type();
}

Result<void> Mounter::attach(const MountRequest& request, BorrowedFd fuse_device) {
  if (mount_) return fail_errno(EBUSY, Errc::kAlreadyMounted, "this session has its mount");
  // The driver's descriptor keeps nobody away, and ours ends with this process; then the kernel
  // could mount the device a second time.
  if (!request.block && medium_.exclusive().valid())
    return fail_errno(EPERM, Errc::kNotPermitted,
                      "the driver wants to serve {} without the kernel's claim on it",
                      quote(medium_.path()));
  MountRequest decided = request;
  decided.source = medium_.path();
  // Mount tables then show "fuseblk.airlock.ext4": contained, and by which program.
  decided.subtype = "airlock." + request.subtype;
  decided.flags |= options_.flags;
  decided.root_mode = mount_point_.file_type();
  // Nothing may come between this and the kernel's own claim.
  if (decided.block) medium_.yield_to_kernel();
  auto mount = Mount::attach(decided, fuse_device, mount_point_.descriptor());
  device_was_busy_ = !mount && decided.block && mount.error().cause.value() == EBUSY;
  if (!mount) return fail(std::move(mount), "mount {}", quote(medium_.path()));
  mount_.emplace(std::move(*mount));
  read_only_ = (decided.flags & MS_RDONLY) != 0;
  fuseblk_ = decided.block;
  if (!decided.block) return {};
  // The kernel looked the device up by its path again: make sure that it is the one we examined.
  auto device = mount_->device();
  if (device && *device == medium_.device()) return {};
  detach();
  if (!device) return std::unexpected(std::move(device).error());
  return fail_errno(ESTALE, Errc::kNotFound, "{} became another device", quote(medium_.path()));
}

void Mounter::detach() {
  if (!mount_) return;
  if (auto done = mount_->abandon(); !done)
    log(LogLevel::kError, "cannot detach the mount on {}: {}", quote(mount_point_.path()),
        done.error().message());
  mount_.reset();
}

void Mounter::keep() {
  if (mount_) mount_->keep();
}

bool kernel_has_filesystem(std::string_view type, const SystemView& view) {
  std::ifstream lines(view.proc + "/filesystems");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    std::string last;
    while (words >> word) last = word;
    if (last == type) return true;
  }
  return false;
}

}  // namespace airlock
