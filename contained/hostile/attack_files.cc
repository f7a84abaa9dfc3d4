// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <new>

#include "contained/hostile/attack_result.h"

namespace airlock::hostile {
namespace {

// Not there before, not there after, whoever runs this.
constexpr const char* kNewPath = "/tmp/airlock-hostile-attack";

int with_new_path(bool made) {
  const int outcome = won_if(made);
  if (made) ::unlink(kNewPath);
  return outcome;
}

}  // namespace

int open_path(const Targets&) {
  return won_if(::open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
}

int open_proc(const Targets&) {
  return won_if(::open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0);
}

int create_file(const Targets&) {
  if (with_new_path(::open(kNewPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) >= 0) == 0)
    return 0;
  // The root has no /tmp any more: perhaps there is room in the root itself.
  return won_if(::open("/airlock-hostile-attack", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
}

int make_node(const Targets&) {
  return with_new_path(::mknod(kNewPath, S_IFCHR | 0600, makedev(1, 1)) == 0);
}

int make_link(const Targets&) {
  return with_new_path(::symlink("/etc/passwd", kNewPath) == 0);
}

int open_by_handle(const Targets&) {
  alignas(file_handle) std::array<std::byte, sizeof(file_handle) + MAX_HANDLE_SZ> space{};
  auto* const handle = new (space.data()) file_handle{};
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(AT_FDCWD, "/", handle, &mount, 0) != 0) return lost();
  const int root = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return lost();
  return won_if(::open_by_handle_at(root, handle, O_RDONLY | O_CLOEXEC) >= 0);
}

int watch_root(const Targets&) {
  const int watch = ::inotify_init1(IN_CLOEXEC);
  if (watch < 0) return lost();
  return won_if(::inotify_add_watch(watch, "/", IN_ALL_EVENTS) >= 0);
}

int change_root(const Targets&) {
  return won_if(::chroot("/") == 0);
}

int anonymous_file(const Targets&) {
  return won_if(::memfd_create("airlock-hostile", MFD_CLOEXEC) >= 0);
}

int other_ioctl(const Targets&) {
  int waiting = 0;
  return won_if(::ioctl(kControlDescriptor, FIONREAD, &waiting) == 0);
}

int look_at_descriptor(const Targets&) {
  struct stat status{};
  return won_if(::fstat(STDIN_FILENO, &status) == 0);
}

// For whoever is started next.
int share_descriptor(const Targets&) {
  return won_if(::fcntl(kControlDescriptor, F_SETFD, 0) == 0);
}

}  // namespace airlock::hostile
