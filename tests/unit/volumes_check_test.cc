// SPDX-License-Identifier: GPL-2.0-or-later
// Checking, repairing and naming volumes, with a checker that answers on request.
#include <algorithm>

#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

CheckReply found(CheckVerdict verdict) {
  return {.verdict = verdict, .checker = "e2fsck 1.47.0", .summary = "so it is", .log = "one\ntwo"};
}

class CoreCheck : public CoreWorld {
 protected:
  void begin(MediumState state = MediumState::kClean) {
    Settings settings;
    settings.automount.value = Automount::kOff;
    rules.replace(settings);
    sessions.log_in(kAnna, "anna");
    start();
    plug("sdb");
    put(state);
    settle();
  }
  void put(MediumState state, const std::string& label = "STICK") {
    ProbeRecord record = ext4(label);
    record.state = state;
    prober.put("/dev/sdb1", record);
  }
  Asked<PropertyMap> check(const std::string& sender) {
    Asked<PropertyMap> asked;
    manager->check(call_of(sender), "sdb1", asked.reply());
    settle();
    return asked;
  }
  Asked<PropertyMap> repair(const std::string& sender) {
    Asked<PropertyMap> asked;
    manager->repair(call_of(sender), "sdb1", asked.reply());
    settle();
    return asked;
  }
  static std::string verdict(const Asked<PropertyMap>& asked) {
    if (!asked.succeeded()) return asked.message();
    return std::get<std::string>(asked.result()->at("verdict"));
  }
  std::string job() { return publisher.jobs.begin()->first; }
};

TEST_F(CoreCheck, TellsWhatWasFoundAndKeepsIt) {
  begin();
  const auto asked = check(anna);
  ASSERT_EQ(checking.running(), 1U);
  EXPECT_EQ(checking.asked().front().request.type, "ext4");
  checking.tell_progress(0.5);
  EXPECT_EQ(std::get<double>(publisher.jobs.begin()->second.at("Progress")), 0.5);
  checking.answer(found(CheckVerdict::kErrors));
  settle();
  EXPECT_EQ(verdict(asked), "errors");
  expect_quiet();
  const Volume& volume = *manager->supervisor().registry().find("sdb1");
  EXPECT_EQ(volume.check->operation, "check");
  // A volume known to be damaged is not mounted read-write.
  EXPECT_EQ(volume.probe->state, MediumState::kErrors);
  EXPECT_EQ(prober.asked().size(), 1U);
}

// A medium is examined again after each writer closes it: just when the next request comes.
TEST_F(CoreCheck, WaitsForAnExaminationThatBeganWhilePolkitWasAsked) {
  begin();
  authority.set("org.airlock1.repair", FakeAuthority::Says::kNothingYet);
  const auto asked = repair(anna);
  ASSERT_EQ(authority.open(), 1U);
  prober.answer_later();
  manager->supervisor().find("sdb1")->probe(std::nullopt, {});
  authority.answer(/*yes=*/true);
  settle();
  EXPECT_FALSE(asked.answered()) << asked.message();
  prober.answer_all();
  settle();
  EXPECT_EQ(checking.running(), 1U);
}

TEST_F(CoreCheck, WhatThatExaminationFindsIsHeeded) {
  begin();
  authority.set("org.airlock1.repair", FakeAuthority::Says::kNothingYet);
  const auto asked = repair(anna);
  prober.answer_later();
  manager->supervisor().find("sdb1")->probe(std::nullopt, {});
  authority.answer(/*yes=*/true);
  put(MediumState::kClean, "ANOTHER");
  prober.answer_all();
  settle();
  EXPECT_EQ(asked.code(), Errc::kPeerGone);
  EXPECT_EQ(checking.running(), 0U);
}

TEST_F(CoreCheck, WhatWasNotUnmountedIsDirtyThoughTheCheckerDoesNotSaySo) {
  begin();
  put(MediumState::kDirty);
  EXPECT_EQ(manager->supervisor().registry().find("sdb1")->state, VolumeState::kAvailable);
  auto* machine = manager->supervisor().find("sdb1");
  machine->probe(std::nullopt, {});
  settle();
  const auto asked = check(anna);
  checking.answer(found(CheckVerdict::kClean));
  settle();
  EXPECT_EQ(verdict(asked), "dirty");
}

TEST_F(CoreCheck, ASleepingSystemSleepsOnWhateverTheCheckerSays) {
  begin();
  put(MediumState::kHibernated);
  manager->supervisor().find("sdb1")->probe(std::nullopt, {});
  settle();
  const auto asked = check(anna);
  checking.answer(found(CheckVerdict::kClean));
  settle();
  EXPECT_EQ(verdict(asked), "dirty");
  const auto& summary = std::get<std::string>(asked.result()->at("summary"));
  EXPECT_TRUE(summary.starts_with("it holds a hibernated system")) << summary;
  EXPECT_EQ(manager->supervisor().registry().find("sdb1")->probe->state, MediumState::kHibernated);
  EXPECT_EQ(repair(anna).code(), Errc::kBusy);
}

TEST_F(CoreCheck, WhatCanOnlyBeLookedAtIsNotRepaired) {
  begin();
  ProbeRecord record = ext4("WINDOWS");
  record.type = "ntfs";
  prober.put("/dev/sdb1", record);
  manager->supervisor().find("sdb1")->probe(std::nullopt, {});
  settle();
  EXPECT_EQ(repair(anna).code(), Errc::kUnsupported);
  const auto asked = check(anna);
  ASSERT_EQ(checking.running(), 1U);
  EXPECT_EQ(checking.asked().front().request.type, "ntfs");
  checking.answer(found(CheckVerdict::kClean));
  settle();
  EXPECT_EQ(verdict(asked), "clean");
}

TEST_F(CoreCheck, ARepairIsFollowedByAnotherLook) {
  begin();
  const auto asked = repair(anna);
  EXPECT_EQ(checking.asked().front().request.operation, CheckOperation::kRepair);
  checking.answer(found(CheckVerdict::kClean));
  EXPECT_FALSE(asked.answered());
  settle();
  EXPECT_EQ(verdict(asked), "clean");
  EXPECT_EQ(prober.asked().size(), 2U);
  expect_quiet();
}

TEST_F(CoreCheck, ThatItWasUnmountedIsStillToldAfterARepair) {
  begin();
  mount(anna, "sdb1");
  settle();
  unmount(anna, "sdb1");
  settle();
  const std::string reason = publisher.text("sdb1", "StateReason");
  ASSERT_NE(reason.find("safe"), std::string::npos) << reason;
  const auto asked = repair(anna);
  EXPECT_EQ(publisher.text("sdb1", "StateReason"), "being repaired");
  checking.answer(found(CheckVerdict::kClean));
  settle();
  EXPECT_EQ(publisher.text("sdb1", "StateReason"), reason);
}

TEST_F(CoreCheck, NothingElseHappensMeanwhile) {
  begin();
  const auto asked = check(anna);
  const auto mounted = mount(anna, "sdb1");
  const auto again = check(anna);
  settle();
  EXPECT_EQ(mounted.code(), Errc::kBusy);
  EXPECT_NE(mounted.message().find("being checked"), std::string::npos) << mounted.message();
  EXPECT_EQ(again.code(), Errc::kBusy);
  checking.answer(found(CheckVerdict::kClean));
  settle();
  EXPECT_TRUE(asked.succeeded());
}

TEST_F(CoreCheck, CancellingEndsItAndAnswers) {
  begin();
  const auto asked = check(anna);
  const auto cancelled = cancel(anna, job());
  settle();
  EXPECT_TRUE(cancelled.succeeded()) << cancelled.message();
  EXPECT_EQ(asked.code(), Errc::kCancelled);
  EXPECT_EQ(checking.cancelled(), 1U);
  expect_quiet();
  const auto mounted = mount(anna, "sdb1");
  settle();
  EXPECT_TRUE(mounted.succeeded()) << mounted.message();
}

TEST_F(CoreCheck, AfterACancelledRepairItIsLookedAtAgain) {
  begin();
  const auto asked = repair(anna);
  const auto cancelled = cancel(anna, job());
  settle();
  EXPECT_EQ(asked.code(), Errc::kCancelled);
  EXPECT_EQ(prober.asked().size(), 2U);
  expect_quiet();
}

TEST_F(CoreCheck, PullingItOutEndsItAndAnswers) {
  begin();
  const auto asked = check(anna);
  devices.unplug("sdb");
  settle();
  EXPECT_EQ(asked.code(), Errc::kPeerGone);
  EXPECT_EQ(checking.cancelled(), 1U);
  expect_quiet();
}

TEST_F(CoreCheck, OnlyWhatIsNotMountedIsChecked) {
  begin();
  const auto mounted = mount(anna, "sdb1");
  settle();
  EXPECT_EQ(check(anna).code(), Errc::kBusy);
  EXPECT_EQ(repair(anna).code(), Errc::kBusy);
  EXPECT_TRUE(checking.asked().empty());
}

TEST_F(CoreCheck, ABadLabelIsRefusedBeforeAnythingIsAsked) {
  begin();
  Asked<void> asked;
  manager->set_label(call_of(anna), "sdb1", "far too long for ext4", asked.reply());
  settle();
  EXPECT_EQ(asked.code(), Errc::kInvalidArgument);
  EXPECT_TRUE(checking.asked().empty());
}

// A stick that was not unmounted, mounted automatically for anna.
class CoreSkip : public CoreWorld {
 protected:
  void begin(MediumState state) {
    mounting.set_answers(FakeMounting::Answers::kWhenTold);
    sessions.log_in(kAnna, "anna");
    start();
    ProbeRecord record = ext4();
    record.state = state;
    plug("sdb");
    prober.put("/dev/sdb1", record);
    settle();
  }
  Asked<void> skip(const std::string& sender) {
    Asked<void> asked;
    manager->skip(call_of(sender), publisher.jobs.begin()->first, asked.reply());
    settle();
    return asked;
  }
  bool skipped() {
    return std::ranges::find(mounting.history(), "skip check of mount /dev/sdb1") !=
           mounting.history().end();
  }
};

TEST_F(CoreSkip, WhomItIsMountedForNeedNotWaitForItsCheck) {
  begin(MediumState::kDirty);
  ASSERT_EQ(publisher.jobs.size(), 1U);
  EXPECT_TRUE(std::get<bool>(publisher.jobs.begin()->second.at("CanSkip")));
  mounting.checked(0.25);
  EXPECT_EQ(std::get<double>(publisher.jobs.begin()->second.at("Progress")), 0.25);
  const auto asked = skip(anna);
  EXPECT_TRUE(asked.succeeded()) << asked.message();
  EXPECT_TRUE(skipped());
  // It continues all the same.
  mounting.answer_all();
  settle();
  EXPECT_TRUE(mounting.mounted("/dev/sdb1"));
  expect_quiet();
}

TEST_F(CoreSkip, OthersAreAskedForMore) {
  begin(MediumState::kDirty);
  authority.set("org.airlock1.unmount-others", FakeAuthority::Says::kNo);
  const auto asked = skip(bela);
  EXPECT_EQ(asked.code(), Errc::kNotPermitted) << asked.message();
  EXPECT_FALSE(skipped());
  mounting.answer_all();
  settle();
}

TEST_F(CoreSkip, WithoutACheckThereIsNothingToSkip) {
  begin(MediumState::kClean);
  EXPECT_FALSE(std::get<bool>(publisher.jobs.begin()->second.at("CanSkip")));
  EXPECT_EQ(skip(anna).code(), Errc::kUnsupported);
  mounting.answer_all();
  settle();
}

TEST_F(CoreCheck, WhatACrashLeftIsCheckedBeforeTheNextMount) {
  begin();
  ASSERT_TRUE((mount(anna, "sdb1"), settle(), mounting.mounted("/dev/sdb1")));
  EXPECT_EQ(mounting.find("/dev/sdb1")->decision.check, CheckFirst::kNo);
  mounting.die("/dev/sdb1");
  settle();
  const auto recovered = recover(anna, "sdb1", "read-write");
  settle();
  EXPECT_TRUE(recovered.succeeded()) << recovered.message();
  EXPECT_EQ(mounting.find("/dev/sdb1")->decision.check, CheckFirst::kGlance);
}

}  // namespace
}  // namespace airlock
