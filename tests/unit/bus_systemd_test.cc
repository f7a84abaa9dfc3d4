// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "daemon/bus/systemd_services.h"

namespace airlock {
namespace {

using Properties = std::map<std::string, sdbus::Variant>;
constexpr pid_t kPid = 4711;

Properties ended(std::int32_t code, std::int32_t status, const std::string& result) {
  return {{"ExecMainPID", sdbus::Variant(std::uint32_t{kPid})},
          {"ExecMainCode", sdbus::Variant(code)},
          {"ExecMainStatus", sdbus::Variant(status)},
          {"Result", sdbus::Variant(result)}};
}

TEST(SystemdServices, AUnitIsWhereSystemdPutsIt) {
  EXPECT_EQ(systemd_unit_path("airlock-ext@0-580-0.service"),
            "/org/freedesktop/systemd1/unit/airlock_2dext_400_2d580_2d0_2eservice");
  EXPECT_EQ(systemd_unit_path("9p.service"), "/org/freedesktop/systemd1/unit/_39p_2eservice");
}

TEST(SystemdServices, TheEndOfAProcessIsRead) {
  const ServiceAnswer answer = service_answer(ended(CLD_KILLED, SIGSEGV, "signal"), kPid);
  ASSERT_TRUE(answer.known && answer.ended);
  EXPECT_EQ(answer.ended->si_code, CLD_KILLED);
  EXPECT_EQ(answer.ended->si_status, SIGSEGV);
  EXPECT_FALSE(answer.out_of_memory);
  EXPECT_TRUE(service_answer(ended(CLD_KILLED, SIGKILL, "oom-kill"), kPid).out_of_memory);
}

TEST(SystemdServices, OneThatRunsHasNotEnded) {
  const ServiceAnswer answer = service_answer(ended(0, 0, "success"), kPid);
  EXPECT_TRUE(answer.known);
  EXPECT_FALSE(answer.ended);
}

// An unloaded unit comes back empty when its properties are requested.
TEST(SystemdServices, AnotherProcessOrAMissingPropertyIsNoAnswer) {
  EXPECT_FALSE(service_answer(ended(CLD_EXITED, 0, "success"), kPid + 1).known);
  EXPECT_FALSE(service_answer({}, kPid).known);
  for (const char* name : {"ExecMainPID", "ExecMainCode", "ExecMainStatus"}) {
    Properties properties = ended(CLD_EXITED, 0, "success");
    properties.erase(name);
    EXPECT_FALSE(service_answer(properties, kPid).known) << name;
  }
}

}  // namespace
}  // namespace airlock
