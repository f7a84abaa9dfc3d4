// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/checker_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "contained/check/checker_filter.h"
#include "contained/check/command.h"
#include "lib/base/log.h"
#include "lib/base/resource_limit.h"
#include "lib/protocol/channel.h"

namespace airlock::check {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

constexpr int kProgramDescriptor = kProgressDescriptor + 1;
constexpr int kHandOverDescriptor = kProgressDescriptor + 2;
// Everything moves above this first, so that none of them is where another must go.
constexpr int kAboveFixedDescriptors = 16;
constexpr auto kSetupDeadline = 10s;
constexpr int kSetupFailed = 125;

struct Pipe {
  UniqueFd reading;
  UniqueFd writing;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return fail_errno(errno, Errc::kSystem, "make a pipe for the checker");
  // Only our end must never wait: the checker waits for us when it writes quickly.
  (void)::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

struct ChildEnds {
  int output;
  int progress;
  int program;
  int hand_over;
};

bool place_descriptors(ChildEnds ends) {
  const auto above = [](int fd) { return ::fcntl(fd, F_DUPFD_CLOEXEC, kAboveFixedDescriptors); };
  const int output = above(ends.output), progress = above(ends.progress);
  const int program = above(ends.program), hand_over = above(ends.hand_over);
  if (std::min({output, progress, program, hand_over}) < 0) return false;
  return ::dup2(output, 1) == 1 && ::dup2(output, 2) == 2 &&
         ::dup2(progress, kProgressDescriptor) == kProgressDescriptor &&
         ::dup3(program, kProgramDescriptor, O_CLOEXEC) == kProgramDescriptor &&
         ::dup3(hand_over, kHandOverDescriptor, O_CLOEXEC) == kHandOverDescriptor &&
         ::close_range(kProgressDescriptor - 2, kProgressDescriptor - 1, 0) == 0 &&
         ::close_range(kHandOverDescriptor + 1, ~0U, 0) == 0;
}

bool set_limits(const CheckerLimits& limits) {
  const auto seconds = static_cast<rlim_t>(limits.processor_time.count());
  if (limits.file_size > 0 && !lower_limit(RLIMIT_FSIZE, limits.file_size)) return false;
  return lower_limit(RLIMIT_CPU, seconds) && lower_limit(RLIMIT_CORE, 0);
}

void default_signals() {
  for (const int number : {SIGPIPE, SIGABRT, SIGXCPU}) (void)::signal(number, SIG_DFL);
  // Behind the end of an image file is what is behind the end of a device: an error, and no death.
  (void)::signal(SIGXFSZ, SIG_IGN);
}

[[noreturn]] void become_checker(ChildEnds ends, const std::vector<std::string>& command,
                                 const CheckerLimits& limits, CheckerFamily family) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // English words to parse, and labels in UTF-8. Nothing is mounted where it is.
  std::string locale = "LC_ALL=C.UTF-8", no_mounts = "EXT2FS_NO_MTAB_OK=1";
  std::array<char*, 3> environment{locale.data(), no_mounts.data(), nullptr};
  // Being process 1's only child it dies with it anyway; this is for the time until then.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  default_signals();
  if (!place_descriptors(ends) || !set_limits(limits)) ::_exit(kSetupFailed);
  {
    Channel hand_over((UniqueFd(kHandOverDescriptor)));
    auto listener = install_checker_filter(family);
    if (!listener) {
      log(LogLevel::kError, "{}", listener.error().message());
      ::_exit(kSetupFailed);
    }
    std::array<std::byte, 1> word{};
    if (!hand_over.send(word, listener->borrow(), deadline_in(kSetupDeadline)))
      ::_exit(kSetupFailed);
    // What would be tidied up here, the exec does.
    (void)::syscall(SYS_execveat, kProgramDescriptor, "", arguments.data(), environment.data(),
                    AT_EMPTY_PATH);
    ::_exit(kSetupFailed);
  }
}

Result<UniqueFd> take_listener(Channel& from) {
  auto packet = from.receive(1, Descriptors::kTakeOne, deadline_in(kSetupDeadline));
  if (!packet) return fail(std::move(packet), "the checker could not be contained");
  if (!packet->descriptor.valid()) return fail(Errc::kSystem, "the checker returned nothing");
  return std::move(packet->descriptor);
}

}  // namespace

Result<CheckerProcess> start_checker(BorrowedFd program, const std::vector<std::string>& command,
                                     const CheckerLimits& limits, CheckerFamily family) {
  TRY(auto output, make_pipe());
  TRY(auto progress, make_pipe());
  TRY(auto pair, Channel::make_pair());
  CheckerProcess checker;
  checker.pid = ::fork();
  if (checker.pid < 0) return fail_errno(errno, Errc::kSystem, "start the checker");
  if (checker.pid == 0)
    become_checker({.output = output.writing.get(),
                    .progress = progress.writing.get(),
                    .program = program.get(),
                    .hand_over = pair.second.get()},
                   command, limits, family);
  checker.life = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, checker.pid, 0)));
  if (!checker.life.valid()) return fail_errno(errno, Errc::kSystem, "watch the checker");
  pair.second.reset();
  checker.output = std::move(output.reading);
  checker.progress = std::move(progress.reading);
  Channel from(std::move(pair.first));
  TRY(checker.listener, take_listener(from));
  return checker;
}

void kill_checker(const CheckerProcess& checker) {
  (void)::kill(checker.pid, SIGKILL);  // fails only when it has ended
}

Ending ending_of(const CheckerProcess& checker) {
  Ending ending;
  int status = 0;
  if (::waitpid(checker.pid, &status, 0) != checker.pid) return ending;
  if (WIFEXITED(status)) ending.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ending.signal_number = WTERMSIG(status);
  return ending;
}

}  // namespace airlock::check
