// SPDX-License-Identifier: GPL-2.0-or-later
//
// The measuring itself: it must see what a filter lets through, or the table it makes is worth
// nothing.
#include "tests/sandbox/exposure/filter_calls.h"

#include <gtest/gtest.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "contained/runtime/confine_steps.h"
#include "contained/runtime/make_filter.h"

namespace airlock::test {
namespace {

const std::vector<SyscallRule> kRules = {
    {.name = "getppid", .refuse_with = 0, .when = {}},
    {.name = "getuid", .refuse_with = EPERM, .when = {}},
    {.name = "setpriority", .refuse_with = 0, .when = {argument_is(0, 7), argument_is(2, 9)}},
    {.name = "flock", .refuse_with = 0, .when = {argument_masked(1, 0xf0, 0x30)}},
    {.name = "kill", .refuse_with = EPERM, .when = {argument_is(1, 5)}},
    {.name = "alarm", .refuse_with = 0, .when = {argument_is_not(0, 0)}},
};

FilterProgram filter() {
  return make_filter(kRules).value_or(FilterProgram{});
}

TEST(FilterCalls, FindsWhatIsPossibleAndWhatIsRefused) {
  const auto tried = try_all_calls({filter()});
  ASSERT_TRUE(tried) << tried.error().message();
  for (const long call : {SYS_getppid, SYS_setpriority, SYS_flock, SYS_alarm, SYS_mmap,
                          SYS_rt_sigreturn, SYS_exit_group})
    EXPECT_TRUE(tried->possible.contains(call)) << call;
  for (const long call : {SYS_setpriority, SYS_flock, SYS_alarm, SYS_mmap})
    EXPECT_TRUE(tried->only_some.contains(call)) << call;
  for (const long call : {SYS_getppid, SYS_exit_group})
    EXPECT_FALSE(tried->only_some.contains(call)) << call;
  EXPECT_TRUE(tried->refused.contains(SYS_getuid));
  EXPECT_TRUE(tried->refused.contains(SYS_kill));
  for (const long call : {SYS_socket, SYS_execve, SYS_ptrace, SYS_seccomp, SYS_getuid, SYS_kill})
    EXPECT_FALSE(tried->possible.contains(call)) << call;
}

TEST(FilterCalls, ASecondFilterTakesAway) {
  const std::vector<SyscallRule> ended = {
      {.name = "getppid", .refuse_with = 0, .when = {}},
      {.name = "setpriority", .refuse_with = 0, .when = {argument_is(0, 7)}},
      {.name = "alarm", .refuse_with = 0, .when = {argument_is(0, 4)}},
  };
  const auto narrowing = make_narrowing_filter(ended);
  ASSERT_TRUE(narrowing) << narrowing.error().message();
  const auto one = try_all_calls({filter()});
  const auto both = try_all_calls({*narrowing, filter()});
  ASSERT_TRUE(one && both);
  EXPECT_EQ(one->possible.size(), both->possible.size() + 2);
  EXPECT_FALSE(both->possible.contains(SYS_getppid));
  EXPECT_FALSE(both->possible.contains(SYS_setpriority));
  EXPECT_TRUE(both->possible.contains(SYS_alarm));
}

// As what holds nothing looks: nearly every number.
TEST(FilterCalls, WithoutAFilterEverythingIsPossible) {
  const auto tried = try_all_calls({});
  ASSERT_TRUE(tried) << tried.error().message();
  EXPECT_GT(tried->possible.size(), 1000U);
  EXPECT_TRUE(tried->refused.empty());
}

TEST(FilterCalls, RunAsRootReadsThemFromALiveProcess) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto its = filter();
    if (install_filter(its))
      while (true) (void)::getppid();
    ::_exit(1);
  }
  std::size_t seen = 0;
  for (int round = 0; round < 1000 && seen == 0; ++round) {
    ::usleep(1000);
    const auto filters = filters_of(child);
    ASSERT_TRUE(filters) << filters.error().message();
    seen = filters->size();
    if (seen != 0) {
      EXPECT_EQ(filters->front().size(), filter().size());
    }
  }
  EXPECT_EQ(seen, 1U);
  EXPECT_EQ(::kill(child, 0), 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace airlock::test
