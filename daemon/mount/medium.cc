// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/medium.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include "daemon/system/block_identity.h"
#include "daemon/system/busy_processes.h"
#include "daemon/system/medium_memory.h"
#include "lib/base/duplicate.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// The name without symlinks: a mount table should not show /dev/disk/by-label/STICK or a relative
// path.
Result<std::string> full_path(const std::string& path) {
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  const std::unique_ptr<char, Free> resolved(::realpath(path.c_str(), /*resolved=*/nullptr));
  if (resolved) return std::string(resolved.get());
  const int error = errno;
  return fail_errno(error, errc_from_errno(error), "{}", quote(path));
}

bool means_write_protected(int error) {
  // EPERM: a file marked immutable.
  return error == EROFS || error == EACCES || error == EPERM;
}

// The kernel's current name for the file behind a descriptor; empty if it has none.
std::string real_path(BorrowedFd fd) {
  std::array<char, PATH_MAX> name{};
  const std::string link = fmt::format("/proc/self/fd/{}", fd.get());
  const ssize_t length = ::readlink(link.c_str(), name.data(), name.size());
  return length > 0 ? std::string(name.data(), static_cast<std::size_t>(length)) : "";
}

int access_flags(MediumAccess access) {
  return access == MediumAccess::kReadWrite ? O_RDWR : O_RDONLY;
}

}  // namespace

Result<Medium> Medium::find(const std::string& path, MediumAccess wanted) {
  TRY(auto resolved, full_path(path));
  UniqueFd found(::open(resolved.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  const int error = errno;
  if (!found.valid()) return fail_errno(error, errc_from_errno(error), "{}", quote(path));
  Medium medium(std::move(found), std::move(resolved));
  TRY_VOID(medium.examine(wanted));
  return medium;
}

Result<Medium> Medium::adopt(UniqueFd image, std::string shown, MediumAccess wanted) {
  Medium medium(std::move(image), std::move(shown));
  medium.adopted_ = true;
  TRY_VOID(medium.examine_adopted(wanted));
  return medium;
}

Result<void> Medium::examine_adopted(MediumAccess wanted) {
  struct stat info = {};
  const int flags = ::fcntl(found_.get(), F_GETFL);
  if (flags < 0 || ::fstat(found_.get(), &info) != 0)
    return fail_errno(errno, Errc::kInvalidArgument, "the descriptor of {}", quote(path_));
  const int access = flags & O_ACCMODE;
  if (!S_ISREG(info.st_mode))
    return fail(Errc::kInvalidArgument, "{} is not an image file", quote(path_));
  if ((flags & O_PATH) != 0 || access == O_WRONLY)
    return fail(Errc::kInvalidArgument, "{} was not opened for reading", quote(path_));
  size_ = static_cast<std::uint64_t>(info.st_size);
  if (size_ == 0) return fail(Errc::kInvalidArgument, "{} is empty", quote(path_));
  // A filesystem writes at positions, but with O_APPEND every write would go to the end.
  const bool writable = access == O_RDWR && (flags & O_APPEND) == 0;
  access_ = writable ? wanted : MediumAccess::kReadOnly;
  write_protected_ = wanted == MediumAccess::kReadWrite && !writable;
  return {};
}

Result<void> Medium::examine(MediumAccess wanted) {
  struct stat info = {};
  if (::fstat(found_.get(), &info) != 0)
    return fail_errno(errno, Errc::kSystem, "{}", quote(path_));
  if (!S_ISBLK(info.st_mode) && !S_ISREG(info.st_mode))
    return fail(Errc::kInvalidArgument, "{} is neither a block device nor an image file",
                quote(path_));
  is_block_ = S_ISBLK(info.st_mode);
  device_ = is_block_ ? info.st_rdev : 0;
  size_ = static_cast<std::uint64_t>(info.st_size);
  access_ = wanted;

  TRY(auto look, open(O_RDONLY));
  int device_read_only = 0;
  if (is_block_ && (::ioctl(look.get(), BLKGETSIZE64, &size_) != 0 ||
                    ::ioctl(look.get(), BLKROGET, &device_read_only) != 0)) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "ask {} for its size", quote(path_));
  }
  if (size_ == 0) return fail(Errc::kInvalidArgument, "{} is empty", quote(path_));
  if (is_block_) disk_sequence_ = disk_sequence_of(look.borrow());
  if (wanted == MediumAccess::kReadOnly) return {};

  auto writable = device_read_only != 0 ? Result<UniqueFd>(fail(Errc::kReadOnly, "write-protected"))
                                        : open(O_RDWR);
  if (writable) return {};
  if (writable.error().code != Errc::kReadOnly) return std::unexpected(writable.error());
  access_ = MediumAccess::kReadOnly;
  write_protected_ = true;
  return {};
}

// Opens through the descriptor, so it is the object examined before. Needs /proc, and for a device
// the right to open it.
Result<UniqueFd> Medium::open(int flags) const {
  // Root opening it again could get more access than its owner gave us, so do that only to get
  // less.
  const bool writable = adopted_ && (::fcntl(found_.get(), F_GETFL) & O_ACCMODE) == O_RDWR;
  if (adopted_ && ((flags & O_ACCMODE) == O_RDWR || !writable)) return duplicate(found_.borrow());
  const std::string link = fmt::format("/proc/self/fd/{}", found_.get());
  UniqueFd fd(::open(link.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd.valid()) return fd;
  const int error = errno;
  if (error == ENOMEDIUM) return fail_errno(error, Errc::kNotFound, "{} is empty", quote(path_));
  const bool wants_write = (flags & O_ACCMODE) == O_RDWR;
  const Errc code =
      wants_write && means_write_protected(error) ? Errc::kReadOnly : errc_from_errno(error);
  return fail_errno(error, code, "open {}", quote(path_));
}

std::uint64_t Medium::memory_bytes() const {
  return read_only() ? 0 : memory_of_medium(found_.borrow());
}

Result<void> Medium::claim(MediumHold hold, const SystemView& view) {
  return is_block_ ? claim_device(hold, view) : claim_image(view);
}

Result<void> Medium::claim_device(MediumHold hold, const SystemView& view) {
  hold_ = hold;
  auto exclusive = open(access_flags(access_) | O_EXCL);
  if (!exclusive && exclusive.error().code == Errc::kBusy) {
    const auto users = users_of_device(device_, view);
    return busy(users.empty() ? users_elsewhere(view) : users);
  }
  if (!exclusive) return std::unexpected(std::move(exclusive).error());
  // For fuseblk the kernel makes its own claim when it mounts; an exclusive descriptor of ours
  // would then block it, see yield_to_kernel().
  held_ = std::move(*exclusive);
  held_access_ = access_;
  return {};
}

void Medium::yield_to_kernel() {
  if (hold_ == MediumHold::kKernel) held_.reset();
}

BorrowedFd Medium::exclusive() const {
  return hold_ == MediumHold::kKernel ? held_.borrow() : BorrowedFd{-1};
}

ImageUse Medium::image_use(const SystemView& view) const {
  struct stat info = {};
  if (::fstat(found_.get(), &info) != 0) return {};
  return users_of_image(adopted_ ? real_path(found_.borrow()) : path_, info.st_uid, view);
}

Result<void> Medium::claim_image(const SystemView& view) {
  const ImageUse use = image_use(view);
  if (!use.users.empty() && (use.may_write || !read_only())) return busy(use.users);
  return hold(access_);
}

Result<void> Medium::hold(MediumAccess access) {
  // The owner of an adopted descriptor keeps a copy open, and with it the lock, which would block
  // us.
  if (held_.valid() && adopted_) (void)::flock(held_.get(), LOCK_UN);
  held_.reset();
  TRY(held_, open(access_flags(access) | (is_block_ ? O_EXCL : 0)));
  held_access_ = access;
  if (is_block_) return {};
  // The lock belongs to the open file, so it stays as long as the driver keeps its copy.
  const int lock = access == MediumAccess::kReadWrite ? LOCK_EX : LOCK_SH;
  if (::flock(held_.get(), lock | LOCK_NB) == 0) return {};
  const int error = errno;
  if (error == EWOULDBLOCK) return busy(image_use({}).users);
  return fail_errno(error, errc_from_errno(error), "lock {}", quote(path_));
}

Result<UniqueFd> Medium::descriptor(MediumAccess access) {
  if (access == MediumAccess::kReadWrite && read_only())
    return fail_errno(EROFS, Errc::kReadOnly, "{} is to be read only", quote(path_));
  if (hold_ == MediumHold::kKernel) return open(access_flags(access));
  if (!held_.valid() || held_access_ != access) TRY_VOID(hold(access));
  return duplicate(held_.borrow());
}

// A fuseblk mount has the number of its device, even if only another mount namespace contains it.
std::vector<std::string> Medium::users_elsewhere(const SystemView& view) const {
  std::vector<std::string> users;
  for (const BusyProcess& process :
       find_namespaces_with_copies({.mount_point = "", .mount_id = 0, .filesystem = device_}, view))
    users.push_back(fmt::format("mounted on {} in the mount namespace of {} (pid {})",
                                quote(process.path), quote(process.name), process.pid));
  return users;
}

std::unexpected<Error> Medium::busy(const std::vector<std::string>& users) const {
  if (users.empty())
    return fail(Errc::kBusy, "{} is in use by another program or mount", quote(path_));
  return fail(Errc::kBusy, "{} is in use: {}", quote(path_), join_phrases(users));
}

}  // namespace airlock
