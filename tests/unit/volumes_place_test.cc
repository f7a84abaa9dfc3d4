// SPDX-License-Identifier: GPL-2.0-or-later
// Mounts on a folder of the caller's, which udisks requests through mount.airlock.
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

class CorePlace : public CoreWorld {
 protected:
  static std::uint64_t our_namespace() {
    struct stat info = {};
    EXPECT_EQ(::stat("/proc/self/ns/mnt", &info), 0);
    return info.st_ino;
  }
  Asked<std::string> mount_at(const std::string& sender, CallOptions options = {},
                              const std::string& device = "/dev/sdb1",
                              std::uint64_t name_space = our_namespace()) {
    if (options.type.empty()) options.type = "ext4";
    Asked<std::string> asked;
    manager->mount_at(
        call_of(sender, std::move(options)),
        {.device = device,
         .handover = handovers.put(
             sender, UniqueFd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC))),
         .mount_namespace = name_space},
        asked.reply());
    settle();
    return asked;
  }
  void plug_and_settle() {
    plug("sdb");
    settle();
  }
};

TEST_F(CorePlace, IsForRootAndGoesToWhomItNames) {
  start();
  plug_and_settle();
  const auto done = mount_at(root, {.mount_options = "uid=1000,gid=1000,exec"});
  ASSERT_EQ(done.message(), "ok");
  EXPECT_EQ(*done.result(), "sdb1");
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  const auto* made = mounting.find("/dev/sdb1");
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->decision.user, kAnna);
  EXPECT_TRUE(made->decision.allow_exec);
  ASSERT_TRUE(made->decision.place);
  EXPECT_TRUE(S_ISDIR(made->decision.place->facts().mode));
  expect_quiet();
}

TEST_F(CorePlace, IsForNobodyElse) {
  start();
  sessions.log_in(kAnna, "anna", "seat0");
  rules.switch_automount("off");
  plug_and_settle();
  const auto refused = mount_at(anna);
  EXPECT_EQ(refused.code(), Errc::kNotPermitted) << refused.message();
  EXPECT_EQ(publisher.state("sdb1"), "available") << "nor does what they try change anything";
  EXPECT_EQ(mounting.find("/dev/sdb1"), nullptr);
}

// A desktop may ask before the event for the device arrives; a stranger must not trigger an
// examination of it that way.
TEST_F(CorePlace, ADeviceNobodyHeardOfYetIsShownToRootAlone) {
  start();
  rules.switch_automount("off");
  prober.put("/dev/sdb1", ext4());
  devices.plug_stick_silently("sdb");
  EXPECT_EQ(mount_at(anna).code(), Errc::kNotPermitted);
  EXPECT_TRUE(publisher.volumes.empty());
  EXPECT_EQ(mount_at(anna, {}, "/dev/nothing").code(), Errc::kNotPermitted);
  EXPECT_EQ(mount_at(root).message(), "ok");
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  expect_quiet();
}

TEST_F(CorePlace, OfAnotherNamespaceIsRefused) {
  start();
  plug_and_settle();
  const auto refused = mount_at(root, {}, "/dev/sdb1", our_namespace() + 1);
  EXPECT_EQ(refused.code(), Errc::kUnsupported) << refused.message();
}

TEST_F(CorePlace, WhatHoldsAnotherTypeIsRefusedAndToldByTheVolume) {
  start();
  sessions.log_in(kAnna, "anna", "seat0");
  rules.switch_automount("off");
  plug_and_settle();
  const auto refused = mount_at(root, {.type = "vfat"});
  EXPECT_EQ(refused.code(), Errc::kWrongFormat) << refused.message();
  EXPECT_EQ(publisher.state("sdb1"), "refused");
  EXPECT_NE(publisher.text("sdb1", "StateReason").find("not \"vfat\""), std::string::npos);
}

TEST_F(CorePlace, AMountThatFailsIsToldByTheVolume) {
  start();
  plug_and_settle();
  mounting.fail_next(FakeMounting::Request::kMount, Errc::kIo, "the driver found no superblock");
  const auto failed = mount_at(root);
  EXPECT_EQ(failed.code(), Errc::kIo);
  EXPECT_EQ(publisher.state("sdb1"), "refused");
  EXPECT_NE(publisher.text("sdb1", "StateReason").find("no superblock"), std::string::npos);
  EXPECT_EQ(mount_at(root).message(), "ok") << "it may work the next time";
  expect_quiet();
}

TEST_F(CorePlace, WhatIsMountedIsNotMountedAgain) {
  start();
  plug_and_settle();
  ASSERT_EQ(mount_at(root).message(), "ok");
  EXPECT_EQ(mount_at(root).code(), Errc::kAlreadyMounted);
  EXPECT_EQ(mount_at(root, {}, "/dev/nothing").code(), Errc::kNotFound);
}

TEST_F(CorePlace, AfterADeathItIsDetachedAndNotRecovered) {
  start();
  plug_and_settle();
  ASSERT_EQ(mount_at(root).message(), "ok");
  mounting.die("/dev/sdb1");
  settle();
  const auto again = recover(root, "sdb1", "read-write");
  settle();
  EXPECT_EQ(again.code(), Errc::kUnsupported) << again.message();
  const auto away = detach(root, "sdb1");
  settle();
  EXPECT_EQ(away.message(), "ok");
}

}  // namespace
}  // namespace airlock
