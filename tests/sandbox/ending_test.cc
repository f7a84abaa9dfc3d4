// SPDX-License-Identifier: GPL-2.0-or-later
//
// However a worker ends, its starter learns how; and whether it ends with its starter.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <string>

#include "tests/sandbox/hostile_runner.h"

namespace airlock::test {
namespace {

class EndingTest : public testing::TestWithParam<const char*> {};

TEST_P(EndingTest, RunAsRootTellsExitCodes) {
  EXPECT_TRUE(end_of(GetParam(), "exit-0").clean());
  const ExitCause seven = end_of(GetParam(), "exit-7");
  EXPECT_FALSE(seven.clean());
  EXPECT_EQ(seven.describe(), "exited with code 7");
}

TEST_P(EndingTest, RunAsRootTellsFaults) {
  EXPECT_EQ(end_of(GetParam(), "fault").describe(), "was killed by SIGSEGV");
  EXPECT_EQ(end_of(GetParam(), "overflow-stack").describe(), "was killed by SIGSEGV");
  EXPECT_EQ(end_of(GetParam(), "bus-error").describe(), "was killed by SIGBUS");
  EXPECT_EQ(end_of(GetParam(), "abort").describe(), "was killed by SIGABRT");
#if defined(__x86_64__)
  EXPECT_EQ(end_of(GetParam(), "bad-instruction").describe(), "was killed by SIGILL");
  EXPECT_EQ(end_of(GetParam(), "divide-by-zero").describe(), "was killed by SIGFPE");
#endif
}

TEST_P(EndingTest, RunAsRootDumpsNoCore) {
  EXPECT_FALSE(end_of(GetParam(), "fault").core_dumped);
}

TEST_P(EndingTest, RunAsRootTellsKillFromOutside) {
  Worker worker = start_hostile(GetParam(), "stay");
  ASSERT_EQ(next_packet(worker.control()), "ready");
  ASSERT_EQ(::kill(worker.pid(), SIGKILL), 0);
  EXPECT_EQ(worker.wait(kPatience)->describe(), "was killed by SIGKILL");
}

TEST_P(EndingTest, RunAsRootTellsKillByUs) {
  Worker worker = start_hostile(GetParam(), "stay");
  worker.kill();
  EXPECT_EQ(worker.wait(kPatience)->describe(), "was killed by SIGKILL (sent by Airlock)");
}

INSTANTIATE_TEST_SUITE_P(Held, EndingTest, testing::Values("unfiltered", "confined"),
                         [](const auto& each) { return each.param; });

TEST(Ending, RunAsRootNamesTheForbiddenCall) {
  const std::string socket = fmt::format("tried the forbidden system call socket ({})", SYS_socket);
  EXPECT_EQ(end_of("confined", "forbidden-call").describe(), socket);
  EXPECT_EQ(end_of("confined", "forbidden-call-in-thread").describe(), socket);
}

TEST(Ending, RunAsRootTellsAForbiddenCallEvenWithoutItsReport) {
  EXPECT_EQ(end_of("confined", "forbidden-call-unseen").describe(),
            "tried a forbidden system call");
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(Ending, RunAsRootTellsTheMemoryLimit) {
  EXPECT_EQ(end_of("confined", "use-up-memory").describe(), "ran out of memory");
  EXPECT_EQ(end_of("unfiltered", "use-up-memory").describe(), "ran out of memory");
}

TEST(Ending, RunAsRootMemoryOfOneIsNoMatterToAnother) {
  Worker steady = start_hostile("confined", "stay");
  ASSERT_EQ(next_packet(steady.control()), "ready");
  EXPECT_EQ(end_of("confined", "use-up-memory").kind, ExitCause::Kind::kOutOfMemory);
  EXPECT_FALSE(steady.try_reap()->has_value());
}
#endif

class HonestCode : public testing::TestWithParam<const char*> {};

TEST_P(HonestCode, RunAsRootIsNotDisturbed) {
  Worker worker = start_hostile(GetParam(), "live-honestly");
  EXPECT_EQ(next_packet(worker.control()), "ready");
  const auto cause = worker.wait(kPatience);
  ASSERT_TRUE(cause);
  EXPECT_TRUE(cause->clean()) << cause->describe();
}

INSTANTIATE_TEST_SUITE_P(Filters, HonestCode, testing::Values("confined", "serving"),
                         [](const auto& each) { return std::string(each.param); });

TEST(Ending, RunAsRootAskingTwiceGivesTheSameAnswer) {
  Worker worker = start_hostile("confined", "exit-7");
  ASSERT_TRUE(worker.wait(kPatience));
  const auto again = worker.try_reap();
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->code, 7);
}

TEST(Ending, RunAsRootIsToldEvenToAStarterThatIgnoresItsChildren) {
  ASSERT_NE(::signal(SIGCHLD, SIG_IGN), SIG_ERR);
  const ExitCause cause = end_of("confined", "exit-7");
  EXPECT_EQ(::signal(SIGCHLD, SIG_DFL), SIG_DFL);
  EXPECT_EQ(cause.describe(), "exited with code 7");
}

TEST(Ending, RunAsRootWaitHasADeadline) {
  Worker worker = start_hostile("confined", "stay");
  const auto cause = worker.wait(std::chrono::milliseconds(50));
  ASSERT_FALSE(cause);
  EXPECT_EQ(cause.error().code, Errc::kTimedOut);
}

TEST(Ending, RunAsRootDestroyingAWorkerEndsIt) {
  pid_t pid = -1;
  {
    const Worker worker = start_hostile("confined", "stay-deaf");
    pid = worker.pid();
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Ending, RunAsRootAFloodOfLogLinesHoldsNobodyUp) {
  Worker worker = start_hostile("confined", "flood-log");
  // It gets to the end without anybody reading.
  EXPECT_EQ(next_packet(worker.control()), "ready");
  ASSERT_TRUE(worker.wait(kPatience));
  EXPECT_FALSE(worker.last_lines().lines().empty());
}

// A process that starts a worker, tells its pid and then dies without any farewell. The test is
// the parent of what it leaves behind.
class Starter {
 public:
  explicit Starter(const char* what) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) ::abort();
    channel_ = UniqueFd{ends[0]};
    UniqueFd theirs(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) live(what, theirs.get());
  }
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;
  ~Starter() { end(); }

  // Once the worker runs: its pidfd.
  UniqueFd worker() {
    const auto packet = next_packet(channel_.borrow());
    if (!packet) return {};
    worker_ = static_cast<pid_t>(std::stol(*packet));
    return UniqueFd{static_cast<int>(::syscall(SYS_pidfd_open, worker_, 0))};
  }
  [[nodiscard]] pid_t worker_pid() const { return worker_; }

  void end() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  [[noreturn]] static void live(const char* what, int channel) {
    Worker worker = start_hostile("confined", what);
    if (next_packet(worker.control()) != "ready") ::_exit(1);
    const std::string pid = std::to_string(worker.pid());
    (void)::send(channel, pid.data(), pid.size(), 0);
    while (true) ::pause();
  }

  UniqueFd channel_;
  pid_t pid_ = -1;
  pid_t worker_ = -1;
};

bool ended_within(const UniqueFd& life, std::chrono::milliseconds at_most) {
  pollfd waiting{.fd = life.get(), .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, static_cast<int>(at_most.count())) == 1;
}

TEST(StarterDeath, RunAsRootEndsTheWorkerBeforeItMayOutliveIt) {
  for (const char* what : {"stay", "stay-deaf"}) {
    Starter starter(what);
    const UniqueFd life = starter.worker();
    ASSERT_TRUE(life.valid());
    EXPECT_FALSE(ended_within(life, std::chrono::milliseconds(200)));
    starter.end();
    EXPECT_TRUE(ended_within(life, kPatience)) << what;
    ::waitpid(starter.worker_pid(), nullptr, 0);
  }
}

TEST(StarterDeath, RunAsRootIsSurvivedAfterwards) {
  // The second writes to a log nobody reads any more.
  for (const char* what : {"outlive", "write-without-reader"}) {
    Starter starter(what);
    const UniqueFd life = starter.worker();
    ASSERT_TRUE(life.valid());
    starter.end();
    EXPECT_FALSE(ended_within(life, std::chrono::milliseconds(500))) << what;
    ASSERT_EQ(::kill(starter.worker_pid(), SIGKILL), 0);
    EXPECT_TRUE(ended_within(life, kPatience)) << what;
    ::waitpid(starter.worker_pid(), nullptr, 0);
  }
}

// Killed at any moment of the start, a starter leaves nothing behind.
TEST(StarterDeath, RunAsRootDuringTheStartLeavesNothing) {
  for (int round = 0; round < 40; ++round) {
    Starter starter("stay");
    ::usleep(static_cast<useconds_t>(round) * 500);
    starter.end();
    int left = 6000;  // a minute; a worker would stay for an hour
    while (left > 0 && (::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD)) {
      ::usleep(10'000);
      --left;
    }
    ASSERT_GT(left, 0) << "a worker outlived its starter, killed after " << round * 500 << " us";
  }
}

}  // namespace
}  // namespace airlock::test
