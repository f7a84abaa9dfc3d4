// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/fuse_control.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>

#include "lib/base/c_ptr.h"
#include "lib/base/number.h"

namespace airlock {
namespace {

constexpr unsigned kMinorBits = 20;  // of a device number, inside the kernel

}  // namespace

Result<void> FuseControl::open() {
  if (root_.valid()) return {};
  const UniqueFd context(::fsopen("fusectl", FSOPEN_CLOEXEC));
  if (!context.valid()) return fail_errno(errno, Errc::kSystem, "open the control of FUSE");
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, /*key=*/nullptr, /*value=*/nullptr, 0) != 0)
    return fail_errno(errno, Errc::kSystem, "make the control of FUSE");
  root_ = UniqueFd(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                             MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!root_.valid()) return fail_errno(errno, Errc::kSystem, "mount the control of FUSE");
  return {};
}

Result<UniqueFd> FuseControl::open_file(dev_t filesystem, const char* name, int flags) {
  TRY_VOID(open());
  const auto number =
      (static_cast<std::uint64_t>(major(filesystem)) << kMinorBits) | minor(filesystem);
  const std::string path = fmt::format("{}/{}", number, name);
  UniqueFd file(::openat(root_.get(), path.c_str(), flags | O_CLOEXEC));
  if (!file.valid()) return fail_errno(errno, Errc::kNotFound, "FUSE connection {}", number);
  return file;
}

std::vector<dev_t> FuseControl::connections() {
  std::vector<dev_t> found;
  if (!open()) return found;
  UniqueFd again(::openat(root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const CPtr<DIR, ::closedir> stream(again.valid() ? ::fdopendir(again.get()) : nullptr);
  if (!stream) return found;
  (void)again.release();  // the stream closes it
  while (const dirent* entry = ::readdir(stream.get()))
    if (const auto number = parse_number<std::uint64_t>(static_cast<const char*>(entry->d_name)))
      found.push_back(makedev(static_cast<unsigned>(*number >> kMinorBits),
                              static_cast<unsigned>(*number) & ((1U << kMinorBits) - 1)));
  return found;
}

std::optional<unsigned long> FuseControl::waiting(dev_t filesystem) {
  const auto file = open_file(filesystem, "waiting", O_RDONLY);
  if (!file) return std::nullopt;
  std::array<char, 32> text{};
  const ssize_t length = ::read(file->get(), text.data(), text.size());
  unsigned long count = 0;
  if (length <= 0 || std::from_chars(text.data(), text.data() + length, count).ec != std::errc{})
    return std::nullopt;
  return count;
}

Result<void> FuseControl::abort(dev_t filesystem) {
  TRY(const auto file, open_file(filesystem, "abort", O_WRONLY));
  if (::write(file.get(), "1", 1) != 1)
    return fail_errno(errno, Errc::kSystem, "abort a FUSE connection");
  return {};
}

}  // namespace airlock
