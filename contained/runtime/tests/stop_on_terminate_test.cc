// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/stop_on_terminate.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace airlock {
namespace {

// The alarm that repeats SIGTERM may come after the end, and so may another SIGTERM: as when the
// last commit takes longer than a second. Nobody is left to be told then.
void be_terminated_before_and_after_the_end() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::exit(2);
  auto server = FuseServer::create(UniqueFd(ends[1]), {});
  if (!server) std::exit(2);
  {
    const StopOnTerminate stopper(**server);
    (void)::raise(SIGTERM);
  }
  server->reset();
  const unsigned left = ::alarm(0);
  (void)::raise(SIGALRM);
  (void)::raise(SIGTERM);
  std::exit(left == 0 ? 0 : 1);
}

TEST(StopOnTerminate, NothingComesAfterTheEnd) {
  EXPECT_EXIT(be_terminated_before_and_after_the_end(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace airlock
