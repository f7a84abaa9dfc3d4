// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/stock_program.h"

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

#include "lib/base/log.h"
#include "lib/base/resource_limit.h"
#include "lib/protocol/channel.h"

namespace airlock {
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
    return fail_errno(errno, Errc::kSystem, "make a pipe for the program");
  // Only our end must never wait: the program waits for us when it writes quickly.
  (void)::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

struct ChildEnds {
  int output;
  int progress;  // -1: none
  int program;
  int hand_over;
};

bool place_descriptors(ChildEnds ends) {
  const auto above = [](int fd) { return ::fcntl(fd, F_DUPFD_CLOEXEC, kAboveFixedDescriptors); };
  const bool progress_told = ends.progress >= 0;
  const int output = above(ends.output), program = above(ends.program);
  const int hand_over = above(ends.hand_over);
  const int progress = progress_told ? above(ends.progress) : 0;
  if (std::min({output, progress, program, hand_over}) < 0) return false;
  const unsigned unused_to = progress_told ? kProgressDescriptor - 1 : kProgressDescriptor;
  return ::dup2(output, 1) == 1 && ::dup2(output, 2) == 2 &&
         (!progress_told || ::dup2(progress, kProgressDescriptor) == kProgressDescriptor) &&
         ::dup3(program, kProgramDescriptor, O_CLOEXEC) == kProgramDescriptor &&
         ::dup3(hand_over, kHandOverDescriptor, O_CLOEXEC) == kHandOverDescriptor &&
         ::close_range(kProgressDescriptor - 2, unused_to, 0) == 0 &&
         ::close_range(kHandOverDescriptor + 1, ~0U, 0) == 0;
}

bool set_limits(const StockStart& start) {
  const auto seconds = static_cast<rlim_t>(start.processor_time.count());
  if (start.file_size > 0 && !lower_limit(RLIMIT_FSIZE, start.file_size)) return false;
  if (seconds > 0 && !lower_limit(RLIMIT_CPU, seconds)) return false;
  return lower_limit(RLIMIT_CORE, 0);
}

void default_signals() {
  for (const int number : {SIGPIPE, SIGABRT, SIGXCPU, SIGTERM}) (void)::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  // Behind the end of an image file is what is behind the end of a device: an error, and no death.
  (void)::signal(SIGXFSZ, SIG_IGN);
}

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void become_program(ChildEnds ends, const StockStart& start) {
  const auto arguments = pointers_to(start.command);
  // English words to parse, and names in UTF-8.
  std::vector<std::string> variables = start.environment;
  variables.emplace_back("LC_ALL=C.UTF-8");
  const auto environment = pointers_to(variables);
  // Being process 1's only child it dies with it anyway; this is for the time until then.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  default_signals();
  if (!place_descriptors(ends) || !set_limits(start)) ::_exit(kSetupFailed);
  {
    Channel hand_over((UniqueFd(kHandOverDescriptor)));
    auto listener = start.install_filter();
    if (!listener) {
      log(LogLevel::kError, "{}", listener.error().message());
      ::_exit(kSetupFailed);
    }
    std::array<std::byte, 1> word{};
    if (!hand_over.send(word, listener->borrow(), deadline_in(kSetupDeadline)))
      ::_exit(kSetupFailed);
    // No need to tidy up: the exec closes everything.
    (void)::syscall(SYS_execveat, kProgramDescriptor, "", arguments.data(), environment.data(),
                    AT_EMPTY_PATH);
    ::_exit(kSetupFailed);
  }
}

Result<UniqueFd> take_listener(Channel& from) {
  auto packet = from.receive(1, Descriptors::kTakeOne, deadline_in(kSetupDeadline));
  if (!packet) return fail(std::move(packet), "the program could not be contained");
  if (!packet->descriptor.valid()) return fail(Errc::kSystem, "the program returned nothing");
  return std::move(packet->descriptor);
}

}  // namespace

Result<StockProgram> start_stock_program(const StockStart& start) {
  TRY(auto output, make_pipe());
  Pipe progress;
  if (start.progress == TellsProgress::kYes) {
    TRY(progress, make_pipe());
  }
  TRY(auto pair, Channel::make_pair());
  StockProgram program;
  program.pid = ::fork();
  if (program.pid < 0) return fail_errno(errno, Errc::kSystem, "start the program");
  if (program.pid == 0)
    become_program({.output = output.writing.get(),
                    .progress = progress.writing.get(),
                    .program = start.program.get(),
                    .hand_over = pair.second.get()},
                   start);
  program.life = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, program.pid, 0)));
  if (!program.life.valid()) return fail_errno(errno, Errc::kSystem, "watch the program");
  pair.second.reset();
  program.output = std::move(output.reading);
  program.progress = std::move(progress.reading);
  Channel from(std::move(pair.first));
  TRY(program.listener, take_listener(from));
  return program;
}

void kill_stock_program(const StockProgram& program) {
  (void)::kill(program.pid, SIGKILL);  // fails only when it has ended
}

StockEnd end_of_stock_program(const StockProgram& program) {
  StockEnd end;
  if (::waitpid(program.pid, &end.status, 0) != program.pid) end.status = -1;
  return end;
}

}  // namespace airlock
