// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/worker_cgroup.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/launch/group_home.h"
#include "daemon/system/directory_entries.h"
#include "lib/base/file_text.h"
#include "lib/base/number.h"

namespace airlock {
namespace {

constexpr std::string_view kPrefix = "worker-";
constexpr std::size_t kDigits = 16;

bool is_worker_group(std::string_view name) {
  if (!name.starts_with(kPrefix) || name.size() != kPrefix.size() + kDigits) return false;
  return parse_number<std::uint64_t>(name.substr(kPrefix.size()), 0, UINT64_MAX, 16).has_value();
}

std::optional<std::string> new_name() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number))
    return std::nullopt;
  return fmt::format("{}{:0{}x}", kPrefix, number, kDigits);
}

std::string last_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

UniqueFd open_home(const GroupFolder& home) {
  return UniqueFd(::open(home.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// Other starters hold it exclusively only during a sweep. Without the lock we go on all the same.
void share(BorrowedFd folder) {
  constexpr int kAttempts = 50;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (::flock(folder.get(), LOCK_SH | LOCK_NB) == 0) return;
    ::usleep(1'000);
  }
}

// Removes groups of workers whose end none of us has seen. The kernel keeps every group that has a
// process in it; the lock keeps one that a starter is still filling.
void sweep(const GroupFolder& home, BorrowedFd folder) {
  if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) return;
  for (const auto& entry : entries_of(home.path))
    if (is_worker_group(entry.filename().string())) (void)::rmdir(entry.c_str());
}

}  // namespace

WorkerCgroup& WorkerCgroup::operator=(WorkerCgroup&& other) noexcept {
  if (this == &other) return *this;
  remove();
  folders_ = std::move(other.folders_);
  locks_ = std::move(other.locks_);
  other.folders_.clear();
  return *this;
}

WorkerCgroup::~WorkerCgroup() {
  remove();
}

void WorkerCgroup::remove() noexcept {
  for (const GroupFolder& folder : folders_) (void)::rmdir(folder.path.c_str());
  folders_.clear();
  locks_.clear();
}

WorkerCgroup WorkerCgroup::make(const SandboxLimits& limits) {
  WorkerCgroup group;
  const auto name = new_name();
  if (!name) return group;
  for (const GroupFolder& home : worker_group_homes(GroupSystem::of_this_machine())) {
    UniqueFd folder = open_home(home);
    if (!folder.valid()) continue;
    sweep(home, folder.borrow());
    share(folder.borrow());
    GroupFolder made = {.path = fmt::format("{}/{}", home.path, *name), .unified = home.unified};
    // A group that exists already is somebody else's, whatever is in it.
    if (::mkdir(made.path.c_str(), 0755) != 0) continue;
    if (!set_group_limits(made, limits)) {
      (void)::rmdir(made.path.c_str());
      continue;
    }
    group.folders_.push_back(std::move(made));
    group.locks_.push_back(std::move(folder));
  }
  return group;
}

WorkerCgroup WorkerCgroup::of(pid_t worker) {
  WorkerCgroup group;
  const std::string text = file_text(fmt::format("/proc/{}/cgroup", worker));
  // Most processes are in no worker's group, and then the mounts do not matter.
  if (text.find(kPrefix) == std::string::npos) return group;
  group.folders_ = folders_of(text, GroupSystem::of_this_machine().mounts);
  std::erase_if(group.folders_,
                [](const GroupFolder& folder) { return !is_worker_group(last_name(folder.path)); });
  return group;
}

void WorkerCgroup::admit(pid_t worker) {
  const std::string text = std::to_string(worker);
  std::erase_if(folders_, [&](const GroupFolder& folder) {
    if (write_group_file(folder, "cgroup.procs", text)) return false;
    (void)::rmdir(folder.path.c_str());
    return true;
  });
  locks_.clear();
}

std::optional<std::uint64_t> WorkerCgroup::kills_for_memory() const {
  for (const GroupFolder& folder : folders_)
    if (const auto kills = memory_kills(folder)) return kills;
  return std::nullopt;
}

}  // namespace airlock
