// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/errand.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "lib/base/passing.h"

namespace airlock {

struct Errand::State {
  std::string what;
  Done done;
  pid_t pid = -1;
  UniqueFd life;    // pidfd
  UniqueFd report;  // where the child's answer arrives
  std::optional<Result<ErrandReport>> result;
  EventLoop::Time deadline;
  EventSource on_report, on_end, on_deadline;

  // Uses the descriptor: the child may have been reaped, and another process have its number. A
  // child that is stuck in the kernel dies later; then the reaper of orphans gets it.
  ~State() {
    if (pid < 0) return;
    if (!life.valid()) {
      (void)::kill(pid, SIGKILL);  // it was just created and nobody has waited for it
      return;
    }
    (void)::syscall(SYS_pidfd_send_signal, life.get(), SIGKILL, nullptr, 0);
    (void)reap();
  }

  bool reap() const {
    siginfo_t ended{};
    return ::waitid(P_PIDFD, static_cast<id_t>(life.get()), &ended, WEXITED | WNOHANG) == 0 &&
           ended.si_pid != 0;
  }
};

namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// From the report to the end of a process that works with a lent file.
constexpr auto kTimeToEnd = 2s;

// Precedes the bytes.
struct Header {
  std::uint32_t succeeded = 0;
  std::int32_t code = 0;   // of the Error
  std::int32_t cause = 0;  // errno of the Error
};

// Sets up the child: no signal mask, no descriptor that is not meant for it.
void become_errand(int report, std::vector<int> keep) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)::prctl(PR_SET_NAME, "airlockd-errand");
  sigset_t none;
  sigemptyset(&none);
  (void)::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  keep.push_back(report);
  keep.insert(keep.end(), {0, 1, 2});
  std::ranges::sort(keep);
  unsigned next = 0;
  for (const int fd : keep) {
    const auto here = static_cast<unsigned>(fd);
    if (here > next) (void)::close_range(next, here - 1, 0);
    next = std::max(next, here + 1);
  }
  (void)::close_range(next, ~0U, 0);
}

void send_report(int socket, const Header& header, std::string_view bytes,
                 std::span<const UniqueFd> descriptors) {
  std::string packet(reinterpret_cast<const char*>(&header), sizeof header);
  packet.append(bytes.substr(0, ErrandReport::kMostBytes));
  std::vector<BorrowedFd> passed;
  for (const UniqueFd& descriptor : descriptors) passed.push_back(descriptor.borrow());
  (void)pass(BorrowedFd(socket), packet, passed);
}

// The daemon's stack frames below must never be unwound in a child: their destructors would stop
// errands, watches and the bus connection of the daemon itself.
Result<ErrandReport> do_work(Errand::Work& work) noexcept {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return fail(Errc::kOutOfMemory, "there is no memory left");
  } catch (const std::exception& error) {
    return fail(Errc::kSystem, "an unexpected failure: {}", error.what());
  } catch (...) {
    return fail(Errc::kSystem, "an unexpected failure");
  }
}

[[noreturn]] void run_child(int report, std::vector<int> keep, pid_t parent,
                            Errand::Work& work) noexcept {
  become_errand(report, std::move(keep));
  if (::getppid() != parent) ::_exit(0);  // it died before we could ask to die with it
  auto done = do_work(work);
  if (done && done->bytes.size() > ErrandReport::kMostBytes)
    done = fail(Errc::kLimitExceeded, "a report of {} bytes", done->bytes.size());
  Header header;
  if (done) {
    header.succeeded = 1;
    send_report(report, header, done->bytes, done->descriptors);
  } else {
    header.code = static_cast<std::int32_t>(done.error().code);
    header.cause = done.error().cause.value();
    send_report(report, header, done.error().what, {});
  }
  ::_exit(0);
}

// The child runs our own code, but it has worked with other people's input.
Errc to_errc(std::int32_t code) {
  const bool known = std::ranges::find(kAllErrcs, static_cast<Errc>(code)) != kAllErrcs.end();
  return known ? static_cast<Errc>(code) : Errc::kSystem;
}

Result<ErrandReport> read_report(BorrowedFd socket, const std::string& what) {
  auto packet = take_passed(socket, sizeof(Header) + ErrandReport::kMostBytes);
  if (!packet || packet->bytes.size() < sizeof(Header))
    return fail(Errc::kWorkerDied, "{}: the process doing it ended without an answer", what);
  ErrandReport report{.bytes = packet->bytes.substr(sizeof(Header)),
                      .descriptors = std::move(packet->descriptors)};
  Header header;
  std::memcpy(&header, packet->bytes.data(), sizeof header);
  if (header.succeeded == 1) return report;
  Error error;
  error.code = to_errc(header.code);
  if (header.cause != 0) error.cause = std::error_code(header.cause, std::system_category());
  error.what = std::move(report.bytes);
  return std::unexpected(std::move(error));
}

}  // namespace

Errand::Errand(std::unique_ptr<State> state) : state_(std::move(state)) {}
Errand::Errand(Errand&&) noexcept = default;
Errand& Errand::operator=(Errand&&) noexcept = default;
Errand::~Errand() = default;

Result<Errand> Errand::start(EventLoop& loop, std::string what, ErrandOptions options,
                             std::vector<BorrowedFd> keep, Work work, Done done) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail_errno(errno, Errc::kSystem, "{}: make a socket pair", what);
  auto state = std::make_unique<State>();
  state->report = UniqueFd(ends[0]);
  const UniqueFd theirs(ends[1]);
  std::vector<int> kept;
  for (const BorrowedFd fd : keep)
    if (fd.valid()) kept.push_back(fd.get());
  const pid_t parent = ::getpid();
  state->pid = ::fork();
  if (state->pid < 0) return fail_errno(errno, Errc::kSystem, "{}: fork", what);
  if (state->pid == 0) run_child(theirs.get(), std::move(kept), parent, work);
  state->life = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, state->pid, 0)));
  if (!state->life.valid()) return fail_errno(errno, Errc::kSystem, "{}: watch its process", what);
  state->what = std::move(what);
  state->done = std::move(done);

  // Ends the errand. The callbacks go first, because `done` may destroy everything.
  const auto end = [state = state.get()](Result<ErrandReport> result) {
    Done call = std::move(state->done);
    state->on_report.reset();
    state->on_end.reset();
    state->on_deadline.reset();
    call(std::move(result));
  };
  // Keeps the report until the process has ended, so that no zombie is left to others.
  const bool lent = options.lender.has_value();
  TRY(state->on_report,
      loop.watch(state->report.borrow(), EPOLLIN, [state = state.get(), lent](auto) {
        state->result = read_report(state->report.borrow(), state->what);
        state->on_report.reset();
        const auto latest = std::chrono::steady_clock::now() + kTimeToEnd;
        if (lent && latest < state->deadline) (void)state->on_deadline.set_time(latest);
      }));
  TRY(state->on_end, loop.watch(state->life.borrow(), EPOLLIN, [state = state.get(), end](auto) {
    if (state->reap()) state->pid = -1;
    if (!state->result) state->result = read_report(state->report.borrow(), state->what);
    end(std::move(*state->result));
  }));
  const bool limited = options.deadline != ErrandOptions::kNone;
  state->deadline =
      limited ? std::chrono::steady_clock::now() + options.deadline : EventLoop::Time::max();
  TRY(state->on_deadline,
      loop.at(state->deadline, [state = state.get(), end, time = options.deadline] {
        if (state->result) return end(std::move(*state->result));
        end(fail(Errc::kTimedOut, "{}: no end after {} ms", state->what, time.count()));
      }));
  if (!limited) state->on_deadline.pause();
  return Errand(std::move(state));
}

}  // namespace airlock
