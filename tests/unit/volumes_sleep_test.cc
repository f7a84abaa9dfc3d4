// SPDX-License-Identifier: GPL-2.0-or-later
// A machine that sleeps and wakes up again.
#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

class CoreSleep : public CoreWorld {
 protected:
  void SetUp() override {
    sessions.log_in(kAnna, "anna");
    start();
  }
  void fall_asleep() {
    manager->supervisor().write_everything([this] { ++written; });
  }
  [[nodiscard]] std::size_t writes() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        mounting.history(), [](const auto& entry) { return entry.starts_with("write out"); }));
  }

  int written = 0;
};

TEST_F(CoreSleep, WaitsForNobodyWhereNothingIsMounted) {
  rules.switch_automount("off");
  plug("sdb");
  settle();
  fall_asleep();
  EXPECT_EQ(written, 1);
  EXPECT_EQ(writes(), 0U);
}

TEST_F(CoreSleep, WaitsForEveryMountAndForFailedOnesAsWell) {
  plug("sdb");
  plug("sdc");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  mounting.fail_next(FakeMounting::Request::kWriteOut, Errc::kTimedOut);
  fall_asleep();
  EXPECT_EQ(writes(), 2U);
  mounting.answer_next();
  EXPECT_EQ(written, 0);
  mounting.answer_next();
  EXPECT_EQ(written, 1);
  fall_asleep();
  mounting.answer_all();
  EXPECT_EQ(written, 2) << "it may sleep again";
  settle();
  expect_quiet();
}

TEST_F(CoreSleep, AStickPulledOutMeanwhileIsNotWaitedForTwice) {
  plug("sdb");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  fall_asleep();
  devices.unplug("sdb");
  mounting.answer_all();
  settle();
  mounting.answer_all();
  settle();
  EXPECT_EQ(written, 1);
  expect_quiet();
}

TEST_F(CoreSleep, WhatIsNotMountedIsLookedAtAgainAfterwards) {
  rules.switch_automount("off");
  plug("sdb", "EVENING");
  settle();
  EXPECT_EQ(publisher.text("sdb1", "Label"), "EVENING");
  prober.put("/dev/sdb1", ext4("MORNING"));
  manager->supervisor().look_again();
  settle();
  EXPECT_EQ(publisher.text("sdb1", "Label"), "MORNING");
  EXPECT_EQ(publisher.state("sdb1"), "available");
}

TEST_F(CoreSleep, AnotherMediumInItsPlaceIsAnotherVolume) {
  plug("sdb", "EVENING");
  settle();
  ASSERT_EQ(publisher.state("sdb1"), "mounted");
  prober.put("/dev/sdb1", ext4("MORNING"));
  devices.change_silently("sdb1", [](Device& device) { device.disk_sequence += 100; });
  devices.look_again();
  settle();
  const auto& history = publisher.history;
  ASSERT_EQ(publisher.volumes.size(), 2U) << "the disk and the new partition";
  EXPECT_TRUE(std::ranges::any_of(publisher.volumes, [&](const auto& entry) {
    return publisher.text(entry.first, "Label") == "MORNING" &&
           publisher.state(entry.first) == "mounted";
  }));
  EXPECT_NE(std::ranges::find(history, "sdb1 gone"), history.end());
}

}  // namespace
}  // namespace airlock
