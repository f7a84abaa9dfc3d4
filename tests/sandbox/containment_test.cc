// SPDX-License-Identifier: GPL-2.0-or-later
//
// A live worker, measured from outside.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "daemon/launch/containment_report.h"
#include "tests/sandbox/hostile_runner.h"

namespace airlock::test {
namespace {

// With a user namespace and as if the kernel refused one.
class ContainmentTest : public testing::TestWithParam<UserNamespace> {
 protected:
  static Worker start() {
    SandboxLauncher launcher;
    SandboxSpec spec = hostile_spec("confined", "stay");
    spec.user_namespace = GetParam();
    auto worker = launcher.start(spec);
    if (!worker) throw std::runtime_error(worker.error().message());
    return *std::move(worker);
  }

  void SetUp() override {
    ASSERT_EQ(next_packet(worker_.control()), "ready");
    auto measured = measure_containment(worker_.pid());
    ASSERT_TRUE(measured) << measured.error().message();
    report_ = *std::move(measured);
  }

  [[nodiscard]] std::string proc(std::string_view file) const {
    return text_of(fmt::format("/proc/{}/{}", worker_.pid(), file));
  }

  Worker worker_ = start();
  ContainmentReport report_;
};

TEST_P(ContainmentTest, RunAsRootIsItsOwnUserAndNobodyElse) {
  EXPECT_EQ(report_.user_ids, std::vector<uid_t>(4, worker_.uid()));
  EXPECT_EQ(report_.group_ids, std::vector<gid_t>(4, worker_.uid()));
  EXPECT_TRUE(report_.supplementary_groups.empty());
  EXPECT_GE(worker_.uid(), UserIdRange{}.first);
}

TEST_P(ContainmentTest, RunAsRootHasNoPrivilegeAndGetsNone) {
  EXPECT_TRUE(report_.capabilities.none());
  EXPECT_TRUE(report_.no_new_privileges);
}

TEST_P(ContainmentTest, RunAsRootIsFiltered) {
  EXPECT_EQ(report_.seccomp_mode, 2);
  EXPECT_EQ(report_.seccomp_filters, 1);
}

TEST_P(ContainmentTest, RunAsRootSharesNoNamespace) {
  for (const auto& space : report_.namespaces) {
    const bool expected = space.name != "user" || GetParam() == UserNamespace::kWhereAllowed;
    EXPECT_EQ(space.own, expected) << space.name;
  }
  EXPECT_EQ(report_.namespaces.size(), 7U);
  EXPECT_EQ(worker_.has_user_namespace(), GetParam() == UserNamespace::kWhereAllowed);
}

TEST_P(ContainmentTest, RunAsRootHasAnEmptyRoot) {
  EXPECT_EQ(report_.mounts, 1) << proc("mountinfo");
  EXPECT_TRUE(report_.root_is_read_only);
  EXPECT_EQ(report_.root_entries, 0U);
}

TEST_P(ContainmentTest, RunAsRootHoldsFourDescriptors) {
  ASSERT_EQ(report_.descriptors.size(), 4U) << render(report_);
  for (int number = 0; number < 4; ++number)
    EXPECT_EQ(report_.descriptors[static_cast<std::size_t>(number)].number, number);
  EXPECT_EQ(report_.descriptors[0].target, "/dev/null");
  EXPECT_TRUE(report_.descriptors[1].target.starts_with("pipe:"));
  EXPECT_EQ(report_.descriptors[1].target, report_.descriptors[2].target);
  EXPECT_TRUE(report_.descriptors[3].target.starts_with("socket:"));
}

TEST_P(ContainmentTest, RunAsRootKnowsNothingOfItsStarter) {
  EXPECT_EQ(proc("environ"), std::string("LISTEN_FDS=1\0LISTEN_PID=1\0", 26));
  EXPECT_EQ(::getsid(worker_.pid()), worker_.pid());
}

TEST_P(ContainmentTest, RunAsRootHasItsLimits) {
  const std::string limits = proc("limits");
  const auto expect_limit = [&](std::string_view name, std::uint64_t value) {
    // Soft and hard, in columns of fixed width.
    const std::string line = fmt::format("{:<25} {:<20} {:<20}", name, value, value);
    EXPECT_NE(limits.find(line), std::string::npos) << line << " in\n" << limits;
  };
  expect_limit("Max core file size", 0);
  expect_limit("Max locked memory", 0);
  expect_limit("Max msgqueue size", 0);
  expect_limit("Max realtime priority", 0);
  expect_limit("Max nice priority", 0);
  expect_limit("Max open files", SandboxLimits{}.open_files);
  expect_limit("Max processes", SandboxLimits{}.tasks);
  expect_limit("Max stack size", SandboxLimits{}.stack_bytes);
#if !defined(__SANITIZE_ADDRESS__)
  expect_limit("Max data size", 96U << 20);
  expect_limit("Max address space", (96U + 64U) << 20);
#endif
}

TEST_P(ContainmentTest, RunAsRootGoesFirstWhereMemoryRunsOut) {
  EXPECT_EQ(proc("oom_score_adj"), "500\n");
}

TEST_P(ContainmentTest, RunAsRootIsInAControlGroupOfItsOwn) {
  if (!is_possible_here()) return;
  std::string limits;
  for (const auto& group : report_.control_groups) {
    EXPECT_TRUE(group.own) << group.path;
    for (const GroupLimit& limit : group.limits)
      limits += fmt::format("{} {}\n", limit.name, limit.value);
  }
#if !defined(__SANITIZE_ADDRESS__)
  const std::string memory = std::to_string((96U + 128U) << 20);
  EXPECT_TRUE(limits.find("memory.max " + memory + "\n") != std::string::npos ||
              limits.find("memory.limit_in_bytes " + memory + "\n") != std::string::npos)
      << limits;
#endif
  if (limits.find("pids.max") != std::string::npos) {
    EXPECT_NE(limits.find(fmt::format("pids.max {}\n", SandboxLimits{}.tasks)), std::string::npos)
        << limits;
  }
  EXPECT_NE(render(report_).find("control group      own, "), std::string::npos) << render(report_);
}

TEST_P(ContainmentTest, RunAsRootIsProcessOneAndNotDumpable) {
  EXPECT_NE(proc("status").find(fmt::format("NSpid:\t{}\t1\n", worker_.pid())), std::string::npos);
  // What is not dumpable belongs to root in /proc (or to the namespace's root: nobody there).
  struct stat status{};
  ASSERT_EQ(::stat(fmt::format("/proc/{}/maps", worker_.pid()).c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
}

TEST_P(ContainmentTest, RunAsRootReportIsReadable) {
  const std::string text = render(report_);
  EXPECT_NE(text.find("capabilities       none in any set\n"), std::string::npos) << text;
  EXPECT_NE(text.find("root directory     empty, read-only, 1 mount(s) in all\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("seccomp            filtering"), std::string::npos) << text;
  // In plain words; this worker has its control channel still.
  EXPECT_TRUE(text.starts_with(
      "can reach          the descriptors below: no other file, program or network\n"
      "can talk to        whoever is at the other end of its sockets\n"
      "can use at most    "))
      << text;
}

TEST_P(ContainmentTest, RunAsRootPlainWordsNameEveryGap) {
  const auto reach = [](const ContainmentReport& report) {
    const std::string text = render(report);
    return text.substr(19, text.find('\n') - 19);
  };
  ContainmentReport gap = report_;
  gap.capabilities.bounding = 1;
  EXPECT_EQ(reach(gap), "MORE THAN ITS DESCRIPTORS: has capabilities");
  gap = report_;
  gap.no_new_privileges = false;
  gap.seccomp_mode = 0;
  EXPECT_EQ(reach(gap), "MORE THAN ITS DESCRIPTORS: can get privileges, may make any system call");
  gap = report_;
  gap.user_ids[2] = 0;
  std::erase_if(gap.namespaces, [](const auto& space) { return space.name == "net"; });
  EXPECT_EQ(reach(gap), "MORE THAN ITS DESCRIPTORS: is root, shares the namespace net");
  gap = report_;
  std::erase_if(gap.descriptors, [](const auto& descriptor) { return descriptor.number == 3; });
  EXPECT_NE(render(gap).find("can talk to        the kernel"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Sandbox, ContainmentTest,
                         testing::Values(UserNamespace::kWhereAllowed, UserNamespace::kNever),
                         [](const auto& each) {
                           return each.param == UserNamespace::kNever ? "WithoutUserNamespace"
                                                                      : "WithUserNamespace";
                         });

// The measuring must be able to see what it denies: an ordinary process looks ordinary.
TEST(ContainmentReport, RunAsRootShowsWhatIsNotContained) {
  const auto report = measure_containment(::getpid());
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_FALSE(report->capabilities.none());
  EXPECT_FALSE(report->no_new_privileges);
  EXPECT_EQ(report->seccomp_mode, 0);
  EXPECT_GT(report->mounts, 1);
  EXPECT_GT(report->root_entries.value_or(0), 0U);
  EXPECT_TRUE(std::ranges::none_of(report->namespaces, &ContainmentReport::Namespace::own));
  EXPECT_NE(render(*report).find("POSSIBLE"), std::string::npos);
  EXPECT_TRUE(render(*report).starts_with("can reach          MORE THAN ITS DESCRIPTORS: is root"));
  for (const auto& group : report->control_groups) EXPECT_FALSE(group.own) << group.path;
}

TEST(ContainmentReport, FailsForAProcessThatIsNotThere) {
  EXPECT_EQ(measure_containment(0x7fffffff).error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace airlock::test
