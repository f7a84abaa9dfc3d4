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
// The kernel may take single pages from an idle driver, and give them back.
constexpr std::int64_t kFewPages = 32;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// The driver, and the program of the distribution that does its work, where there is one.
std::vector<pid_t> processes_of(pid_t driver) {
  if (driver <= 0) return {};
  std::vector<pid_t> processes{driver};
  std::istringstream children(file_text(fmt::format("/proc/{0}/task/{0}/children", driver)));
  // The sandbox allows no more than one; a driver that was taken over makes no work for us.
  constexpr std::size_t kMostProcesses = 4;
  for (pid_t child = 0; processes.size() < kMostProcesses && children >> child;)
    processes.push_back(child);
  return processes;
}

// The lines of /proc/PID/io with these names. Only those about storage: every answer of a driver is
// a write too.
std::string storage_lines(pid_t driver, std::initializer_list<std::string_view> names) {
  std::string lines;
  for (const pid_t process : processes_of(driver)) {
    const std::string io = file_text(fmt::format("/proc/{}/io", process));
    for (const std::string_view name : names)
      if (const std::size_t at = io.find(name); at != std::string::npos)
        lines += io.substr(at, io.find('\n', at) - at) + ' ';
  }
  return lines;
}

// What the device has finished, by the position of the number in its statistics. Other numbers grow
// while a request is merely under way.
enum Finished : std::size_t { kRead = 0, kWritten = 4, kDiscarded = 11, kFlushed = 15 };

std::string finished_requests(dev_t device, std::initializer_list<Finished> kinds) {
  std::istringstream numbers(
      file_text(fmt::format("/sys/dev/block/{}:{}/stat", major(device), minor(device))));
  const std::vector<std::string> words{std::istream_iterator<std::string>(numbers), {}};
  std::string found;
  for (const Finished at : kinds)  // Linux 4.18 has the third, 5.5 the last
    if (at < words.size()) found += words[at] + ' ';
  return found;
}

bool one_waits_in_kernel(pid_t process) {
  const std::string folder = fmt::format("/proc/{}/task", process);
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

}  // namespace

std::string signs_of_work(pid_t driver, dev_t device) {
  if (device == 0) return storage_lines(driver, {"\nread_bytes:", "\nwrite_bytes:"});
  return finished_requests(device, {kRead, kWritten, kDiscarded, kFlushed});
}

std::string signs_of_writing(pid_t driver, dev_t device) {
  if (device == 0) return storage_lines(driver, {"\nwrite_bytes:"});
  return finished_requests(device, {kWritten, kDiscarded, kFlushed});
}

bool waits_in_kernel(pid_t driver) {
  return std::ranges::any_of(processes_of(driver), one_waits_in_kernel);
}

MemorySign::Use MemorySign::look() const {
  Use use;
  for (const pid_t process : processes_of(driver_)) {
    const std::string line = file_text(fmt::format("/proc/{}/stat", process));
    // The name may contain anything; the state letter and numbers follow it.
    const std::size_t name_end = line.rfind(')');
    if (name_end == std::string::npos) continue;
    std::istringstream text(line.substr(name_end + 1));
    const std::vector<std::string> words{std::istream_iterator<std::string>(text), {}};
    constexpr std::size_t kMinorFaults = 7, kMajorFaults = 9, kResident = 21;
    if (words.size() <= kResident) continue;
    const auto number = [&](std::size_t at) { return std::int64_t{std::atoll(words[at].c_str())}; };
    use.faults += number(kMinorFaults) + number(kMajorFaults);
    use.pages += number(kResident);
  }
  return use;
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
