// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

using CoreAutomatic = CoreWorld;

TEST_F(CoreAutomatic, WhileTheScreenIsLockedMediaWaitUnopened) {
  sessions.log_in(kAnna, "anna");
  sessions.lock(true);
  start();
  plug("sdb", "ONE");
  plug("sdc", "TWO");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "waiting");
  EXPECT_EQ(std::get<std::uint32_t>(publisher.manager["Waiting"]), 2U);
  EXPECT_TRUE(prober.asked().empty()) << "nobody looked at them";

  sessions.lock(false);
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  EXPECT_EQ(publisher.state("sdc1"), "mounted");
  EXPECT_EQ(std::get<std::uint32_t>(publisher.manager["Waiting"]), 0U);
}

TEST_F(CoreAutomatic, WhatWaitedAndLeftIsNotReplayed) {
  start();
  plug("sdb");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "waiting");
  devices.unplug("sdb");
  sessions.log_in(kAnna, "anna");
  settle();
  EXPECT_TRUE(publisher.volumes.empty());
  EXPECT_TRUE(mounting.mounts().empty());
}

TEST_F(CoreAutomatic, ALockBetweenLookAndMountMakesItWait) {
  sessions.log_in(kAnna, "anna");
  start();
  prober.answer_later();
  plug("sdb");
  settle();
  sessions.lock(true);
  prober.answer_all();
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "waiting");
  sessions.lock(false);
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
}

TEST_F(CoreAutomatic, EverybodyGetsTheMediaOfTheirOwnSeat) {
  sessions.log_in(kAnna, "anna", "seat0");
  sessions.log_in(kBela, "bela", "seat1");
  start();
  plug("sdb", "ANNAS");
  Device stick = FakeDeviceSource::usb_stick("sdc");
  stick.seat = "seat1";
  prober.put("/dev/sdc", ext4("BELAS"));
  devices.plug(stick);
  settle();
  EXPECT_EQ(publisher.text("sdb1", "MountPoint"), "/run/media/anna/ANNAS");
  EXPECT_EQ(publisher.text("sdc", "MountPoint"), "/run/media/bela/BELAS");
  EXPECT_EQ(std::get<std::uint32_t>(publisher.volumes["sdc"].at("MountedFor")), kBela);

  authority.set("org.airlock1.unmount-others", FakeAuthority::Says::kNo);
  const auto others = unmount(bela, "sdb1");
  const auto own = unmount(bela, "sdc");
  settle();
  EXPECT_EQ(others.code(), Errc::kNotPermitted);
  EXPECT_EQ(own.message(), "ok");
  EXPECT_TRUE(mounting.mounted("/dev/sdb1"));
}

TEST_F(CoreAutomatic, WhatIsUsedOrTheSystemsIsNeverOpened) {
  sessions.log_in(kAnna, "anna");
  start();
  Device used = FakeDeviceSource::usb_stick("sdb");
  used.users = {"dm-0"};
  devices.plug(used);
  Device system = FakeDeviceSource::usb_stick("sdc");
  system.system_reason = "/etc/fstab names it";
  devices.plug(system);
  Device told = FakeDeviceSource::usb_stick("sdd");
  told.ignored = true;
  devices.plug(told);
  settle();
  for (const char* name : {"sdb", "sdc", "sdd"})
    EXPECT_EQ(publisher.state(name), "ignored") << name;
  EXPECT_TRUE(prober.asked().empty());
  const auto asked = mount(anna, "sdb");
  settle();
  EXPECT_EQ(asked.code(), Errc::kBusy) << asked.message();
  EXPECT_TRUE(prober.asked().empty()) << "also not for somebody who asks";
}

TEST_F(CoreAutomatic, AReaderWithoutACardIsNoVolume) {
  sessions.log_in(kAnna, "anna");
  start();
  Device reader = FakeDeviceSource::usb_stick("sdb");
  reader.size = 0;
  devices.plug(reader);
  settle();
  EXPECT_TRUE(publisher.volumes.empty());
  prober.put("/dev/sdb", ext4("CARD"));
  devices.change("sdb", [](Device& device) { device.size = 1'000'000; });
  settle();
  EXPECT_EQ(publisher.state("sdb"), "mounted");
  devices.change("sdb", [](Device& device) { device.size = 0; });
  settle();
  EXPECT_TRUE(publisher.volumes.empty());
  EXPECT_TRUE(mounting.mounts().empty());
}

TEST_F(CoreAutomatic, AnotherCardInTheReaderIsAnotherVolume) {
  sessions.log_in(kAnna, "anna");
  start();
  prober.put("/dev/sdb", ext4("FIRST"));
  devices.plug(FakeDeviceSource::usb_stick("sdb"));
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  prober.put("/dev/sdb", ext4("SECOND"));
  devices.change_medium("sdb");
  settle();
  EXPECT_EQ(publisher.state("sdb"), "gone") << "its mount is still being taken away";
  ASSERT_TRUE(publisher.volumes.contains("sdb-2"));
  EXPECT_EQ(publisher.text("sdb-2", "Label"), "SECOND");
  mounting.answer_all();
  settle();
  EXPECT_FALSE(publisher.volumes.contains("sdb"));
  EXPECT_EQ(publisher.state("sdb-2"), "mounted");
}

TEST_F(CoreAutomatic, NewSettingsDecideAgainAboutWhatIsNotSettled) {
  Settings settings;
  Rule rule;
  rule.name = "not this one";
  rule.match.texts.push_back({.key = "serial", .patterns = {"0001"}});
  rule.ignore = true;
  settings.rules.push_back(rule);
  rules.replace(settings);
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "ignored");
  rules.replace(Settings{});
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
}

TEST_F(CoreAutomatic, SwitchingAutomountOffIsForThoseWhoMay) {
  sessions.log_in(kAnna, "anna");
  start();
  authority.set("org.airlock1.change-settings", FakeAuthority::Says::kNo);
  Asked<void> denied;
  manager->set_automount(call_of(bela), "off", denied.reply());
  EXPECT_EQ(denied.code(), Errc::kNotPermitted);
  Asked<void> odd;
  manager->set_automount(call_of(bela), "maybe", odd.reply());
  EXPECT_EQ(odd.code(), Errc::kInvalidArgument);

  authority.set("org.airlock1.change-settings", FakeAuthority::Says::kYes);
  Asked<void> done;
  manager->set_automount(call_of(anna), "off", done.reply());
  EXPECT_EQ(done.message(), "ok");
  EXPECT_EQ(std::get<std::string>(publisher.manager["Automount"]), "off");
  plug("sdb");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "available");
  EXPECT_EQ(publisher.text("sdb1", "Label"), "STICK");
}

TEST_F(CoreAutomatic, AMediumThatCannotBeReadIsShownWithTheReason) {
  sessions.log_in(kAnna, "anna");
  start();
  prober.break_medium("/dev/sdb", Errc::kIo);
  devices.plug(FakeDeviceSource::usb_stick("sdb"));
  settle();
  EXPECT_EQ(publisher.state("sdb"), "available");
  EXPECT_NE(publisher.text("sdb", "StateReason").find("failed"), std::string::npos);
  const auto asked = mount(anna, "sdb");
  settle();
  EXPECT_EQ(asked.code(), Errc::kIo) << "it was looked at again for this request";
  expect_quiet();
}

TEST_F(CoreAutomatic, TooManyVolumesAreLeftAlone) {
  Settings settings;
  settings.limits.volumes = 4;
  rules.replace(settings);
  start();
  for (int i = 0; i < 10; ++i) devices.plug(FakeDeviceSource::usb_stick("sd" + std::to_string(i)));
  settle();
  EXPECT_EQ(publisher.volumes.size(), 4U);
}

}  // namespace
}  // namespace airlock
