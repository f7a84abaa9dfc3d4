// SPDX-License-Identifier: GPL-2.0-or-later
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

#include "contained/hostile/attack_result.h"

namespace airlock::hostile {

// The control run happens in a mount namespace of its own, so these may really do it.
int mount_something(const Targets&) {
  return won_if(::mount("airlock-hostile", "/", "tmpfs", 0, "size=4k") == 0);
}

int unmount_something(const Targets&) {
  if (::umount2("/proc", MNT_DETACH) == 0) return 0;
  return won_if(::umount2("/", MNT_DETACH) == 0);
}

int open_filesystem(const Targets&) {
  return won_if(::fsopen("tmpfs", FSOPEN_CLOEXEC) >= 0);
}

int new_mount_namespace(const Targets&) {
  return won_if(::unshare(CLONE_NEWNS) == 0);
}

int new_user_namespace(const Targets&) {
  return won_if(::unshare(CLONE_NEWUSER) == 0);
}

int join_namespace(const Targets&) {
  const long self = ::syscall(SYS_pidfd_open, ::getpid(), 0);
  if (self < 0) return lost();
  return won_if(::setns(static_cast<int>(self), CLONE_NEWUTS) == 0);
}

int set_host_name(const Targets&) {
  constexpr std::string_view kName = "hostile";
  return won_if(::sethostname(kName.data(), kName.size()) == 0);
}

}  // namespace airlock::hostile
