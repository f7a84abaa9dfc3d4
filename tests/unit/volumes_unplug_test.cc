// SPDX-License-Identifier: GPL-2.0-or-later
// A medium is pulled out in every state of a volume, with a request for everything that can be
// requested there. Each request gets one answer, and nothing is left.
#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

struct Moment {
  const char* name;
  VolumeState state;
};

// NOLINTNEXTLINE: gtest prints it
void PrintTo(const Moment& moment, std::ostream* out) {
  *out << moment.name;
}

class CoreUnplug : public CoreWorld, public testing::WithParamInterface<Moment> {
 protected:
  void automount(Automount mode) {
    Settings settings;
    settings.automount.value = mode;
    rules.replace(settings);
  }

  // Leads sdb1 to the state and leaves requests open there.
  void lead_to(VolumeState state) {
    sessions.log_in(kAnna, "anna");
    start();
    switch (state) {
      case VolumeState::kProbing:
        prober.answer_later();
        plug("sdb");
        ask_mount();
        return;
      case VolumeState::kWaiting:
        sessions.lock(true);
        plug("sdb");
        authority.set("org.airlock1.mount-removable", FakeAuthority::Says::kNothingYet);
        ask_mount();
        return;
      case VolumeState::kAvailable:
        automount(Automount::kOff);
        plug("sdb");
        settle();
        authority.set("org.airlock1.mount-removable", FakeAuthority::Says::kNothingYet);
        ask_mount();
        return;
      case VolumeState::kMounting:
        mounting.set_answers(FakeMounting::Answers::kWhenTold);
        plug("sdb");
        settle();
        ask_mount();
        return;
      case VolumeState::kMounted:
        plug("sdb");
        settle();
        mounting.set_answers(FakeMounting::Answers::kWhenTold);
        manager->users(call_of(anna), "sdb1", users.reply());
        waits_for_users = true;
        return;
      case VolumeState::kUnmounting:
        plug("sdb");
        settle();
        mounting.set_answers(FakeMounting::Answers::kWhenTold);
        voids.push_back(unmount(anna, "sdb1"));
        return;
      case VolumeState::kDead:
        plug("sdb");
        settle();
        mounting.die("/dev/sdb1");
        mounting.set_answers(FakeMounting::Answers::kWhenTold);
        texts.push_back(recover(anna, "sdb1", "read-write"));
        return;
      case VolumeState::kIgnored: {
        Device device = FakeDeviceSource::usb_stick("sdb1");
        device.system_reason = "/etc/fstab names it";
        devices.plug(device);
        authority.set("org.airlock1.mount-system", FakeAuthority::Says::kNothingYet);
        prober.answer_later();
        ask_mount();
        return;
      }
      case VolumeState::kRefused: {
        ProbeRecord odd = ext4();
        odd.ambivalent = true;
        plug("sdb");
        prober.put("/dev/sdb1", odd);
        return;
      }
      case VolumeState::kGone:
        plug("sdb");
        settle();
        mounting.set_answers(FakeMounting::Answers::kWhenTold);
        devices.change("sdb1", [](Device& device) { device.size = 0; });
        return;
    }
  }
  void ask_mount() { texts.push_back(mount(anna, "sdb1")); }

  std::vector<Asked<std::string>> texts;
  std::vector<Asked<void>> voids;
  Asked<std::vector<Service::UserOfMount>> users;
  bool waits_for_users = false;
};

TEST_P(CoreUnplug, EverybodyGetsOneAnswerAndNothingIsLeft) {
  lead_to(GetParam().state);
  settle();
  const bool looked_at_for_somebody =
      GetParam().state == VolumeState::kWaiting || GetParam().state == VolumeState::kIgnored;
  if (!looked_at_for_somebody) {
    ASSERT_EQ(publisher.state("sdb1"), state_name(GetParam().state));
  }
  for (const auto& one : texts) ASSERT_FALSE(one.answered()) << one.message();

  devices.unplug("sdb");
  devices.unplug("sdb1");
  mounting.answer_all();
  mounting.set_answers(FakeMounting::Answers::kSoon);
  settle();

  for (const auto& one : texts) {
    EXPECT_EQ(one.code(), Errc::kPeerGone) << one.message();
    EXPECT_NE(one.message().find("pulled out"), std::string::npos) << one.message();
  }
  for (const auto& one : voids) EXPECT_EQ(one.code(), Errc::kPeerGone) << one.message();
  if (waits_for_users) {
    EXPECT_TRUE(users.answered());
  }
  EXPECT_TRUE(publisher.volumes.empty());
  EXPECT_TRUE(mounting.mounts().empty()) << "the mount was taken away";
  EXPECT_TRUE(records->load().empty());
  EXPECT_EQ(mounting.watchers(), 0U);
  EXPECT_EQ(manager->supervisor().deferred().size(), 0U);
  expect_quiet();
}

INSTANTIATE_TEST_SUITE_P(States, CoreUnplug, testing::ValuesIn([] {
                           std::vector<Moment> all;
                           for (const VolumeState state : kAllVolumeStates)
                             all.push_back({state_name(state).data(), state});
                           return all;
                         }()),
                         [](const auto& moment) { return std::string(moment.param.name); });

using CoreGone = CoreWorld;

TEST_F(CoreGone, WhatMayBeLostIsSaidBeforeTheVolumeGoes) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  devices.unplug("sdb");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "gone");
  EXPECT_NE(publisher.text("sdb1", "StateReason").find("may be lost"), std::string::npos);
  mounting.answer_all();
  EXPECT_FALSE(publisher.volumes.contains("sdb1"));
}

TEST_F(CoreGone, ReadOnlyLosesNothing) {
  Settings settings;
  settings.read_only.value = true;
  rules.replace(settings);
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  devices.unplug("sdb");
  settle();
  EXPECT_NE(publisher.text("sdb1", "StateReason").find("nothing is lost"), std::string::npos);
  mounting.answer_all();
}

TEST_F(CoreGone, AMountThatCannotBeTakenAwayIsTriedAgain) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.fail_next(FakeMounting::Request::kDetach, Errc::kBusy);
  mounting.fail_next(FakeMounting::Request::kDetach, Errc::kBusy);
  devices.unplug("sdb");
  EXPECT_TRUE(wait_for([&] { return publisher.volumes.empty(); }));
  EXPECT_TRUE(mounting.mounts().empty());
}

TEST_F(CoreGone, AMountThatNeverGoesIsLeftToTheNextStart) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  for (int i = 0; i < 20; ++i) mounting.fail_next(FakeMounting::Request::kDetach, Errc::kBusy);
  devices.unplug("sdb");
  EXPECT_TRUE(wait_for([&] { return publisher.volumes.empty(); }));
  EXPECT_EQ(records->load().size(), 1U);
}

TEST_F(CoreGone, TheSameNameCanBeUsedAgainAtOnce) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  devices.unplug("sdb");
  plug("sdb");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "gone");
  EXPECT_EQ(publisher.state("sdb1-2"), "mounting");
  mounting.answer_all();
  settle();
  EXPECT_FALSE(publisher.volumes.contains("sdb1"));
}

// The next medium in the same place seems to be in use as long as the mount of the last one exists.
TEST_F(CoreGone, TheNextMediumIsMountedWhenTheLastOnesMountIsAway) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  devices.change_silently("sdb1", [](Device& device) {
    device.disk_sequence += 100;
    device.users = {"mounted on /run/media/anna/STICK"};
  });
  devices.look_again();
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "gone");
  EXPECT_EQ(publisher.state("sdb1-2"), "ignored");
  devices.change_silently("sdb1", [](Device& device) { device.users.clear(); });
  mounting.answer_all();
  mounting.set_answers(FakeMounting::Answers::kSoon);
  settle();
  mounting.answer_all();
  settle();
  EXPECT_EQ(publisher.state("sdb1-2"), "mounted");
  EXPECT_FALSE(publisher.volumes.contains("sdb1"));
}

// When a stick is pulled out its disk remains for a moment, without partitions.
TEST_F(CoreGone, ADiskIsNotLookedAtBecauseItsPartitionIsGone) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb");
  settle();
  const auto before = prober.asked().size();
  devices.change_silently("sdb", [](Device& device) { device.has_partitions = false; });
  devices.unplug("sdb1");
  settle();
  EXPECT_FALSE(publisher.volumes.contains("sdb1"));
  EXPECT_EQ(publisher.state("sdb"), "ignored");
  EXPECT_EQ(prober.asked().size(), before);
}

}  // namespace
}  // namespace airlock
