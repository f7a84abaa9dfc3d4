// SPDX-License-Identifier: GPL-2.0-or-later
// Tests that need root, to choose the number of the next process.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "daemon/loop/errand.h"
#include "daemon/loop/event_loop.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;

// A process with this number, which waits to be killed; 0 if other processes took it every time.
pid_t make_stranger(pid_t number) {
  for (int attempt = 0; attempt < 200; ++attempt) {
    std::ofstream("/proc/sys/kernel/ns_last_pid") << number - 1;
    const pid_t child = ::fork();
    if (child == 0)
      for (;;) ::pause();
    if (child == number) return child;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  return 0;
}

TEST(ErrandRunAsRoot, NeverSignalsAStrangerWhoGotItsNumber) {
  auto loop = EventLoop::create();
  ASSERT_TRUE(loop);
  auto errand = Errand::start(
      *loop, "end at once", {}, {}, []() -> Result<ErrandReport> { return ErrandReport{}; },
      [](const Result<ErrandReport>&) {});
  ASSERT_TRUE(errand);
  // Reaps it elsewhere, as the reaper of orphans might.
  const pid_t number = ::waitpid(-1, nullptr, 0);
  ASSERT_GT(number, 0);
  const pid_t stranger = make_stranger(number);
  ASSERT_EQ(stranger, number) << "no process could be given this number";
  {
    const Errand destroyed = *std::move(errand);
  }
  // Dying takes a moment.
  int status = 0;
  pid_t ended = 0;
  for (int look = 0; look < 20 && ended == 0; ++look) {
    std::this_thread::sleep_for(10ms);
    ended = ::waitpid(stranger, &status, WNOHANG);
  }
  EXPECT_EQ(ended, 0) << "the stranger was killed";
  ::kill(stranger, SIGKILL);
  ::waitpid(stranger, nullptr, 0);
}

}  // namespace
}  // namespace airlock
