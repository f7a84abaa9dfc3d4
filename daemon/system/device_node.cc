// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/device_node.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

constexpr std::size_t kMostPathBytes = 4096;

}  // namespace

dev_t block_device_named(const std::string& path, const std::string& dev) {
  const bool below = path.size() < kMostPathBytes && path.starts_with(dev + "/");
  if (!below || path.find('\0') != std::string::npos) return 0;
  const UniqueFd folder(::open(dev.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
  const std::string rest = path.substr(dev.size() + 1);
  const UniqueFd found(
      static_cast<int>(::syscall(SYS_openat2, folder.get(), rest.c_str(), &how, sizeof how)));
  struct stat info = {};
  if (!found.valid() || ::fstat(found.get(), &info) != 0 || !S_ISBLK(info.st_mode)) return 0;
  return info.st_rdev;
}

}  // namespace airlock
