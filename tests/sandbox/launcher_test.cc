// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <array>

#include "tests/sandbox/hostile_runner.h"

namespace airlock::test {
namespace {

TEST(Launcher, RunAsRootSaysWhatIsWrongWithTheProgram) {
  SandboxLauncher launcher;
  const auto missing = launcher.start({.program = "/nonexistent/driver"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  const auto folder = launcher.start({.program = "/usr"});
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, Errc::kInvalidArgument);
  const auto text = launcher.start({.program = "/etc/passwd"});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message(),
            "start \"/etc/passwd\": the new worker could not execute the program: "
            "Permission denied");
}

TEST(Launcher, RunAsRootNeverStartsRoot) {
  SandboxLauncher launcher;
  SandboxSpec spec = hostile_spec("confined", "stay");
  spec.user_id = 0;
  const auto worker = launcher.start(spec);
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Errc::kInvalidArgument);
}

TEST(Launcher, RunAsRootRefusesAUserIdBeyondTheRange) {
  SandboxLauncher launcher;
  SandboxSpec spec = hostile_spec("confined", "stay");
  spec.user_ids.count = 1;
  const auto worker = launcher.start(spec);
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Errc::kLimitExceeded);
}

TEST(Launcher, RunAsRootTakesAGivenUserId) {
  SandboxLauncher launcher;
  SandboxSpec spec = hostile_spec("confined", "stay");
  spec.user_id = 0x7fff0001;
  const auto worker = launcher.start(spec);
  ASSERT_TRUE(worker) << worker.error().message();
  EXPECT_EQ(worker->uid(), 0x7fff0001U);
  EXPECT_NE(text_of(fmt::format("/proc/{}/status", worker->pid())).find("2147418113"),
            std::string::npos);
}

TEST(Launcher, RunAsRootLeaksNoDescriptor) {
  {
    const Worker first = start_hostile("confined", "stay");
  }
  const std::size_t before = open_descriptors();
  SandboxLauncher launcher;
  for (int round = 0; round < 5; ++round) {
    {
      Worker worker = start_hostile("confined", "stay");
      EXPECT_EQ(next_packet(worker.control()), "ready");
      EXPECT_EQ(open_descriptors(), before + 3);  // control, life, log
    }
    EXPECT_FALSE(launcher.start({.program = "/etc/passwd"}));
    EXPECT_EQ(open_descriptors(), before);
  }
}

TEST(Launcher, RunAsRootLeavesNoMountBehind) {
  const std::string before = text_of("/proc/self/mountinfo");
  const Worker worker = start_hostile("confined", "stay");
  EXPECT_EQ(next_packet(worker.control()), "ready");
  EXPECT_EQ(text_of("/proc/self/mountinfo"), before);
}

TEST(Launcher, RunAsRootWorkersRunSideBySideAsDifferentUsers) {
  Worker one = start_hostile("confined", "stay");
  Worker two = start_hostile("confined", "stay");
  EXPECT_EQ(next_packet(one.control()), "ready");
  EXPECT_EQ(next_packet(two.control()), "ready");
  EXPECT_NE(one.uid(), two.uid());
  one.kill();
  ASSERT_TRUE(one.wait(kPatience));
  EXPECT_FALSE(two.try_reap()->has_value());
}

TEST(Launcher, RunAsRootReportsAWorkerThatEndsAtOnce) {
  // Without the arguments it needs; the start itself worked.
  SandboxLauncher launcher;
  auto worker = launcher.start({.program = HOSTILE_DRIVER});
  ASSERT_TRUE(worker);
  EXPECT_EQ(worker->wait(kPatience)->describe(), "exited with code 64");
}

// True if the packet that came carried a descriptor.
bool descriptor_arrives(BorrowedFd channel, std::string& report) {
  std::array<char, 64> content{};
  iovec into{.iov_base = content.data(), .iov_len = content.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &into;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t length = ::recvmsg(channel.get(), &message, MSG_CMSG_CLOEXEC);
  report.assign(content.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  return rights != nullptr && rights->cmsg_type == SCM_RIGHTS;
}

// From Linux 6.16 on the kernel does it; the channel's reader takes care of older ones.
TEST(Launcher, RunAsRootTakesNoDescriptorFromAWorker) {
  constexpr int kSocketPassRights = 83;
  Worker worker = start_hostile("confined", "send-descriptor");
  int passes = 1;
  socklen_t length = sizeof passes;
  const bool kernel_refuses =
      ::getsockopt(worker.control().get(), SOL_SOCKET, kSocketPassRights, &passes, &length) == 0;
  std::string report;
  const bool arrived = descriptor_arrives(worker.control(), report);
  if (!kernel_refuses) GTEST_SKIP() << "this kernel delivers descriptors to everybody";
  EXPECT_EQ(passes, 0);
  EXPECT_FALSE(arrived);
  EXPECT_EQ(report, fmt::format("sent {}", EPERM));
}

}  // namespace
}  // namespace airlock::test
