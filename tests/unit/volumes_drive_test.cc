// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

using Says = FakeAuthority::Says;

constexpr const char* kNow = "unmounted; it can be removed safely";

std::string not_yet(const std::string& other) {
  return "unmounted, but " + other + " on the same drive is in use: do not unplug it yet";
}

// A stick with two partitions, both mounted for Anna.
class CoreDrive : public CoreWorld {
 protected:
  void SetUp() override {
    sessions.log_in(kAnna, "anna");
    start();
    Device stick = FakeDeviceSource::usb_stick("sdb");
    stick.has_partitions = true;
    prober.put("/dev/sdb1", ext4("ONE"));
    prober.put("/dev/sdb2", ext4("TWO"));
    const Device disk = devices.plug(stick);
    devices.plug(FakeDeviceSource::partition_of(disk, 1));
    devices.plug(FakeDeviceSource::partition_of(disk, 2));
    devices.change_silently("sdb", [](Device& device) {
      device.users = {"its partition sdb1 is mounted on /x", "its partition sdb2 is mounted on /y"};
    });
    settle();
    ASSERT_EQ(mounting.mounts().size(), 2U);
  }
};

TEST_F(CoreDrive, EjectUnmountsEverythingFirst) {
  const auto done = eject(anna, "sdb2");
  settle();
  EXPECT_EQ(done.message(), "ok");
  const auto& history = mounting.history();
  ASSERT_GE(history.size(), 3U);
  EXPECT_EQ(history[history.size() - 3], "unmount /dev/sdb1");
  EXPECT_EQ(history[history.size() - 2], "unmount /dev/sdb2");
  EXPECT_EQ(history.back(), "eject /dev/sdb");
  expect_quiet();
}

// A person wants to pull out the whole stick.
TEST_F(CoreDrive, OnlyTheLastOneUnmountedSaysThatItCanBeRemoved) {
  unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(publisher.text("sdb1", "StateReason"), not_yet("sdb2"));
  EXPECT_EQ(publisher.last_unmount("sdb1"), "drive-in-use");
  EXPECT_EQ(publisher.detail("sdb1", "LastUnmount", "summary"), not_yet("sdb2"));
  mounting.die("/dev/sdb2");
  detach(anna, "sdb2");
  mount(anna, "sdb1");
  settle();
  unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(publisher.text("sdb1", "StateReason"), kNow);
  EXPECT_EQ(publisher.last_unmount("sdb1"), "safe");
}

TEST_F(CoreDrive, WhileAnEjectGoesOnNothingSaysThatItCanBeRemoved) {
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto done = eject(anna, "sdb1");
  settle();
  mounting.answer_next();
  EXPECT_EQ(publisher.last_unmount("sdb1"), "drive-in-use");
  mounting.answer_next();
  EXPECT_EQ(publisher.last_unmount("sdb2"), "safe");
  mounting.answer_all();
  EXPECT_EQ(done.message(), "ok");
}

TEST_F(CoreDrive, WhatIsMountedElsewhereOrBeingRepairedIsNotRemovedEither) {
  unmount(anna, "sdb2");
  settle();
  Asked<PropertyMap> repaired;
  manager->repair(call_of(anna), "sdb2", repaired.reply());
  settle();
  ASSERT_EQ(checking.running(), 1U);
  unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(publisher.last_unmount("sdb1"), "drive-in-use");
  checking.answer(fail(Errc::kIo, "no"));
  settle();
  mount(anna, "sdb1");
  settle();
  devices.change_silently("sdb2", [](Device& device) { device.users = {"mounted on /mnt"}; });
  unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(publisher.last_unmount("sdb1"), "drive-in-use");
}

TEST_F(CoreDrive, WhatIsInUseIsNotEjectedAndTheHolderIsNamed) {
  mounting.hold("/dev/sdb2", {{.pid = 7, .name = "vi", .path = "/x"}});
  const auto done = eject(anna, "sdb1");
  settle();
  EXPECT_EQ(done.code(), Errc::kBusy);
  EXPECT_NE(done.message().find("vi (pid 7"), std::string::npos) << done.message();
  EXPECT_NE(mounting.history().back(), "eject /dev/sdb");
  EXPECT_EQ(publisher.state("sdb2"), "mounted");
  expect_quiet();
}

TEST_F(CoreDrive, WhatWasNotWrittenCompletelyIsNotEjected) {
  mounting.set_unmount_result({.flushed = false, .warning = "the driver hung"});
  const auto done = eject(anna, "sdb1");
  settle();
  EXPECT_EQ(done.code(), Errc::kIo);
  EXPECT_TRUE(mounting.mounts().empty());
  EXPECT_NE(mounting.history().back(), "eject /dev/sdb");
}

TEST_F(CoreDrive, ADriverThatDoesNotGiveItsWordIsNoReasonToSayEjected) {
  mounting.set_unmount_result({.flushed = true, .vouched = false, .warning = ""});
  const auto done = eject(anna, "sdb1");
  settle();
  EXPECT_EQ(done.code(), Errc::kIo);
  EXPECT_NE(mounting.history().back(), "eject /dev/sdb");
}

TEST_F(CoreDrive, DeadMountsAreDetachedAndTheRestUnmountedButTheLossIsToldFirst) {
  mounting.die("/dev/sdb1");
  Asked<void> done;
  manager->power_off(call_of(anna), "sdb1", done.reply());
  settle();
  EXPECT_EQ(done.code(), Errc::kIo);
  EXPECT_NE(done.message().find("may be lost"), std::string::npos) << done.message();
  EXPECT_TRUE(mounting.mounts().empty());
  EXPECT_NE(mounting.history().back(), "power off /sys/devices/fake/block/sdb");
  Asked<void> again;
  manager->power_off(call_of(anna), "sdb1", again.reply());
  settle();
  EXPECT_EQ(again.message(), "ok") << "whoever was told may have it switched off";
  EXPECT_EQ(mounting.history().back(), "power off /sys/devices/fake/block/sdb");
}

TEST_F(CoreDrive, TheMediumMayLeaveWhileItIsEjected) {
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto done = eject(anna, "sdb1");
  settle();
  mounting.answer_next();
  mounting.answer_next();
  ASSERT_EQ(mounting.waiting(), 1U) << "only the eject itself";
  devices.change_medium("sdb");
  devices.unplug("sdb");
  mounting.answer_all();
  settle();
  EXPECT_EQ(done.message(), "ok");
  EXPECT_TRUE(publisher.volumes.empty());
  expect_quiet();
}

TEST_F(CoreDrive, PulledOutBeforeEverythingWasUnmountedIsAFailure) {
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto done = eject(anna, "sdb1");
  settle();
  devices.unplug("sdb");
  mounting.answer_all();
  settle();
  EXPECT_EQ(done.code(), Errc::kPeerGone) << done.message();
  expect_quiet();
}

TEST_F(CoreDrive, NothingIsMountedOnADriveThatIsBeingEjected) {
  unmount(anna, "sdb1");
  unmount(anna, "sdb2");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto done = eject(anna, "sdb1");
  settle();
  EXPECT_EQ(mount(anna, "sdb2").code(), Errc::kBusy);
  EXPECT_EQ(eject(anna, "sdb2").code(), Errc::kBusy);
  mounting.answer_all();
  EXPECT_EQ(done.message(), "ok");
}

TEST_F(CoreDrive, SomebodyElsesMountNeedsMorePermission) {
  authority.set("org.airlock1.unmount-others", Says::kNo);
  const auto done = eject(bela, "sdb1");
  settle();
  EXPECT_EQ(done.code(), Errc::kNotPermitted);
  EXPECT_EQ(mounting.mounts().size(), 2U);
}

TEST_F(CoreDrive, TheSystemsDrivesStay) {
  Device disk = FakeDeviceSource::internal_disk("sda");
  disk.system_reason = "it holds the running system";
  devices.plug(disk);
  settle();
  EXPECT_EQ(eject(root, "sda").code(), Errc::kNotPermitted);
  Asked<void> off;
  manager->power_off(call_of(root), "sda", off.reply());
  EXPECT_EQ(off.code(), Errc::kNotPermitted);
}

TEST_F(CoreDrive, AForcedEjectOvertakesOneThatWaits) {
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto patient = eject(anna, "sdb1");
  settle();
  EXPECT_EQ(eject(anna, "sdb2").code(), Errc::kBusy);
  const auto forced = eject(anna, "sdb2", {.force = true});
  settle();
  EXPECT_EQ(mounting.history().back(), "insist on unmount /dev/sdb1");
  EXPECT_EQ(eject(anna, "sdb1", {.force = true}).code(), Errc::kBusy) << "once is enough";
  EXPECT_FALSE(patient.answered() || forced.answered());
  for (int i = 0; i < 3; ++i) {  // two unmounts and an eject
    mounting.answer_next();
    settle();
  }
  EXPECT_EQ(patient.message(), "ok");
  EXPECT_EQ(forced.message(), "ok");
  EXPECT_EQ(mounting.history().back(), "eject /dev/sdb");
  expect_quiet();
}

TEST_F(CoreDrive, AForcedEjectOvertakesAnUnmountThatWaits) {
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto patient = unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(eject(anna, "sdb1").code(), Errc::kBusy);
  const auto forced = eject(anna, "sdb1", {.force = true});
  settle();
  EXPECT_EQ(mounting.history().back(), "insist on unmount /dev/sdb1");
  for (int i = 0; i < 3; ++i) {
    mounting.answer_next();
    settle();
  }
  EXPECT_EQ(patient.message(), "ok");
  EXPECT_EQ(forced.message(), "ok");
  expect_quiet();
}

TEST_F(CoreDrive, AnEjectCanBeCancelled) {
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto done = eject(anna, "sdb1");
  settle();
  std::string job;
  for (const auto& [id, all] : publisher.jobs)
    if (std::get<std::string>(all.at("Operation")) == "eject") job = id;
  ASSERT_NE(job, "");
  EXPECT_EQ(cancel(anna, job).message(), "ok");
  EXPECT_EQ(done.code(), Errc::kCancelled);
  mounting.answer_all();
  settle();
  EXPECT_NE(mounting.history().back(), "eject /dev/sdb");
  expect_quiet();
}

}  // namespace
}  // namespace airlock
