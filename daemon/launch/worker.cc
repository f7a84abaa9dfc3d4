// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "lib/base/file_text.h"
#include "lib/base/log.h"

namespace airlock {
namespace {

constexpr std::chrono::milliseconds kEndGrace{5000};

// How often this machine has killed a process for lack of memory since it started. If a worker's
// group does not count that and the number grew, a SIGKILL that we did not send was most likely
// such a kill.
std::optional<unsigned long> machine_oom_kills() {
  const std::string text = file_text("/proc/vmstat");
  constexpr std::string_view kField = "\noom_kill ";
  const auto at = text.find(kField);
  if (at == std::string::npos) return std::nullopt;
  unsigned long count = 0;
  const char* const begin = text.data() + at + kField.size();
  if (std::from_chars(begin, text.data() + text.size(), count).ec != std::errc{})
    return std::nullopt;
  return count;
}

}  // namespace

Worker::Worker(Parts&& parts)
    : parts_(std::move(parts)), oom_kills_at_start_(machine_oom_kills()) {}

Worker::Worker(Worker&& other) noexcept
    : parts_(std::move(other.parts_)),
      last_lines_(std::move(other.last_lines_)),
      cause_(other.cause_),
      killed_by_us_(other.killed_by_us_),
      log_at_end_(other.log_at_end_),
      oom_kills_at_start_(other.oom_kills_at_start_) {}

Worker& Worker::operator=(Worker&& other) noexcept {
  if (this == &other) return *this;
  end();
  parts_ = std::move(other.parts_);
  last_lines_ = std::move(other.last_lines_);
  cause_ = other.cause_;
  killed_by_us_ = other.killed_by_us_;
  log_at_end_ = other.log_at_end_;
  oom_kills_at_start_ = other.oom_kills_at_start_;
  return *this;
}

Worker::~Worker() {
  end();
}

void Worker::end() noexcept {
  if (!parts_.life.valid()) return;
  if (!cause_) {
    kill();
    if (auto ended = wait(kEndGrace); !ended)
      airlock::log(LogLevel::kError, "worker {} would not end: {}", parts_.pid,
                   ended.error().message());
  }
  parts_.life.reset();
}

void Worker::terminate() {
  if (cause_ || !parts_.life.valid()) return;
  (void)::syscall(SYS_pidfd_send_signal, parts_.life.get(), SIGTERM, nullptr, 0);
}

void Worker::kill() {
  if (cause_ || !parts_.life.valid()) return;
  // Fails only if it is dead already, which is what we want.
  if (::syscall(SYS_pidfd_send_signal, parts_.life.get(), SIGKILL, nullptr, 0) == 0)
    killed_by_us_ = true;
}

void Worker::let_go() {
  parts_.life.reset();
}

void Worker::read_log() {
  // Stops after at most what one pipe holds, so that a flood can't keep us here.
  constexpr int kRounds = 16;
  std::array<char, 4096> buffer;
  for (int round = 0; round < kRounds; ++round) {
    const ssize_t length = ::read(parts_.log.get(), buffer.data(), buffer.size());
    if (length == 0) log_at_end_ = true;
    if (length <= 0) return;
    last_lines_.append({buffer.data(), static_cast<std::size_t>(length)});
  }
}

Result<std::optional<ExitCause>> Worker::try_reap() {
  if (cause_) return cause_;
  siginfo_t ended{};
  if (::waitid(P_PIDFD, static_cast<id_t>(parts_.life.get()), &ended, WEXITED | WNOHANG) != 0)
    return fail_errno(errno, Errc::kSystem, "wait for worker {}", parts_.pid);
  if (ended.si_pid == 0) return std::nullopt;
  read_log();
  last_lines_.finish();
  cause_ = cause_of(ended);
  return cause_;
}

ExitCause Worker::cause_of(const siginfo_t& ended) {
  const ExitCause cause = exit_cause(
      ended, last_lines_, {.killed_by_us = killed_by_us_, .memory_ran_out = memory_ran_out()});
  parts_.group = {};
  return cause;
}

bool Worker::memory_ran_out() const {
  if (const auto kills = parts_.group.kills_for_memory()) return *kills > 0;
  const auto kills = machine_oom_kills();
  return kills && oom_kills_at_start_ && *kills > *oom_kills_at_start_;
}

Result<ExitCause> Worker::wait(std::chrono::milliseconds at_most) {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  while (true) {
    TRY(const auto cause, try_reap());
    if (cause) return *cause;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      return fail(Errc::kTimedOut, "worker {} still lives after {} ms", parts_.pid,
                  at_most.count());
    std::array<pollfd, 2> waiting{{{.fd = parts_.life.get(), .events = POLLIN, .revents = 0},
                                   {.fd = parts_.log.get(), .events = POLLIN, .revents = 0}}};
    // At its end the log would always be ready; from then on only the life line counts.
    const nfds_t count = log_at_end_ ? 1 : 2;
    if (::poll(waiting.data(), count, static_cast<int>(left.count())) < 0 && errno != EINTR)
      return fail_errno(errno, Errc::kSystem, "wait for worker {}", parts_.pid);
    if (waiting[1].revents != 0) read_log();
  }
}

}  // namespace airlock
