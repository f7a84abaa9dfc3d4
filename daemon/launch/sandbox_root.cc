// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "daemon/launch/sandbox_child.h"
#include "lib/base/sandbox_contract.h"

namespace airlock {
namespace {

// The places where the dynamic loader looks. A symbolic link outside becomes the same link inside.
// They are mounted read-only, without set-uid or devices, and are gone before the worker is given
// anything.
constexpr std::array kLibraryPlaces = {"/lib",       "/lib64",         "/usr/lib",
                                       "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"};

// The new root is built on this directory, in the worker's private copy of the mounts; any
// directory that exists everywhere would do.
constexpr const char* kBuildingSite = "/tmp";

int error_unless(bool worked) {
  return worked ? 0 : errno;
}

// Makes the parent directories of a place, relative to the new root. path starts with a slash.
int make_parents(const char* path) {
  std::array<char, PATH_MAX> parent{};
  const std::size_t length = std::strlen(path);
  for (std::size_t i = 1; i < length; ++i) {
    if (path[i] == '/' && ::mkdir(parent.data(), 0755) != 0 && errno != EEXIST) return errno;
    parent[i - 1] = path[i];
  }
  return 0;
}

int make_link(const char* path, const char* inside) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(path, target.data(), target.size() - 1);
  if (length < 0) return errno;
  return error_unless(::symlink(target.data(), inside) == 0);
}

int make_bind(const char* path, const char* inside, mode_t kind) {
  if (S_ISDIR(kind)) {
    if (::mkdir(inside, 0755) != 0 && errno != EEXIST) return errno;
  } else {
    const int file = ::open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (file < 0) return errno;
    ::close(file);
  }
  // Recursive, because in a user namespace the mounts below may be locked to it.
  if (::mount(path, inside, nullptr, MS_BIND | MS_REC, nullptr) != 0) return errno;
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  return error_unless(
      ::mount_setattr(AT_FDCWD, inside, AT_RECURSIVE, &attributes, sizeof attributes) == 0);
}

int make_library_place(const char* path) {
  struct stat outside{};
  if (::lstat(path, &outside) != 0) return errno == ENOENT ? 0 : errno;
  if (const int error = make_parents(path); error != 0) return error;
  const char* const inside = path + 1;
  return S_ISLNK(outside.st_mode) ? make_link(path, inside)
                                  : make_bind(path, inside, outside.st_mode);
}

// The later root: it is empty, and nothing can be put into it.
int make_empty_place() {
  if (::mkdir(kEmptyRootPlace + 1, 0555) != 0) return errno;
  return error_unless(::mount("airlock-empty", kEmptyRootPlace + 1, "tmpfs",
                              MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                              "size=4k,nr_inodes=2,mode=0555") == 0);
}

// Stacks the current directory over the root and detaches everything below, so that no path and no
// ".." leads there.
int make_current_directory_the_root() {
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno;
  if (::umount2(".", MNT_DETACH) != 0) return errno;
  return error_unless(::chdir("/") == 0);
}

int start_building() {
  // Mounts of ours must not show up outside, and new mounts outside must not show up here.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
  if (::mount("airlock-libraries", kBuildingSite, "tmpfs", MS_NOSUID | MS_NODEV,
              "size=64k,nr_inodes=64,mode=0755") != 0)
    return errno;
  if (::chdir(kBuildingSite) != 0) return errno;
  return make_empty_place();
}

int finish_building() {
  if (const int error = make_current_directory_the_root(); error != 0) return error;
  return error_unless(::mount(nullptr, "/", nullptr,
                              MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV,
                              nullptr) == 0);
}

}  // namespace

ChildOutcome enter_library_root() {
  if (const int error = start_building(); error != 0) return {ChildStep::kBuildRoot, error};
  for (const char* place : kLibraryPlaces)
    if (const int error = make_library_place(place); error != 0)
      return {ChildStep::kBindLibraries, error};
  return {ChildStep::kEnterRoot, finish_building()};
}

}  // namespace airlock
