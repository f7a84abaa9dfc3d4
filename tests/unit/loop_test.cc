// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <optional>

#include "daemon/loop/errand.h"
#include "daemon/loop/errand_queue.h"
#include "daemon/loop/event_loop.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;

EventLoop make_loop() {
  auto loop = EventLoop::create();
  EXPECT_TRUE(loop.has_value());
  return std::move(*loop);
}

// Goes round until the condition holds; the limit stops an endless loop.
template <typename Condition>
bool run_until(EventLoop& loop, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!condition() && std::chrono::steady_clock::now() < end)
    if (!loop.run_once(50ms)) return false;
  return condition();
}

Result<ErrandReport> run_errand(EventLoop& loop, ErrandOptions options,
                                std::vector<BorrowedFd> keep, Errand::Work work) {
  std::optional<Result<ErrandReport>> result;
  auto errand = Errand::start(loop, "try", options, std::move(keep), std::move(work),
                              [&](Result<ErrandReport> done) { result = std::move(done); });
  if (!errand) return std::unexpected(errand.error());
  EXPECT_TRUE(run_until(loop, [&] { return result.has_value(); }));
  if (!result) return fail(Errc::kTimedOut, "no answer");
  return std::move(*result);
}

TEST(EventLoop, ACallbackMayDestroyItsOwnSource) {
  auto loop = make_loop();
  EventSource source;
  int calls = 0;
  source = *loop.soon([&] {
    source.reset();
    ++calls;
  });
  EXPECT_TRUE(run_until(loop, [&] { return calls == 1; }));
  EXPECT_FALSE(source.active());
}

TEST(EventLoop, ADestroyedSourceIsNotCalledForWhatHappenedBefore) {
  auto loop = make_loop();
  int calls = 0;
  auto source = *loop.after(0ms, [&] { ++calls; });
  source.reset();
  (void)loop.run_once(20ms);
  EXPECT_EQ(calls, 0);
}

TEST(EventLoop, ATimerIsCalledOnceAndNotBeforeItsTime) {
  auto loop = make_loop();
  int calls = 0;
  const auto begin = std::chrono::steady_clock::now();
  auto source = *loop.after(30ms, [&] { ++calls; });
  EXPECT_TRUE(run_until(loop, [&] { return calls > 0; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 30ms);
  (void)loop.run_once(50ms);
  EXPECT_EQ(calls, 1);
}

TEST(EventLoop, ATimerCanBeSetAnewAfterItWasCalled) {
  auto loop = make_loop();
  int calls = 0;
  auto timer = loop.after(0ms, [&] { ++calls; });
  ASSERT_TRUE(timer.has_value());
  EXPECT_TRUE(run_until(loop, [&] { return calls == 1; }));
  ASSERT_TRUE(timer->set_time(std::chrono::steady_clock::now()).has_value());
  EXPECT_TRUE(run_until(loop, [&] { return calls == 2; }));
  ASSERT_TRUE(timer->set_time(std::chrono::steady_clock::now()).has_value());
  timer->pause();
  (void)loop.run_once(20ms);
  EXPECT_EQ(calls, 2);
}

TEST(EventLoop, ASourceWaitsForTheEventsItWasSetTo) {
  auto loop = make_loop();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  std::uint32_t seen = 0;
  auto source = loop.watch(writing.borrow(), 0, [&](std::uint32_t events) { seen |= events; });
  ASSERT_TRUE(source.has_value());
  (void)loop.run_once(20ms);
  EXPECT_EQ(seen, 0U);
  ASSERT_TRUE(source->set_events(EPOLLOUT).has_value());
  EXPECT_TRUE(run_until(loop, [&] { return seen == EPOLLOUT; }));
}

TEST(EventLoop, IsAskedBeforeEachWaitAndTheSourceMayGoThen) {
  auto loop = make_loop();
  auto timer = loop.after(1h, [] {});
  ASSERT_TRUE(timer.has_value());
  EventSource source = std::move(*timer);
  int asked = 0;
  const auto ask = [&] {
    if (++asked == 3) source.reset();
  };
  ASSERT_TRUE(source.before_waiting(ask).has_value());
  for (int i = 0; i < 5; ++i) (void)loop.run_once(1ms);
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(source.active());
}

TEST(EventLoop, RunReturnsWhatStopWasGiven) {
  auto loop = make_loop();
  auto source = *loop.soon([&] { loop.stop(7); });
  EXPECT_EQ(loop.run().value_or(-1), 7);
}

TEST(Errand, BringsBackBytesAndDescriptors) {
  auto loop = make_loop();
  auto report = run_errand(loop, {}, {}, []() -> Result<ErrandReport> {
    ErrandReport made;
    made.bytes = "found it";
    made.descriptors.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return made;
  });
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_EQ(report->bytes, "found it");
  ASSERT_EQ(report->descriptors.size(), 1U);
  EXPECT_EQ(::fcntl(report->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST(Errand, BringsBackAFailureWithItsCause) {
  auto loop = make_loop();
  auto report = run_errand(loop, {}, {}, []() -> Result<ErrandReport> {
    return fail_errno(EBUSY, Errc::kBusy, "unmount {}", "it");
  });
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, Errc::kBusy);
  EXPECT_EQ(report.error().cause.value(), EBUSY);
  EXPECT_EQ(report.error().what, "unmount it");
}

// Reports through a pipe if it is destroyed in another process than its own.
class FrameOfTheDaemon {
 public:
  explicit FrameOfTheDaemon(int unwound) : unwound_(unwound) {}
  FrameOfTheDaemon(const FrameOfTheDaemon&) = delete;
  FrameOfTheDaemon& operator=(const FrameOfTheDaemon&) = delete;
  ~FrameOfTheDaemon() {
    if (::getpid() == process_) return;
    (void)!::write(unwound_, "!", 1);
    ::_exit(1);  // else two processes would go on with the tests
  }

 private:
  int unwound_;
  pid_t process_ = ::getpid();
};

TEST(Errand, AnExceptionIsAFailureAndUnwindsNothingOfTheDaemon) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const UniqueFd unwound(ends[0]);
  const UniqueFd told(ends[1]);
  auto loop = make_loop();
  for (const bool standard : {true, false}) {
    const FrameOfTheDaemon frame(told.get());
    const auto result = run_errand(loop, {}, {told.borrow()}, [standard]() -> Result<ErrandReport> {
      if (standard) throw std::bad_alloc();
      throw 42;
    });
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, standard ? Errc::kOutOfMemory : Errc::kSystem);
  }
  char byte = 0;
  EXPECT_EQ(::read(unwound.get(), &byte, 1), -1) << "a frame of the daemon was unwound in a child";
}

TEST(Errand, OneThatDiesIsAFailureAndLeavesNoZombie) {
  auto loop = make_loop();
  auto report = run_errand(loop, {}, {}, []() -> Result<ErrandReport> {
    (void)::raise(SIGKILL);
    return ErrandReport{};
  });
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, Errc::kWorkerDied);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Errand, OneThatHangsEndsAtItsDeadline) {
  auto loop = make_loop();
  const auto begin = std::chrono::steady_clock::now();
  auto report = run_errand(loop, {.deadline = 50ms}, {}, []() -> Result<ErrandReport> {
    (void)::pause();
    return ErrandReport{};
  });
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, Errc::kTimedOut);
  // Without any deadline it would never end; with the default one, after half a minute.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
}

TEST(Errand, InheritsOnlyTheDescriptorsItIsGiven) {
  auto loop = make_loop();
  const UniqueFd given(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd other(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto report = run_errand(loop, {}, {given.borrow()},
                           [mine = given.get(), theirs = other.get()]() -> Result<ErrandReport> {
                             ErrandReport seen;
                             seen.bytes += ::fcntl(mine, F_GETFD) >= 0 ? 'y' : 'n';
                             seen.bytes += ::fcntl(theirs, F_GETFD) >= 0 ? 'y' : 'n';
                             return seen;
                           });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->bytes, "yn");
}

TEST(Errand, DestroyingItKillsTheProcessAndNobodyIsCalled) {
  auto loop = make_loop();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  int calls = 0;
  {
    auto errand = Errand::start(
        loop, "wait", {}, {writing.borrow()},
        []() -> Result<ErrandReport> {
          (void)::pause();
          return ErrandReport{};
        },
        [&](Result<ErrandReport>) { ++calls; });
    ASSERT_TRUE(errand.has_value());
  }
  writing.reset();
  char byte = 0;
  EXPECT_EQ(::read(reading.get(), &byte, 1), 0);  // the child's copy is closed: it is dead
  (void)loop.run_once(20ms);
  EXPECT_EQ(calls, 0);
}

// Starts one that stops right before it ends, like a process that hangs while closing a file of a
// server that never answers. Returns its process.
pid_t start_hanging(EventLoop& loop, ErrandOptions options, std::optional<Errand>& errand,
                    std::optional<Result<ErrandReport>>& result) {
  auto started = Errand::start(
      loop, "hang", options, {},
      []() -> Result<ErrandReport> {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0 || ::raise(SIGSTOP) != 0)
          return fail_errno(errno, Errc::kSystem, "be traced");
        return ErrandReport{.bytes = "done", .descriptors = {}};
      },
      [&](Result<ErrandReport> done) { result = std::move(done); });
  EXPECT_TRUE(started.has_value());
  errand = std::move(*started);
  int status = 0;
  pid_t child = -1;
  do {
    child = ::waitpid(-1, &status, __WALL);  // skips killed ones that were not reaped
  } while (child > 0 && !WIFSTOPPED(status));
  EXPECT_GT(child, 0) << "not traced";
  EXPECT_EQ(::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACEEXIT), 0);
  EXPECT_EQ(::ptrace(PTRACE_CONT, child, nullptr, nullptr), 0);
  return child;
}

TEST(Errand, WithALentFileIsOverThoughItHangsInItsEnd) {
  auto loop = make_loop();
  std::optional<Errand> errand;
  std::optional<Result<ErrandReport>> result;
  const pid_t child = start_hanging(loop, {.lender = 1000}, errand, result);
  EXPECT_TRUE(run_until(loop, [&] { return result.has_value(); }));
  ASSERT_TRUE(result.has_value() && result->has_value());
  EXPECT_EQ((*result)->bytes, "done");
  EXPECT_EQ(::kill(child, 0), 0) << "it has ended, so this test shows nothing";
  ::ptrace(PTRACE_DETACH, child, nullptr, nullptr);
}

// It may still have to write the medium out, and the device must not be used elsewhere meanwhile.
TEST(Errand, WithADeviceIsOverWhenItsProcessIs) {
  auto loop = make_loop();
  std::optional<Errand> errand;
  std::optional<Result<ErrandReport>> result;
  const pid_t child = start_hanging(loop, {}, errand, result);
  const auto end = std::chrono::steady_clock::now() + 3s;
  EXPECT_TRUE(run_until(loop, [&] { return result || std::chrono::steady_clock::now() > end; }));
  EXPECT_FALSE(result.has_value());
  ::ptrace(PTRACE_DETACH, child, nullptr, nullptr);
  EXPECT_TRUE(run_until(loop, [&] { return result.has_value(); }));
  EXPECT_TRUE(result.has_value() && result->has_value());
}

TEST(Errand, WhatItReportedCountsAtItsDeadline) {
  auto loop = make_loop();
  std::optional<Errand> errand;
  std::optional<Result<ErrandReport>> result;
  const pid_t child = start_hanging(loop, {.deadline = 300ms}, errand, result);
  EXPECT_TRUE(run_until(loop, [&] { return result.has_value(); }));
  EXPECT_TRUE(result.has_value() && result->has_value());
  ::ptrace(PTRACE_DETACH, child, nullptr, nullptr);
}

TEST(Errand, MayBeDestroyedFromItsOwnEnd) {
  auto loop = make_loop();
  std::optional<Errand> errand;
  bool done = false;
  auto started = Errand::start(
      loop, "end", {}, {}, []() -> Result<ErrandReport> { return ErrandReport{}; },
      [&](Result<ErrandReport>) {
        errand.reset();
        done = true;
      });
  ASSERT_TRUE(started.has_value());
  errand = std::move(*started);
  EXPECT_TRUE(run_until(loop, [&] { return done; }));
}

// Files that do not answer block their errands, and one user can have many.
TEST(ErrandQueue, OneUserHoldsUpAQuarterOfIt) {
  auto loop = make_loop();
  ErrandQueue queue(loop, 8);
  std::vector<std::unique_ptr<ErrandQueue::Ticket>> hanging;
  const auto hang = [&](std::optional<uid_t> user) {
    hanging.push_back(queue.run(
        "hang", {.lender = user}, {},
        []() -> Result<ErrandReport> {
          for (;;) ::pause();
        },
        [](const Result<ErrandReport>&) {}));
  };
  for (int i = 0; i < 10; ++i) hang(1000);
  for (int i = 0; i < 3; ++i) hang(1001);
  hang(std::nullopt);
  EXPECT_TRUE(run_until(loop, [&] { return queue.running() == 5; }));
  (void)loop.run_once(20ms);
  EXPECT_EQ(queue.running(), 5U) << "two of each user, and the one of nobody";
  EXPECT_EQ(queue.waiting(), 9U);

  bool served = false;
  const auto stick = queue.run(
      "serve", {}, {}, []() -> Result<ErrandReport> { return ErrandReport{}; },
      [&](const Result<ErrandReport>& done) { served = done.has_value(); });
  EXPECT_TRUE(run_until(loop, [&] { return served; }));

  hanging.erase(hanging.begin());  // a running one of the first user
  EXPECT_TRUE(run_until(loop, [&] { return queue.running() == 5 && queue.waiting() == 8; }));
  hanging.clear();
  EXPECT_EQ(queue.running(), 0U);
  EXPECT_EQ(queue.waiting(), 0U);
}

// But a small queue does not shut any user out.
TEST(ErrandQueue, OneUserHasOneAtLeast) {
  auto loop = make_loop();
  ErrandQueue queue(loop, 1);
  int done = 0;
  std::vector<std::unique_ptr<ErrandQueue::Ticket>> tickets;
  for (int i = 0; i < 3; ++i)
    tickets.push_back(queue.run(
        "serve", {.lender = 1000}, {}, []() -> Result<ErrandReport> { return ErrandReport{}; },
        [&](const Result<ErrandReport>& one) { done += one.has_value() ? 1 : 0; }));
  EXPECT_TRUE(run_until(loop, [&] { return done == 3; }));
}

}  // namespace
}  // namespace airlock
