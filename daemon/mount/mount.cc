// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/mount.h"
#include "daemon/mount/fuse_control.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <fstream>
#include <string_view>

#include "daemon/system/mount_table.h"
#include "lib/base/duplicate.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// Newer than the headers of Debian 12. Linux 6.6: fail instead of sharing an existing superblock.
constexpr unsigned kCreateExclusive = 8;

struct FlagPair {
  unsigned long mount_flag;
  unsigned attribute;
};
constexpr std::array kAttributes = {
    FlagPair{MS_RDONLY, MOUNT_ATTR_RDONLY},
    FlagPair{MS_NOSUID, MOUNT_ATTR_NOSUID},
    FlagPair{MS_NODEV, MOUNT_ATTR_NODEV},
    FlagPair{MS_NOEXEC, MOUNT_ATTR_NOEXEC},
    FlagPair{MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW},
    FlagPair{MS_NOATIME, MOUNT_ATTR_NOATIME},
    FlagPair{MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},
};

struct FlagName {
  unsigned long mount_flag;
  const char* name;
};
constexpr std::array kSuperblockFlags = {
    FlagName{MS_RDONLY, "ro"}, FlagName{MS_SYNCHRONOUS, "sync"}, FlagName{MS_DIRSYNC, "dirsync"}};

unsigned attributes_of(std::uint32_t mount_flags) {
  unsigned attributes = 0;
  for (const FlagPair& pair : kAttributes)
    if ((mount_flags & pair.mount_flag) != 0) attributes |= pair.attribute;
  return attributes;
}

// The kernel's messages in the log of this context, such as "e fuse: Bad value for 'fd'".
std::string kernel_says(BorrowedFd context) {
  std::string text;
  std::array<char, 512> line;
  for (;;) {
    const ssize_t size = ::read(context.get(), line.data(), line.size());
    if (size <= 0) return text;
    std::string_view entry(line.data(), static_cast<std::size_t>(size));
    if (entry.size() > 2 && entry[1] == ' ') entry.remove_prefix(2);
    while (!entry.empty() && entry.back() == '\n') entry.remove_suffix(1);
    text += text.empty() ? " (the kernel says " : ", ";
    text += quote(entry);
  }
}

// One filesystem context being filled in. Every refusal includes the kernel's message about it.
class Context {
 public:
  static Result<Context> open(const char* type) {
    UniqueFd fd(::fsopen(type, FSOPEN_CLOEXEC));
    const int error = errno;
    if (!fd.valid()) return fail_errno(error, errc_from_errno(error), "open a {} context", type);
    return Context(std::move(fd));
  }

  Result<void> set_flag(const std::string& key) {
    return call(FSCONFIG_SET_FLAG, key.c_str(), /*value=*/nullptr, key);
  }
  Result<void> set(const std::string& key, const std::string& value) {
    return call(FSCONFIG_SET_STRING, key.c_str(), value.c_str(), key);
  }
  Result<void> set_option(const std::string& option) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos) return set_flag(option);
    return set(option.substr(0, equals), option.substr(equals + 1));
  }

  // Fails instead of sharing an existing superblock.
  Result<void> create() {
    if (::fsconfig(fd_.get(), kCreateExclusive, /*key=*/nullptr, /*value=*/nullptr, 0) == 0)
      return {};
    // A kernel older than 6.6 refuses the command itself and leaves the context as it was.
    const bool old = errno == EOPNOTSUPP;
    if (old &&
        ::fsconfig(fd_.get(), FSCONFIG_CMD_CREATE, /*key=*/nullptr, /*value=*/nullptr, 0) == 0)
      return {};
    return refused(errno, "create the filesystem");
  }

  Result<UniqueFd> mount(unsigned attributes) {
    UniqueFd mount(::fsmount(fd_.get(), FSMOUNT_CLOEXEC, attributes));
    if (!mount.valid()) return std::unexpected(refused(errno, "make the mount").error());
    return mount;
  }

 private:
  explicit Context(UniqueFd fd) : fd_(std::move(fd)) {}

  Result<void> call(fsconfig_command command, const char* key, const char* value,
                    const std::string& name) {
    if (::fsconfig(fd_.get(), command, key, value, 0) == 0) return {};
    return refused(errno, "set " + quote(name));
  }
  Result<void> refused(int error, std::string_view step) {
    return fail_errno(error, errc_from_errno(error), "{}{}", step, kernel_says(fd_.borrow()));
  }

  UniqueFd fd_;
};

Result<void> configure(Context& context, const MountRequest& request, BorrowedFd fuse_device) {
  TRY_VOID(context.set("source", request.source));
  for (const std::string& option : request.options) TRY_VOID(context.set_option(option));
  for (const FlagName& flag : kSuperblockFlags)
    if ((request.flags & flag.mount_flag) != 0) TRY_VOID(context.set_flag(flag.name));
  TRY_VOID(context.set("subtype", request.subtype));
  // Ours come last, so that nothing a driver asked for can replace them.
  TRY_VOID(context.set("fd", fmt::format("{}", fuse_device.get())));
  TRY_VOID(context.set("rootmode", fmt::format("{:o}", request.root_mode & S_IFMT)));
  TRY_VOID(context.set("user_id", fmt::format("{}", request.user)));
  TRY_VOID(context.set("group_id", fmt::format("{}", request.group)));
  return {};
}

// The kernel's number for this mount; asks the mount, not the driver behind it.
Result<int> mount_id(BorrowedFd mount) {
  std::ifstream info(fmt::format("/proc/self/fdinfo/{}", mount.get()));
  for (std::string line; std::getline(info, line);) {
    constexpr std::string_view kKey = "mnt_id:\t";
    int id = 0;
    if (!line.starts_with(kKey)) continue;
    const char* begin = line.data() + kKey.size();
    if (std::from_chars(begin, line.data() + line.size(), id).ec == std::errc{}) return id;
  }
  return fail(Errc::kSystem, "find the mount's number in /proc");
}

}  // namespace

Result<MountPoint> MountPoint::pin(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  int error = errno;
  if (!fd.valid()) return fail_errno(error, errc_from_errno(error), "mount point {}", quote(path));
  struct stat info = {};
  if (::fstat(fd.get(), &info) != 0) {
    error = errno;
    return fail_errno(error, errc_from_errno(error), "mount point {}", quote(path));
  }
  if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
    return fail(Errc::kInvalidArgument, "mount point {} is neither a directory nor a file",
                quote(path));
  return MountPoint(std::move(fd), info.st_mode & S_IFMT, path);
}

Result<MountPoint> MountPoint::of_directory(BorrowedFd directory) {
  struct stat info = {};
  TRY(auto own, duplicate(directory));
  if (::fstat(own.get(), &info) != 0)
    return fail_errno(errno, Errc::kSystem, "look at the mount point");
  if (!S_ISDIR(info.st_mode))
    return fail(Errc::kInvalidArgument, "the mount point is not a folder");
  if (info.st_nlink == 0) return fail(Errc::kNotFound, "the mount point was removed");
  std::array<char, PATH_MAX> path{};
  const std::string link = fmt::format("/proc/self/fd/{}", own.get());
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size() - 1);
  if (length <= 0 || path[0] != '/')
    return fail(Errc::kUnsupported, "the mount point has no name here");
  return MountPoint(std::move(own), S_IFDIR,
                    std::string(path.data(), static_cast<std::size_t>(length)));
}

Result<Mount> Mount::attach(const MountRequest& request, BorrowedFd fuse_device,
                            BorrowedFd mount_point) {
  TRY(auto context, Context::open(request.block ? "fuseblk" : "fuse"));
  TRY_VOID(configure(context, request, fuse_device));
  TRY_VOID(context.create());
  TRY(auto mount, context.mount(attributes_of(request.flags)));
  if (::move_mount(mount.get(), "", mount_point.get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    const int error = errno;
    return fail_errno(error, errc_from_errno(error), "put the mount in its place");
  }
  return Mount(std::move(mount));
}

Mount::~Mount() {
  if (!fd_.valid()) return;
  if (auto done = unmount(); !done)
    log(LogLevel::kError, "left a mount behind: {}", done.error().message());
}

Result<void> Mount::unmount() {
  if (!fd_.valid()) return fail(Errc::kInvalidArgument, "the mount is not ours any more");
  const UniqueFd mount = std::move(fd_);
  // The magic link leads to exactly this mount, whatever was mounted over it or moved since.
  // Without MNT_DETACH our own descriptor would make the mount busy.
  const std::string link = fmt::format("/proc/self/fd/{}", mount.get());
  if (::umount2(link.c_str(), MNT_DETACH) == 0) return {};
  const int error = errno;
  // EINVAL: no longer in the tree, so somebody unmounted it before us.
  if (error == EINVAL) return {};
  return fail_errno(error, errc_from_errno(error), "detach the mount");
}

Result<void> Mount::abandon() {
  auto where = device();
  auto aborted = where ? FuseControl().abort(*where) : std::unexpected(where.error());
  if (!aborted) log(LogLevel::kDebug, "{}", aborted.error().message());
  return unmount();
}

Result<std::uint64_t> Mount::id() const {
  TRY(const int id, mount_id(fd_.borrow()));
  return static_cast<std::uint64_t>(id);
}

Result<dev_t> Mount::device() const {
  TRY(const int id, mount_id(fd_.borrow()));
  TRY(const auto entries, read_mount_table("/proc/self/mountinfo"));
  for (const MountEntry& entry : entries)
    if (entry.id == id) return entry.device;
  return fail(Errc::kNotFound, "mount {} is not in the mount table", id);
}

}  // namespace airlock
