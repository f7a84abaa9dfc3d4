// SPDX-License-Identifier: GPL-2.0-or-later
// Children without an owner that waits for them, next to children with one.
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <thread>

#include "daemon/loop/errand.h"
#include "daemon/loop/orphan_reaper.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;  // NOLINT: literals only

// Long enough that a busy machine does not use it up between two steps of a test.
constexpr auto kPatience = 250ms;

pid_t child_exiting_with(int code, std::chrono::milliseconds after = 0ms) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::usleep(static_cast<useconds_t>(after.count() * 1000));
    ::_exit(code);
  }
  return pid;
}

// A child that has ended without a report.
pid_t ended_child(int code) {
  const pid_t pid = child_exiting_with(code);
  siginfo_t info{};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  return pid;
}

// The state letter of a process in /proc; 0 when there is no such process.
char state_of(pid_t pid) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return 0;
  return info.si_pid == pid ? 'Z' : 'R';
}

class OrphanReaping : public testing::Test {
 protected:
  void SetUp() override {
    loop_.emplace(*EventLoop::create());
    auto reaper = OrphanReaper::start(*loop_, {.patience = kPatience});
    ASSERT_TRUE(reaper.has_value());
    reaper_.emplace(std::move(*reaper));
  }

  template <typename Condition>
  bool run_until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!condition() && std::chrono::steady_clock::now() < end) (void)loop_->run_once(20ms);
    return condition();
  }

  std::optional<EventLoop> loop_;
  std::optional<OrphanReaper> reaper_;
};

TEST_F(OrphanReaping, AChildNobodyWaitsForIsReapedAfterItsTime) {
  const auto begin = std::chrono::steady_clock::now();
  const pid_t pid = child_exiting_with(3);
  EXPECT_TRUE(run_until([&] { return reaper_->reaped() == 1; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, kPatience);
  EXPECT_EQ(state_of(pid), 0);
  EXPECT_FALSE(reaper_->waiting());
}

TEST_F(OrphanReaping, ManyThatEndedTogetherAreReapedTogether) {
  for (int i = 0; i < 30; ++i) (void)child_exiting_with(0);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(run_until([&] { return reaper_->reaped() == 30; }));
  // One after the other they would take thirty times as long.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 25 * kPatience);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST_F(OrphanReaping, AConstantStreamOfOthersDoesNotKeepThemForever) {
  (void)child_exiting_with(0);
  (void)child_exiting_with(0);
  int rounds = 0;
  EXPECT_TRUE(run_until([&] {
    // Owned children end all the time, and their owner waits for them.
    const pid_t owned = child_exiting_with(0);
    (void)::waitpid(owned, nullptr, 0);
    ++rounds;
    return reaper_->reaped() == 2;
  }));
  EXPECT_GT(rounds, 1);  // so others ended before the patience was over
}

TEST_F(OrphanReaping, OrphansOfAKilledChildBecomeOursAndAreReaped) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t middle = ::fork();
  if (middle == 0) {
    const pid_t orphan = child_exiting_with(0, 50ms);
    (void)!::write(ends[1], &orphan, sizeof orphan);
    (void)::pause();
  }
  pid_t orphan = 0;
  ASSERT_EQ(::read(ends[0], &orphan, sizeof orphan), static_cast<ssize_t>(sizeof orphan));
  ASSERT_EQ(::kill(middle, SIGKILL), 0);
  ASSERT_EQ(::waitpid(middle, nullptr, 0), middle);
  EXPECT_TRUE(run_until([&] { return reaper_->reaped() == 1; }));
  EXPECT_EQ(::kill(orphan, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(OrphanReaping, WithoutEndedChildrenThereIsNoTimer) {
  EXPECT_TRUE(run_until([&] { return !reaper_->waiting(); }));
  const pid_t living = child_exiting_with(0, 1h);
  EXPECT_FALSE(*loop_->run_once(0ms));
  EXPECT_FALSE(reaper_->waiting());
  (void)::kill(living, SIGKILL);
  ASSERT_EQ(::waitpid(living, nullptr, 0), living);
  EXPECT_TRUE(run_until([&] { return !reaper_->waiting(); }))
      << "reaped by us: nothing to wait for";
  EXPECT_EQ(reaper_->reaped(), 0U);
}

TEST_F(OrphanReaping, ErrandsAreNotDisturbedAndSetNoTimer) {
  std::optional<Result<ErrandReport>> result;
  auto errand = Errand::start(
      *loop_, "try", {}, {}, []() -> Result<ErrandReport> { return ErrandReport{.bytes = "x"}; },
      [&](Result<ErrandReport> done) { result = std::move(done); });
  ASSERT_TRUE(errand.has_value());
  EXPECT_TRUE(run_until([&] { return result.has_value() && !reaper_->waiting(); }));
  EXPECT_EQ(result->value().bytes, "x");
  EXPECT_EQ(reaper_->reaped(), 0U);
}

// The daemon was stopped for longer than its patience right after it heard of the end: the timer
// and the owner's event are due at the same time.
TEST_F(OrphanReaping, AnOwnerThatWasStoppedMeanwhileStillGetsItsChild) {
  constexpr int kRounds = 5;
  int codes = 0;
  int answers = 0;
  for (int round = 0; round < kRounds; ++round) {
    const pid_t pid = ended_child(7);
    const UniqueFd life(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    while (*loop_->run_once(0ms)) {
    }
    ASSERT_TRUE(reaper_->waiting());
    EventSource source;
    source = *loop_->watch(life.borrow(), EPOLLIN, [&](auto) {
      int status = 0;
      if (::waitpid(pid, &status, WNOHANG) == pid) codes += WEXITSTATUS(status);
      ++answers;
      source.reset();
    });
    std::this_thread::sleep_for(kPatience + 10ms);
    EXPECT_TRUE(run_until([&] { return answers == round + 1; }));
  }
  EXPECT_EQ(codes, 7 * kRounds);
  EXPECT_EQ(reaper_->reaped(), 0U);
}

// A real orphan is due when an owned child ends while the daemon sleeps.
TEST_F(OrphanReaping, OnlyTheOldOnesAreReapedWithAnOrphan) {
  (void)ended_child(0);
  while (*loop_->run_once(0ms)) {
  }
  std::this_thread::sleep_for(kPatience + 10ms);
  const pid_t owned = ended_child(7);
  EXPECT_TRUE(run_until([&] { return reaper_->reaped() > 0; }));
  int status = 0;
  ASSERT_EQ(::waitpid(owned, &status, WNOHANG), owned);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(reaper_->reaped(), 1U);
}

}  // namespace
}  // namespace airlock
