// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/loop/orphan_reaper.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "lib/base/log.h"

namespace airlock {
namespace {

using Clock = std::chrono::steady_clock;

// An ended child, without reaping it; 0: there is none. The kernel names the same one until it is
// reaped.
pid_t ended_child() {
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return 0;
  return info.si_pid;
}

bool signal_is_pending() {
  sigset_t pending;
  sigemptyset(&pending);
  return ::sigpending(&pending) == 0 && sigismember(&pending, SIGCHLD) == 1;
}

}  // namespace

struct OrphanReaper::State {
  EventLoop& loop;
  OrphanReaperOptions options;
  EventSource on_signal, on_timer, on_turn;
  pid_t suspect = 0;           // the ended child that the timer runs for
  Clock::time_point last_end;  // when we last heard of any child's end
  std::uint64_t reaped = 0;

  void on_child_end() {
    last_end = Clock::now();
    // If one of them is under way already, it looks again when it is done.
    if (!on_timer.active() && !on_turn.active()) after_the_others([this] { watch_next(); });
  }

  void on_patience_ended() {
    on_timer.reset();
    after_the_others([this] {
      reap();
      watch_next();
    });
  }

  // Owners' events that are due now, however long we slept, come first. An event deferred once may
  // still be served before those of the same round; one deferred twice may not.
  void after_the_others(EventLoop::Callback callback) {
    next_round(
        [this, callback = std::move(callback)]() mutable { next_round(std::move(callback)); });
  }

  void next_round(EventLoop::Callback callback) {
    keep(on_turn, loop.soon([this, callback = std::move(callback)]() mutable {
      const EventSource running = std::exchange(on_turn, EventSource());
      callback();
    }));
  }

  // Gives the first ended child its full time, from now on.
  void watch_next() {
    suspect = ended_child();
    if (suspect != 0) keep(on_timer, loop.after(options.patience, [this] { on_patience_ended(); }));
  }

  void keep(EventSource& place, Result<EventSource> source) {
    if (source)
      place = std::move(*source);
    else
      log(LogLevel::kError, "ended children stay: {}", source.error().message());
  }

  // If the suspect is still there, nobody wants it. If no other child has ended lately, all the
  // others have had their time too.
  void reap() {
    if (suspect == 0 || ended_child() != suspect) return;
    const bool all_are_old = !signal_is_pending() && Clock::now() - last_end >= options.patience;
    reap_one(suspect);
    for (pid_t next = all_are_old ? ended_child() : 0; next != 0; next = ended_child())
      if (!reap_one(next)) return;
  }

  bool reap_one(pid_t pid) {
    if (::waitpid(pid, nullptr, WNOHANG) != pid) return false;
    ++reaped;
    log(LogLevel::kDebug, "reaped orphan {}", pid);
    return true;
  }
};

OrphanReaper::OrphanReaper(std::unique_ptr<State> state) : state_(std::move(state)) {}
OrphanReaper::OrphanReaper(OrphanReaper&&) noexcept = default;
OrphanReaper& OrphanReaper::operator=(OrphanReaper&&) noexcept = default;
OrphanReaper::~OrphanReaper() = default;

Result<OrphanReaper> OrphanReaper::start(EventLoop& loop, OrphanReaperOptions options) {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
    return fail_errno(errno, Errc::kSystem, "become the parent of orphans");
  auto state = std::make_unique<State>(State{.loop = loop, .options = options});
  TRY(state->on_signal, loop.on_signal(SIGCHLD, [state = state.get()] { state->on_child_end(); }));
  state->on_child_end();  // a child may have ended before
  return OrphanReaper(std::move(state));
}

std::uint64_t OrphanReaper::reaped() const {
  return state_->reaped;
}

bool OrphanReaper::waiting() const {
  return state_->on_timer.active() || state_->on_turn.active();
}

}  // namespace airlock
