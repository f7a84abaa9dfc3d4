// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "contained/runtime/confine_steps.h"

namespace airlock {
namespace {

constexpr std::uint64_t kNegative = 0xffff'ffff'0000'0000U;

// The errno of the call in a process under the filter; -1 if that ended the process.
int asked_under_filter(std::uint64_t request) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::vector<SyscallRule> rules = {
        {.name = "ioctl", .refuse_with = ENOTTY, .when = {request_is(BLKBSZGET)}}};
    if (!install_filter(rules)) ::_exit(0);
    ::syscall(SYS_ioctl, -1, request, 0);
    ::_exit(errno);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ConfineFilter, ARequestIsKnownByItsLowerHalf) {
  EXPECT_EQ(asked_under_filter(BLKBSZGET), ENOTTY);
  EXPECT_EQ(asked_under_filter(BLKBSZGET | kNegative), ENOTTY);
}

TEST(ConfineFilter, AnotherRequestEndsTheProcess) {
  EXPECT_EQ(asked_under_filter(BLKBSZSET), -1);
  EXPECT_EQ(asked_under_filter(BLKBSZSET | kNegative), -1);
}

}  // namespace
}  // namespace airlock
