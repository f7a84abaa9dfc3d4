// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "daemon/mount/mount_session.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// The directory or file that a filesystem is mounted on, held by a descriptor from the moment it
// was named. Renaming it or replacing it with a symlink afterwards redirects nothing.
class MountPoint {
 public:
  static Result<MountPoint> pin(const std::string& path);
  // Takes one that the caller already holds; it must be a directory that still has a name.
  static Result<MountPoint> of_directory(BorrowedFd directory);

  [[nodiscard]] BorrowedFd descriptor() const { return fd_.borrow(); }
  // S_IFDIR or S_IFREG.
  [[nodiscard]] std::uint32_t file_type() const { return file_type_; }
  // The user's name for it; for messages only.
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  MountPoint(UniqueFd fd, std::uint32_t file_type, std::string path)
      : fd_(std::move(fd)), file_type_(file_type), path_(std::move(path)) {}
  UniqueFd fd_;
  std::uint32_t file_type_;
  std::string path_;
};

// A FUSE filesystem that this process attached, known by its mount descriptor and never by a path,
// so that undoing it can't hit another mount. Destroying the object detaches the mount unless
// keep() was called. Others handle the driver's process, and check what may be mounted where.
class Mount {
 public:
  static Result<Mount> attach(const MountRequest& request, BorrowedFd fuse_device,
                              BorrowedFd mount_point);
  Mount(Mount&&) = default;
  Mount& operator=(Mount&&) = delete;
  ~Mount();

  // Takes the mount out of the tree at once, even if it is in use, and closes the descriptor. Open
  // files keep the filesystem itself alive until they are closed. For fuseblk the last step waits
  // until the driver has answered or is gone.
  Result<void> unmount();
  // As unmount(), but first makes the kernel give up on the driver, so it never waits.
  Result<void> abandon();
  // The mount outlives this object.
  void keep() { fd_.reset(); }

  // Device number of the filesystem: for fuseblk the block device, else one with major 0.
  [[nodiscard]] Result<dev_t> device() const;
  // The first field of its line in mountinfo.
  [[nodiscard]] Result<std::uint64_t> id() const;
  [[nodiscard]] BorrowedFd descriptor() const { return fd_.borrow(); }

 private:
  explicit Mount(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace airlock
