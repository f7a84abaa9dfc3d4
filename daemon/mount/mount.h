// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "daemon/mount/mount_session.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The directory or file a filesystem is to appear on, held by descriptor from the moment it was
// named: whoever renames it or puts a symlink in its place afterwards redirects nothing.
class MountPoint {
 public:
  static Result<MountPoint> pin(const std::string& path);
  // What somebody else holds already; must be a directory that still has a name.
  static Result<MountPoint> of_directory(BorrowedFd directory);

  [[nodiscard]] BorrowedFd descriptor() const { return fd_.borrow(); }
  // S_IFDIR or S_IFREG.
  [[nodiscard]] std::uint32_t file_type() const { return file_type_; }
  // What the user called it; for messages only.
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  MountPoint(UniqueFd fd, std::uint32_t file_type, std::string path)
      : fd_(std::move(fd)), file_type_(file_type), path_(std::move(path)) {}
  UniqueFd fd_;
  std::uint32_t file_type_;
  std::string path_;
};

// A FUSE filesystem this process attached, known by its mount descriptor and never by a path, so
// that undoing it can hit no other mount. Destroying the object detaches the mount unless keep()
// was called. The driver's process is somebody else's business; so is every check of what may be
// mounted where.
class Mount {
 public:
  static Result<Mount> attach(const MountRequest& request, BorrowedFd fuse_device,
                              BorrowedFd mount_point);
  Mount(Mount&&) = default;
  Mount& operator=(Mount&&) = delete;
  ~Mount();

  // Takes the mount out of the tree at once, whoever still uses it, and gives the descriptor up.
  // Open files keep the filesystem itself alive until they are closed. For fuseblk the last step
  // waits until the driver has answered or is gone.
  Result<void> unmount();
  // As unmount(), but tells the kernel first to give up on the driver, so it never waits.
  Result<void> abandon();
  // The mount outlives this object.
  void keep() { fd_.reset(); }

  // Device number of the filesystem: for fuseblk the block device, else one of major 0.
  [[nodiscard]] Result<dev_t> device() const;
  // The first field of its line in mountinfo.
  [[nodiscard]] Result<std::uint64_t> id() const;
  [[nodiscard]] BorrowedFd descriptor() const { return fd_.borrow(); }

 private:
  explicit Mount(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace airlock
