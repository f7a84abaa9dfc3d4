// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/signs_of_life.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include "lib/base/file_text.h"

namespace airlock {
namespace {

constexpr int kPatienceWithSigns = 5;
// The kernel may take single pages from a driver that stands still, and give them back.
constexpr std::int64_t kFewPages = 32;

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

std::string signs_of_writing(pid_t driver, dev_t device) {
  if (device == 0) {
    const std::string io = driver > 0 ? file_text(fmt::format("/proc/{}/io", driver)) : "";
    const std::size_t at = io.find("wchar:");
    return at == std::string::npos ? "" : io.substr(at, io.find('\n', at) - at);
  }
  std::istringstream numbers(
      file_text(fmt::format("/sys/dev/block/{}:{}/stat", major(device), minor(device))));
  const std::vector<std::string> words{std::istream_iterator<std::string>(numbers), {}};
  // Requests: written, discarded (Linux 4.18), flushed (5.5).
  std::string signs;
  for (const std::size_t at : {4U, 11U, 15U})
    if (at < words.size()) signs += words[at] + ' ';
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

MemorySign::Use MemorySign::look() const {
  if (driver_ <= 0) return {};
  const std::string line = file_text(fmt::format("/proc/{}/stat", driver_));
  // After the name, which may hold anything, come numbers and the letter of the state.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream text(line.substr(name_end + 1));
  const std::vector<std::string> words{std::istream_iterator<std::string>(text), {}};
  constexpr std::size_t kMinorFaults = 7, kMajorFaults = 9, kResident = 21;
  if (words.size() <= kResident) return {};
  const auto number = [&](std::size_t at) { return std::int64_t{std::atoll(words[at].c_str())}; };
  return {.faults = number(kMinorFaults) + number(kMajorFaults), .pages = number(kResident)};
}

bool MemorySign::changed() {
  const Use now = look();
  const Use before = std::exchange(last_, now);
  return now.faults - before.faults > kFewPages || std::abs(now.pages - before.pages) > kFewPages;
}

std::chrono::milliseconds StallClock::stalled(Time now) {
  std::string signs = signs_of_work(driver_, device_);
  if (signs != last_) {
    last_ = std::move(signs);
    since_ = now;
  }
  std::string written = signs_of_writing(driver_, device_);
  if (written != last_written_) {
    last_written_ = std::move(written);
    wrote_ = now;
  }
  const auto since = [now](Time then) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - then);
  };
  const bool alive = memory_.changed() || waits_in_kernel(driver_);
  return std::max(alive ? since(since_) / kPatienceWithSigns : since(since_),
                  since(wrote_) / kPatienceWithSigns);
}

}  // namespace airlock
