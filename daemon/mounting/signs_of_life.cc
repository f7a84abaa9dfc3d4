// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/signs_of_life.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <memory>

#include "lib/base/file_text.h"

namespace airlock {
namespace {

constexpr int kPatienceWithDevices = 5;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

std::string signs_of_work(pid_t driver, dev_t device) {
  std::string signs;
  if (device != 0)
    signs = file_text(fmt::format("/sys/dev/block/{}:{}/stat", major(device), minor(device)));
  if (driver > 0) signs += file_text(fmt::format("/proc/{}/io", driver));
  return signs;
}

bool waits_in_kernel(pid_t driver) {
  if (driver <= 0) return false;
  const std::string folder = fmt::format("/proc/{}/task", driver);
  const std::unique_ptr<DIR, CloseDirectory> tasks(::opendir(folder.c_str()));
  if (!tasks) return false;
  while (const dirent* entry = ::readdir(tasks.get())) {
    if (entry->d_name[0] == '.') continue;
    const std::string line = file_text(fmt::format("{}/{}/stat", folder, entry->d_name));
    const std::size_t name_end = line.rfind(')');
    if (name_end != std::string::npos && line.compare(name_end, 4, ") D ") == 0) return true;
  }
  return false;
}

std::chrono::milliseconds StallClock::stalled(Time now) {
  std::string signs = signs_of_work(driver_, device_);
  if (signs != last_) {
    last_ = std::move(signs);
    since_ = now;
  }
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(now - since_);
  return waits_in_kernel(driver_) ? time / kPatienceWithDevices : time;
}

}  // namespace airlock
