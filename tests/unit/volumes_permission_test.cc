// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

using Says = FakeAuthority::Says;
constexpr const char* kMountRemovable = "org.airlock1.mount-removable";
constexpr const char* kMountOtherSeat = "org.airlock1.mount-other-seat";
constexpr const char* kUnmountOthers = "org.airlock1.unmount-others";

// An unmounted stick at seat0, where Anna sits; automount is off.
class CorePermission : public CoreWorld {
 protected:
  void SetUp() override {
    Settings settings;
    settings.automount.value = Automount::kOff;
    rules.replace(settings);
    sessions.log_in(kAnna, "anna");
    start();
    plug("sdb");
    settle();
    ASSERT_EQ(publisher.state("sdb1"), "available");
  }
};

TEST_F(CorePermission, YesMountsAndPolkitWasToldOfWhat) {
  const auto done = mount(anna, "sdb1", {.mount_options = "ro"});
  settle();
  EXPECT_EQ(done.message(), "ok");
  ASSERT_FALSE(authority.asked().empty());
  const auto& question = authority.asked().front();
  EXPECT_EQ(question.action, kMountRemovable);
  EXPECT_EQ(question.sender, anna);
  EXPECT_EQ(question.interaction, Interaction::kAllowed);
  EXPECT_EQ(question.details.at("device"), "/dev/sdb1");
  EXPECT_EQ(question.details.at("drive.model"), "Stick");
  EXPECT_EQ(question.details.at("volume.label"), "STICK");
  EXPECT_EQ(question.details.at("mount.options"), "ro");
  EXPECT_TRUE(mounting.find("/dev/sdb1")->decision.read_only);
}

TEST_F(CorePermission, NoMountsNothing) {
  authority.set(kMountRemovable, Says::kNo);
  const auto done = mount(anna, "sdb1");
  settle();
  EXPECT_EQ(done.code(), Errc::kNotPermitted);
  EXPECT_TRUE(mounting.history().empty());
  expect_quiet();
}

// Plugged in at a seat where nobody sits: nobody has examined it yet.
class CoreLook : public CoreWorld {
 protected:
  void SetUp() override {
    sessions.log_in(kAnna, "anna");
    start();
    stick.seat = "seat1";
    prober.put("/dev/sdb1", ext4("STICK"));
    devices.plug(stick);
    settle();
    ASSERT_TRUE(prober.asked().empty());
  }
  Device stick = FakeDeviceSource::usb_stick("sdb1");
};

TEST_F(CoreLook, WhoeverIsRefusedCausesNoLook) {
  authority.set(kMountOtherSeat, Says::kNo);
  const auto mounted = mount(anna, "sdb1");
  Asked<PropertyMap> checked;
  manager->check(call_of(anna), "sdb1", checked.reply());
  settle();
  EXPECT_EQ(mounted.code(), Errc::kNotPermitted) << mounted.message();
  EXPECT_EQ(checked.code(), Errc::kNotPermitted) << checked.message();
  EXPECT_TRUE(prober.asked().empty());
  EXPECT_TRUE(mounting.history().empty());
}

TEST_F(CoreLook, PolkitIsAskedAgainWhenItIsKnownWhatIsOnTheMedium) {
  authority.set(kMountOtherSeat, Says::kNothingYet);
  const auto mounted = mount(anna, "sdb1");
  settle();
  EXPECT_TRUE(prober.asked().empty());
  authority.answer(true);
  settle();
  EXPECT_EQ(prober.asked().size(), 1U);
  EXPECT_FALSE(mounted.answered());
  ASSERT_EQ(authority.open(), 1U);
  EXPECT_EQ(authority.asked().back().details.at("volume.label"), "STICK");
  authority.answer(true);
  settle();
  EXPECT_EQ(mounted.message(), "ok");
}

TEST_F(CoreLook, RootIsNotAsked) {
  const auto mounted = mount(root, "sdb1");
  settle();
  EXPECT_EQ(mounted.message(), "ok");
  EXPECT_TRUE(authority.asked().empty());
}

TEST_F(CorePermission, WhoAsksWithoutInteractionIsNotBotheredWithOne) {
  mount(anna, "sdb1", {.no_user_interaction = true});
  settle();
  EXPECT_EQ(authority.asked().front().interaction, Interaction::kNotAllowed);
}

TEST_F(CorePermission, ALateYesMountsAndOthersAreServedMeanwhile) {
  authority.set(kMountRemovable, Says::kNothingYet);
  const auto slow = mount(anna, "sdb1");
  settle();
  EXPECT_FALSE(slow.answered());
  Asked<std::string> other;
  manager->find_volume(call_of(bela), "sdb1", other.reply());
  EXPECT_EQ(other.message(), "ok");
  authority.answer(true);
  settle();
  EXPECT_EQ(slow.message(), "ok");
}

TEST_F(CorePermission, ACallerWhoLeavesTakesTheQuestionAlong) {
  authority.set(kMountRemovable, Says::kNothingYet);
  const auto asked = mount(anna, "sdb1");
  settle();
  callers.leave(anna);
  EXPECT_EQ(authority.withdrawn(), 1U);
  EXPECT_EQ(asked.code(), Errc::kPeerGone);
  settle();
  EXPECT_FALSE(mounting.mounted("/dev/sdb1"));
  expect_quiet();
}

TEST_F(CorePermission, ACallerWhoLeavesWhileBeingLookedUpIsForgotten) {
  callers.answer_later();
  const auto asked = mount(anna, "sdb1");
  callers.leave(anna);
  EXPECT_TRUE(asked.answered());
  callers.answer_all();
  settle();
  expect_quiet();
}

TEST_F(CorePermission, AYesForAnotherMediumIsWorthNothing) {
  authority.set(kMountRemovable, Says::kNothingYet);
  const auto asked = mount(anna, "sdb1");
  settle();
  prober.put("/dev/sdb1", ext4("OTHER"));
  devices.change("sdb1", [](Device&) {});
  settle();
  authority.answer(true);
  settle();
  EXPECT_EQ(asked.code(), Errc::kPeerGone) << asked.message();
  EXPECT_FALSE(mounting.mounted("/dev/sdb1"));
}

TEST_F(CorePermission, AYesThatComesAfterSomebodyElseMountedItSaysSo) {
  authority.set(kMountRemovable, Says::kNothingYet);
  const auto asked = mount(anna, "sdb1");
  settle();
  authority.set(kMountRemovable, Says::kYes);
  const auto quick = mount(root, "sdb1");
  settle();
  ASSERT_EQ(quick.message(), "ok");
  authority.answer(true);
  settle();
  EXPECT_EQ(asked.code(), Errc::kAlreadyMounted);
}

TEST_F(CorePermission, AYesAfterTheUnplugIsTooLate) {
  authority.set(kMountRemovable, Says::kNothingYet);
  const auto asked = mount(anna, "sdb1");
  settle();
  devices.unplug("sdb");
  EXPECT_EQ(asked.code(), Errc::kPeerGone);
  EXPECT_EQ(authority.withdrawn(), 1U);
  settle();
  expect_quiet();
}

TEST_F(CorePermission, WhatIsNeededIsLookedAtAgainAfterTheAnswer) {
  // Not mounted by another user when polkit was asked, mounted by Anna when the answer came.
  mount(anna, "sdb1");
  settle();
  authority.set("org.airlock1.eject", Says::kNothingYet);
  authority.set(kUnmountOthers, Says::kNo);
  unmount(anna, "sdb1");
  settle();
  const auto ejecting = eject(bela, "sdb1");
  settle();
  mount(anna, "sdb1");
  settle();
  ASSERT_TRUE(mounting.mounted("/dev/sdb1"));
  while (authority.open() > 0) authority.answer(true);
  settle();
  EXPECT_EQ(ejecting.code(), Errc::kNotPermitted) << ejecting.message();
  EXPECT_TRUE(mounting.mounted("/dev/sdb1"));
}

TEST_F(CorePermission, RootIsNotAsked) {
  authority.set(kMountRemovable, Says::kNo);
  authority.set(kUnmountOthers, Says::kNo);
  const auto mounted = mount(root, "sdb1");
  settle();
  EXPECT_EQ(mounted.message(), "ok");
  EXPECT_TRUE(authority.asked().empty());
}

TEST_F(CorePermission, AJobIsCancelledByItsStarterOrWhoMay) {
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  authority.set(kUnmountOthers, Says::kNo);
  const auto mounted = mount(anna, "sdb1");
  settle();
  ASSERT_EQ(publisher.jobs.size(), 1U);
  const std::string job = publisher.jobs.begin()->first;
  EXPECT_EQ(cancel(bela, job).code(), Errc::kNotPermitted);
  EXPECT_FALSE(mounted.answered());
  EXPECT_EQ(cancel(anna, job).message(), "ok");
  EXPECT_EQ(mounted.code(), Errc::kCancelled);
  EXPECT_EQ(publisher.state("sdb1"), "available");
  EXPECT_EQ(mounting.history().back(), "cancel mount /dev/sdb1");
  EXPECT_EQ(cancel(anna, job).code(), Errc::kNotFound);
  expect_quiet();
}

TEST_F(CorePermission, ACancelledUnmountLeavesTheMount) {
  mount(anna, "sdb1");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto done = unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(cancel(root, publisher.jobs.begin()->first).message(), "ok");
  EXPECT_EQ(done.code(), Errc::kCancelled);
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
}

TEST_F(CorePermission, ACancelledDetachLeavesTheDeadMount) {
  mount(anna, "sdb1");
  settle();
  mounting.die("/dev/sdb1");
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto done = detach(anna, "sdb1");
  settle();
  EXPECT_EQ(cancel(anna, publisher.jobs.begin()->first).message(), "ok");
  EXPECT_EQ(done.code(), Errc::kCancelled);
  EXPECT_EQ(publisher.state("sdb1"), "dead");
}

TEST_F(CorePermission, ACallerMayAskOnlySoMuchAtOnce) {
  authority.set(kMountRemovable, Says::kNothingYet);
  std::vector<Asked<std::string>> asked;
  for (int i = 0; i < 200; ++i) asked.push_back(mount(anna, "sdb1"));
  settle();
  EXPECT_LE(manager->open_requests(), VolumeRules::Limits{}.requests_per_user);
  EXPECT_EQ(asked.back().code(), Errc::kLimitExceeded);
  EXPECT_EQ(mount(root, "sdb1").code(), std::nullopt) << "others are served";
  settle();
  callers.leave(anna);
  for (const auto& one : asked) EXPECT_TRUE(one.answered());
  settle();
  expect_quiet();
}

TEST_F(CorePermission, ManyBusNamesOfOneUserHaveOneLimit) {
  Settings settings;
  settings.limits.calls_per_user = 5;
  rules.replace(settings);
  authority.set(kMountRemovable, Says::kNothingYet);
  std::vector<Asked<std::string>> asked;
  for (int i = 0; i < 10; ++i) asked.push_back(mount(":1000." + std::to_string(10 + i), "sdb1"));
  settle();
  EXPECT_EQ(manager->open_requests(), 5U);
  EXPECT_EQ(asked.back().code(), Errc::kLimitExceeded);
  manager.reset();
}

TEST_F(CorePermission, AnOptionNobodyKnowsIsRefusedByName) {
  const auto asked = mount(anna, "sdb1", {.mount_options = "ro,suid"});
  settle();
  EXPECT_NE(asked.message().find("suid"), std::string::npos) << asked.message();
  EXPECT_TRUE(mounting.history().empty());
}

}  // namespace
}  // namespace airlock
