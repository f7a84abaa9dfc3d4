// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "contained/runtime/confine_steps.h"
#include "contained/runtime/make_filter.h"

namespace airlock {
namespace {

constexpr int kNotInstalled = 255;
constexpr std::uint64_t kNegative = 0xffff'ffff'0000'0000U;

// The errno of the call in a process under the filter; -1 if that ended the process.
template <typename Call>
int error_under_filter(Call call) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::vector<SyscallRule> rules = {
        {.name = "ioctl", .refuse_with = ENOTTY, .when = {request_is(BLKBSZGET)}}};
    const auto filter = make_filter(rules);
    if (!filter || !install_filter(*filter)) ::_exit(kNotInstalled);
    errno = 0;
    call();
    ::_exit(errno);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int asked_under_filter(std::uint64_t request) {
  return error_under_filter([request] { ::syscall(SYS_ioctl, -1, request, 0); });
}

TEST(ConfineFilter, ARequestIsKnownByItsLowerHalf) {
  EXPECT_EQ(asked_under_filter(BLKBSZGET), ENOTTY);
  EXPECT_EQ(asked_under_filter(BLKBSZGET | kNegative), ENOTTY);
}

TEST(ConfineFilter, AnotherRequestEndsTheProcess) {
  EXPECT_EQ(asked_under_filter(BLKBSZSET), -1);
  EXPECT_EQ(asked_under_filter(BLKBSZSET | kNegative), -1);
}

TEST(ConfineFilter, SignalsReachOnlyTheProcessThatInstalledIt) {
  const auto signal = [](pid_t process) {
    return error_under_filter(
        [process] { ::syscall(SYS_tgkill, process != 0 ? process : ::getpid(), ::gettid(), 0); });
  };
  EXPECT_EQ(signal(0), 0);
  EXPECT_EQ(signal(::getpid()), -1);
  EXPECT_EQ(signal(kThisProcess), -1);
}

}  // namespace
}  // namespace airlock
