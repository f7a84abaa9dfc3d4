// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

using CoreLife = CoreWorld;

TEST_F(CoreLife, AStickIsMountedByItselfAndUnmountedByItsOwner) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  EXPECT_EQ(publisher.text("sdb1", "MountPoint"), "/run/media/anna/STICK");
  EXPECT_EQ(publisher.text("sdb1", "Label"), "STICK");
  EXPECT_EQ(publisher.state("sdb"), "ignored");

  const auto done = unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(done.message(), "ok");
  EXPECT_EQ(publisher.state("sdb1"), "available");
  EXPECT_NE(publisher.text("sdb1", "StateReason").find("safe"), std::string::npos);
  EXPECT_TRUE(authority.asked().empty()) << "it is hers";

  devices.unplug("sdb");
  settle();
  EXPECT_TRUE(publisher.volumes.empty());
  expect_quiet();
  const std::vector<std::string> story = {"sdb ignored",    "+job mount",   "sdb1 mounting",
                                          "sdb1 mounted",   "+job unmount", "sdb1 unmounting",
                                          "sdb1 available", "sdb1 gone",    "-sdb1",
                                          "sdb gone",       "-sdb"};
  EXPECT_EQ(publisher.history, story);
}

TEST_F(CoreLife, AMountIsARecordUntilItIsUnmounted) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  ASSERT_EQ(records->load().size(), 1U);
  EXPECT_EQ(records->load().front().volume_id, "sdb1");
  EXPECT_EQ(records->load().front().user, kAnna);
  unmount(anna, "sdb1");
  settle();
  EXPECT_TRUE(records->load().empty());
}

TEST_F(CoreLife, WhatWasUnmountedIsNotMountedAgainByItself) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  unmount(anna, "sdb1");
  settle();
  // Closing the device after a write makes udev examine it again.
  devices.change("sdb1", [](Device& device) { device.read_only = false; });
  settle();
  sessions.lock(true);
  sessions.lock(false);
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "available");
  EXPECT_NE(publisher.text("sdb1", "StateReason").find("safe"), std::string::npos);
}

TEST_F(CoreLife, AFreshlyFormattedMediumShowsItsNewLabel) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  unmount(anna, "sdb1");
  settle();
  prober.put("/dev/sdb1", ext4("NEW"));
  devices.change("sdb1", [](Device&) {});
  settle();
  EXPECT_EQ(publisher.text("sdb1", "Label"), "NEW");
  const auto again = mount(anna, "sdb1");
  settle();
  EXPECT_EQ(again.message(), "ok");
  EXPECT_EQ(*again.result(), "/run/media/anna/NEW");
}

TEST_F(CoreLife, MountingWhatIsMountedSaysWhere) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  const auto again = mount(anna, "sdb1");
  settle();
  EXPECT_EQ(again.code(), Errc::kAlreadyMounted);
  EXPECT_NE(again.message().find("/run/media/anna/STICK"), std::string::npos);
}

TEST_F(CoreLife, WhoeverAsksDuringTheAutomaticMountGetsItsResult) {
  sessions.log_in(kAnna, "anna");
  start();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  plug("sdb");
  settle();
  const auto asked = mount(anna, "sdb1");
  settle();
  EXPECT_FALSE(asked.answered());
  const auto other = mount(bela, "sdb1");
  settle();
  EXPECT_EQ(other.code(), Errc::kBusy);
  mounting.answer_all();
  EXPECT_EQ(asked.message(), "ok");
}

TEST_F(CoreLife, AskingWhileItIsStillExaminedWaitsForThat) {
  Settings settings;
  settings.automount.value = Automount::kOff;
  rules.replace(settings);
  sessions.log_in(kAnna, "anna");
  start();
  prober.answer_later();
  plug("sdb");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "probing");
  const auto asked = mount(anna, "sdb1");
  settle();
  EXPECT_FALSE(asked.answered());
  prober.answer_all();
  settle();
  EXPECT_EQ(asked.message(), "ok");
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
}

TEST_F(CoreLife, AMountThatFailsLeavesTheMediumAvailableWithTheReason) {
  sessions.log_in(kAnna, "anna");
  start();
  mounting.fail_next(FakeMounting::Request::kMount, Errc::kCorrupted, "the superblock is odd");
  plug("sdb");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "available");
  EXPECT_NE(publisher.text("sdb1", "StateReason").find("the superblock is odd"), std::string::npos);
  EXPECT_TRUE(records->load().empty());
  expect_quiet();
}

TEST_F(CoreLife, ABusyMediumNamesWhoHoldsIt) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.hold("/dev/sdb1", {{.pid = 12, .name = "bash", .path = "/run/media/anna/STICK"}});
  const auto done = unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(done.code(), Errc::kBusy);
  EXPECT_NE(done.message().find("bash (pid 12, \"/run/media/anna/STICK\")"), std::string::npos)
      << done.message();
  EXPECT_EQ(publisher.state("sdb1"), "mounted");

  Asked<std::vector<Service::UserOfMount>> users;
  manager->users(call_of(anna), "sdb1", users.reply());
  settle();
  ASSERT_TRUE(users.succeeded());
  EXPECT_EQ(users.result()->at(0).pid, 12U);

  const auto lazy = unmount(anna, "sdb1", {.lazy = true});
  settle();
  EXPECT_EQ(lazy.message(), "ok");
  expect_quiet();
}

TEST_F(CoreLife, AHundredHoldersAreNotAllNamed) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.hold("/dev/sdb1", std::vector<BusyProcess>(100, {.pid = 1, .name = "x", .path = "/"}));
  const auto done = unmount(anna, "sdb1");
  settle();
  EXPECT_NE(done.message().find("and 95 more"), std::string::npos);
  EXPECT_LT(done.message().size(), 400U);
}

TEST_F(CoreLife, AnUnmountThatCouldNotWriteEverythingIsNoSuccess) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_unmount_result({.flushed = false, .warning = "the driver did not end in order"});
  const auto done = unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(done.code(), Errc::kIo);
  EXPECT_EQ(publisher.state("sdb1"), "available");
  EXPECT_EQ(publisher.text("sdb1", "StateReason").find("safe"), std::string::npos);
  EXPECT_EQ(publisher.last_unmount("sdb1"), "incomplete");
  EXPECT_EQ(publisher.detail("sdb1", "LastUnmount", "summary"),
            "unmounted: the driver did not end in order");
}

TEST_F(CoreLife, HowItWasUnmountedIsSaidUntilTheNextMount) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  EXPECT_EQ(publisher.last_unmount("sdb1"), "");
  unmount(anna, "sdb1");
  settle();
  EXPECT_EQ(publisher.last_unmount("sdb1"), "safe");
  EXPECT_EQ(publisher.detail("sdb1", "LastUnmount", "summary"),
            publisher.text("sdb1", "StateReason"));
  devices.change("sdb1", [](Device& device) { device.users = {"mounted on /mnt"}; });
  settle();
  EXPECT_EQ(publisher.last_unmount("sdb1"), "safe") << "a look at it is no mount";
  devices.change("sdb1", [](Device& device) { device.users.clear(); });
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  mount(anna, "sdb1");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "mounting");
  EXPECT_EQ(publisher.last_unmount("sdb1"), "");
  mounting.answer_all();
  EXPECT_EQ(publisher.last_unmount("sdb1"), "");
}

TEST_F(CoreLife, WhatOthersUnmountedIsSafeOnTheWordOfItsDriverAlone) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  const auto outcome_of = [&](Mounting::UnmountResult result) {
    settle();
    mounting.unmount_by_hand("/dev/sdb1", std::move(result));
    settle();
    const std::string outcome = publisher.last_unmount("sdb1");
    mount(anna, "sdb1");
    return outcome;
  };
  EXPECT_EQ(outcome_of({.flushed = true, .vouched = true, .warning = ""}), "safe");
  EXPECT_EQ(outcome_of({.flushed = true, .vouched = false, .warning = ""}), "unknown");
  EXPECT_EQ(outcome_of({.flushed = false, .warning = "it died"}), "incomplete");
}

TEST_F(CoreLife, ADriverThatDoesNotGiveItsWordLeavesNothingSafe) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_unmount_result({.flushed = true, .vouched = false, .warning = ""});
  EXPECT_EQ(unmount(anna, "sdb1").code(), std::nullopt);
  settle();
  EXPECT_EQ(publisher.last_unmount("sdb1"), "unknown");
  EXPECT_EQ(publisher.detail("sdb1", "LastUnmount", "summary").find("safe"), std::string::npos);
}

TEST_F(CoreLife, WhatADriverHadNotWrittenWhenItDiedStaysLost) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.die("/dev/sdb1");
  EXPECT_EQ(publisher.last_unmount("sdb1"), "");
  detach(anna, "sdb1");
  settle();
  EXPECT_EQ(publisher.last_unmount("sdb1"), "incomplete");
  EXPECT_EQ(publisher.detail("sdb1", "LastUnmount", "summary"),
            "its dead mount was detached: the latest changes may be lost");
}

TEST_F(CoreLife, ProgressIsAShareOfTheMostEverLeft) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto done = unmount(anna, "sdb1");
  settle();
  mounting.progress(400);
  mounting.progress(100);
  ASSERT_EQ(publisher.jobs.size(), 1U);
  const PropertyMap& job = publisher.jobs.begin()->second;
  EXPECT_EQ(std::get<std::uint64_t>(job.at("BytesLeft")), 100U);
  EXPECT_DOUBLE_EQ(std::get<double>(job.at("Progress")), 0.75);
  mounting.answer_all();
  EXPECT_EQ(done.message(), "ok");
  EXPECT_TRUE(publisher.jobs.empty());
}

TEST_F(CoreLife, ADeadDriverIsADeadMountWithItsStory) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  EXPECT_TRUE(mounting.die("/dev/sdb1"));
  EXPECT_EQ(publisher.state("sdb1"), "dead");
  EXPECT_EQ(publisher.text("sdb1", "StateReason"), "the driver was killed by SIGSEGV");
  using Story = std::map<std::string, std::variant<std::string, std::int64_t, bool>>;
  const auto& story = std::get<Story>(publisher.volumes["sdb1"].at("Death"));
  EXPECT_EQ(std::get<std::string>(story.at("kind")), "signal");
  EXPECT_EQ(std::get<std::int64_t>(story.at("signal")), 11);
  EXPECT_EQ(std::get<std::string>(story.at("last-lines")), "airlock-ext: serving");
  EXPECT_EQ(std::get<std::uint32_t>(publisher.volumes["sdb1"].at("DriverPid")), 0U);
  EXPECT_EQ(records->load().size(), 1U) << "the kernel still has it";
}

TEST_F(CoreLife, AMountWhoseDriverWasReplacedStaysMountedAndSaysSo) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  const DriverDeath death{.kind = "signal", .cause = "was killed by SIGSEGV"};
  EXPECT_TRUE(mounting.heal("/dev/sdb1", death, 30ms, 4711));
  EXPECT_TRUE(mounting.heal("/dev/sdb1", death, 20ms, 4712));
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  using Story = std::map<std::string, std::variant<std::string, std::int64_t, bool>>;
  const auto& story = std::get<Story>(publisher.volumes["sdb1"].at("Healed"));
  EXPECT_EQ(std::get<std::int64_t>(story.at("count")), 2);
  EXPECT_EQ(std::get<std::int64_t>(story.at("longest-pause-ms")), 30);
  EXPECT_EQ(std::get<std::string>(story.at("cause")), "was killed by SIGSEGV");
  EXPECT_EQ(std::get<std::uint32_t>(publisher.volumes["sdb1"].at("DriverPid")), 4712U);
  ASSERT_EQ(records->load().size(), 1U);
  EXPECT_EQ(records->load().front().mount.driver_pid, 4712);
}

TEST_F(CoreLife, ADeadMountIsDetachedAfterItsGraceButStaysInTheList) {
  death_grace = 30ms;
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.die("/dev/sdb1");
  EXPECT_TRUE(mounting.mounted("/dev/sdb1"));
  EXPECT_TRUE(wait_for([&] { return !mounting.mounted("/dev/sdb1"); }));
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "dead");
  EXPECT_EQ(publisher.text("sdb1", "MountPoint"), "");
  EXPECT_TRUE(records->load().empty());
  const auto back = recover(anna, "sdb1", "read-write");
  settle();
  EXPECT_EQ(back.message(), "ok");
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
}

TEST_F(CoreLife, ADeadMountComesBackReadWriteOrReadOnlyForTheSameUser) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  for (const std::string mode : {"read-only", "read-write"}) {
    settle();
    mounting.die("/dev/sdb1");
    const auto back = recover(root, "sdb1", mode);
    settle();
    ASSERT_EQ(back.message(), "ok");
    EXPECT_EQ(mounting.find("/dev/sdb1")->decision.user, kAnna);
    EXPECT_EQ(mounting.find("/dev/sdb1")->decision.user_name, "anna");
    EXPECT_EQ(mounting.find("/dev/sdb1")->decision.read_only, mode == "read-only");
    EXPECT_TRUE(mounting.find("/dev/sdb1")->alive);
  }
  const auto nothing = recover(anna, "sdb1", "read-write");
  const auto odd = recover(anna, "sdb1", "sideways");
  settle();
  EXPECT_EQ(nothing.code(), Errc::kInvalidArgument);
  EXPECT_EQ(odd.code(), Errc::kInvalidArgument);
  expect_quiet();
}

TEST_F(CoreLife, OurOwnMountIsNotSomebodyElsesUse) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  // udev reports this for a mounted device, and no event reports its end.
  devices.change("sdb1",
                 [](Device& device) { device.users = {"mounted on /run/media/anna/STICK"}; });
  mounting.die("/dev/sdb1");
  const auto back = recover(anna, "sdb1", "read-write");
  settle();
  ASSERT_EQ(back.message(), "ok");
  unmount(anna, "sdb1");
  settle();
  devices.change_silently("sdb1", [](Device& device) { device.users.clear(); });
  const auto again = mount(anna, "sdb1");
  settle();
  EXPECT_EQ(again.message(), "ok");
}

TEST_F(CoreLife, WhoTookTheDeviceWithoutAnEventIsNoticed) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  unmount(anna, "sdb1");
  settle();
  devices.change_silently("sdb1", [](Device& device) { device.users = {"swap"}; });
  const auto again = mount(anna, "sdb1");
  settle();
  EXPECT_EQ(again.code(), Errc::kBusy) << again.message();
}

TEST_F(CoreLife, DetachingEndsTheStory) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  const auto early = detach(anna, "sdb1");
  settle();
  EXPECT_EQ(early.code(), Errc::kBusy) << "its driver lives";
  mounting.die("/dev/sdb1");
  const auto done = detach(anna, "sdb1");
  settle();
  EXPECT_EQ(done.message(), "ok");
  EXPECT_EQ(publisher.state("sdb1"), "available");
  EXPECT_FALSE(mounting.mounted("/dev/sdb1"));
}

TEST_F(CoreLife, UnmountingADeadMountDetachesIt) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.die("/dev/sdb1");
  const auto mounted = mount(anna, "sdb1");
  const auto done = unmount(anna, "sdb1");
  settle();
  EXPECT_NE(mounted.message().find("recover"), std::string::npos);
  EXPECT_EQ(done.message(), "ok");
  EXPECT_FALSE(mounting.mounted("/dev/sdb1"));
}

// A driver may never let go, and a waiting user must have a way out.
TEST_F(CoreLife, AForcedUnmountOvertakesOneThatIsRunning) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  const auto patient = unmount(anna, "sdb1");
  settle();
  ASSERT_EQ(publisher.state("sdb1"), "unmounting");
  EXPECT_EQ(unmount(anna, "sdb1").code(), Errc::kBusy);
  EXPECT_EQ(unmount(anna, "sdb1", {.lazy = true}).code(), Errc::kBusy);
  const auto forced = unmount(anna, "sdb1", {.force = true});
  settle();
  EXPECT_EQ(mounting.history().back(), "insist on unmount /dev/sdb1");
  EXPECT_FALSE(patient.answered());
  EXPECT_EQ(unmount(anna, "sdb1", {.force = true}).code(), Errc::kBusy) << "once is enough";
  mounting.answer_all();
  settle();
  EXPECT_EQ(forced.message(), "ok");
  EXPECT_TRUE(patient.answered());
  EXPECT_EQ(publisher.state("sdb1"), "available");
  expect_quiet();
}

TEST_F(CoreLife, ADriverThatDiesWhileUnmountingIsDeadIfTheUnmountFails) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  mounting.fail_next(FakeMounting::Request::kUnmount, Errc::kWorkerDied, "the driver died");
  const auto done = unmount(anna, "sdb1");
  settle();
  mounting.die("/dev/sdb1");
  EXPECT_EQ(publisher.state("sdb1"), "unmounting");
  mounting.answer_all();
  EXPECT_EQ(done.code(), Errc::kWorkerDied);
  EXPECT_EQ(publisher.state("sdb1"), "dead");
}

TEST_F(CoreLife, WhatOthersUnmountedIsAvailable) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  EXPECT_TRUE(
      mounting.unmount_by_hand("/dev/sdb1", {.flushed = true, .vouched = true, .warning = ""}));
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "available");
  EXPECT_TRUE(records->load().empty());
  EXPECT_EQ(mounting.watchers(), 0U);
  expect_quiet();
}

TEST_F(CoreLife, LogLinesAreTheOwnersToRead) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  Asked<std::vector<std::string>> lines;
  manager->log_lines(call_of(anna), "sdb1", lines.reply());
  authority.set("org.airlock1.unmount-others", FakeAuthority::Says::kNo);
  Asked<std::vector<std::string>> others;
  manager->log_lines(call_of(bela), "sdb1", others.reply());
  settle();
  ASSERT_TRUE(lines.succeeded());
  EXPECT_EQ(lines.result()->size(), 1U);
  EXPECT_EQ(others.code(), Errc::kNotPermitted);
}

TEST_F(CoreLife, AVolumeIsFoundByItsIdItsNodeItsLinksAndItsMountPoint) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  devices.link("/dev/disk/by-label/STICK", "/dev/sdb1");
  for (const std::string name :
       {"sdb1", "/dev/sdb1", "/dev/disk/by-label/STICK", "/run/media/anna/STICK"}) {
    Asked<std::string> found;
    manager->find_volume(call_of(bela), name, found.reply());
    EXPECT_EQ(found.message(), "ok") << name;
    EXPECT_EQ(*found.result(), "sdb1");
  }
  Asked<std::string> nothing;
  manager->find_volume(call_of(bela), "/dev/nothing", nothing.reply());
  EXPECT_EQ(nothing.code(), Errc::kNotFound);
}

TEST_F(CoreLife, ARequestForNoVolumeIsAnswered) {
  start();
  EXPECT_EQ(mount(anna, "nothing").code(), Errc::kNotFound);
  EXPECT_EQ(unmount(anna, "nothing").code(), Errc::kNotFound);
  EXPECT_EQ(eject(anna, "nothing").code(), Errc::kNotFound);
  EXPECT_EQ(recover(anna, "nothing", "read-write").code(), Errc::kNotFound);
  EXPECT_EQ(detach(anna, "nothing").code(), Errc::kNotFound);
  EXPECT_EQ(cancel(anna, "nothing").code(), Errc::kNotFound);
  EXPECT_EQ(unmount(anna, "x", {.force = true, .lazy = true}).code(), Errc::kInvalidArgument);
  expect_quiet();
}

TEST_F(CoreLife, EverybodyIsAnsweredWhenAirlockdStops) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  authority.set("org.airlock1.unmount-others", FakeAuthority::Says::kNothingYet);
  const auto working = unmount(anna, "sdb1");
  plug("sdc");
  settle();
  const auto joined = mount(anna, "sdc1");
  const auto ejecting = eject(anna, "sdc1");
  const auto asking = unmount(bela, "sdb1");
  settle();
  manager.reset();
  EXPECT_EQ(working.code(), Errc::kPeerGone);
  EXPECT_EQ(joined.code(), Errc::kPeerGone);
  EXPECT_TRUE(ejecting.answered());
  EXPECT_TRUE(asking.answered());
  EXPECT_TRUE(mounting.mounted("/dev/sdb1")) << "mounts outlive airlockd";
}

}  // namespace
}  // namespace airlock
