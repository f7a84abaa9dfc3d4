// SPDX-License-Identifier: GPL-2.0-or-later
#include "session.h"

#include <fcntl.h>

#include <sys/stat.h>

#include <cerrno>

namespace airlock::test {

OpResult from_call(long result) {
  return result < 0 ? OpResult{.error = errno} : OpResult{};
}

void touch_if_cut_to_its_size(int file, const char* path, const struct stat& before, off_t size) {
  if (!S_ISREG(before.st_mode) || before.st_size != size) return;
  const std::array<timespec, 2> times = {
      {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = 0, .tv_nsec = UTIME_NOW}}};
  (void)utimensat(file, path, times.data(), *path == '\0' ? AT_EMPTY_PATH : 0);
}

int Session::descriptor(const OpLine& line, std::size_t index) const {
  return slots_.at(line.size(index)).get();  // an empty slot is -1 and gives EBADF on both sides
}

UniqueFd& Session::slot(const OpLine& line, std::size_t index) {
  return slots_.at(line.size(index));
}

void Session::remember_preallocated(int descriptor) {
  struct stat status{};
  if (fstat(descriptor, &status) == 0) preallocated_.insert(status.st_ino);
}

bool Session::is_preallocated(int descriptor) const {
  struct stat status{};
  return fstat(descriptor, &status) == 0 && preallocated_.contains(status.st_ino);
}

Operation find_operation(const std::string& name) {
  const Operation found = find_name_operation(name);
  return found != nullptr ? found : find_file_operation(name);
}

}  // namespace airlock::test
