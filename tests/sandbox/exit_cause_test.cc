// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/exit_cause.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <string_view>

namespace airlock {
namespace {

ExitCause killed_by(int signal_number, std::string_view said = "",
                    ExitCircumstances circumstances = {}) {
  LineTail lines;
  lines.append(said);
  siginfo_t ended{};
  ended.si_code = CLD_KILLED;
  ended.si_status = signal_number;
  return exit_cause(ended, lines, circumstances);
}

TEST(ExitCause, TellsTheMachinesMemoryFromAnOrdinaryKill) {
  EXPECT_EQ(killed_by(SIGKILL).describe(), "was killed by SIGKILL");
  EXPECT_EQ(killed_by(SIGKILL, "", {.memory_ran_out = true}).describe(), "ran out of memory");
  EXPECT_EQ(killed_by(SIGKILL, "", {.killed_by_us = true, .memory_ran_out = true}).describe(),
            "was killed by SIGKILL (sent by Airlock)");
  EXPECT_EQ(killed_by(SIGSEGV, "", {.memory_ran_out = true}).describe(), "was killed by SIGSEGV");
}

TEST(ExitCause, BelievesTheLastReportOnly) {
  const auto cause = killed_by(
      SIGSYS, "airlock: forbidden system call 1\nairlock: forbidden system call 2\nother\n");
  EXPECT_EQ(cause.forbidden_call, 2);
}

TEST(ExitCause, ReadsNoReportWhereTheKernelSawNone) {
  EXPECT_EQ(killed_by(SIGSEGV, "airlock: forbidden system call 1\n").describe(),
            "was killed by SIGSEGV");
}

TEST(ExitCause, CopesWithNonsenseInTheReport) {
  for (const char* text :
       {"airlock: forbidden system call \n", "airlock: forbidden system call x\n",
        "airlock: forbidden system call 5 5\n",
        "airlock: forbidden system call 99999999999999999999\n"})
    EXPECT_EQ(killed_by(SIGSYS, text).describe(), "tried a forbidden system call") << text;
  EXPECT_EQ(killed_by(SIGSYS, "airlock: forbidden system call 99999\n").describe(),
            "tried the forbidden system call unknown (99999)");
}

TEST(ExitCause, NamesSignals) {
  EXPECT_EQ(signal_name(SIGTERM), "SIGTERM");
  EXPECT_EQ(signal_name(40), "signal 40");
}

}  // namespace
}  // namespace airlock
