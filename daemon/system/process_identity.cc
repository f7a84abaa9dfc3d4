// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/system/process_identity.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <sstream>

#include "lib/base/file_text.h"

namespace airlock {
namespace {

// "Uid:\treal\teffective\tsaved\tfilesystem". The owner of /proc/PID would be quicker, but is root
// for processes that are not dumpable, such as drivers.
std::optional<uid_t> effective_user(const std::string& status) {
  const std::size_t at = status.find("\nUid:");
  if (at == std::string::npos) return std::nullopt;
  std::istringstream words(status.substr(at + 5));
  uid_t real = 0;
  uid_t effective = 0;
  if (!(words >> real >> effective)) return std::nullopt;
  return effective;
}

bool has_ended(BorrowedFd life) {
  pollfd wait = {.fd = life.get(), .events = POLLIN, .revents = 0};
  return ::poll(&wait, 1, /*timeout=*/0) != 0;
}

}  // namespace

std::uint64_t start_from_stat(std::string_view text) {
  // The name is in parentheses and may contain spaces and parentheses itself.
  const std::size_t behind_name = text.rfind(')');
  if (behind_name == std::string_view::npos) return 0;
  std::istringstream words{std::string(text.substr(behind_name + 1))};
  std::string word;
  constexpr int kFieldsBefore = 19;  // 3 to 21
  for (int i = 0; i < kFieldsBefore; ++i) {
    if (!(words >> word)) return 0;
    if (i == 0 && (word == "Z" || word == "X")) return 0;
  }
  std::uint64_t start = 0;
  return words >> start ? start : 0;
}

Result<ProcessIdentity> identify_process(pid_t pid, const std::string& proc) {
  const std::string folder = fmt::format("{}/{}", proc, pid);
  const std::uint64_t start = start_from_stat(file_text(folder + "/stat"));
  const auto user = effective_user(file_text(folder + "/status"));
  if (pid <= 0 || start == 0 || !user) return fail(Errc::kNotFound, "no process {}", pid);
  return ProcessIdentity{.pid = pid, .start = start, .user = *user};
}

Result<UniqueFd> open_process(const ProcessIdentity& identity) {
  if (identity.pid <= 0) return fail(Errc::kNotFound, "no process {}", identity.pid);
  UniqueFd life(static_cast<int>(::syscall(SYS_pidfd_open, identity.pid, 0)));
  if (!life.valid()) {
    const int error = errno;
    return fail_errno(error, error == ESRCH ? Errc::kNotFound : Errc::kSystem, "open process {}",
                      identity.pid);
  }
  TRY(const ProcessIdentity now, identify_process(identity.pid));
  // If it is still alive after /proc was read, then its own entry was read.
  if (now != identity || has_ended(life.borrow()))
    return fail(Errc::kNotFound, "process {} is now another one", identity.pid);
  return life;
}

}  // namespace airlock
