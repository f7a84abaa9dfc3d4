// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <random>

#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

using CoreStorm = CoreWorld;

TEST_F(CoreStorm, FiftySticksAtOnceAreAllMounted) {
  sessions.log_in(kAnna, "anna");
  start();
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  for (int i = 0; i < 50; ++i) plug(fmt::format("usb{:c}{:c}", 'a' + i / 26, 'a' + i % 26));
  settle();
  EXPECT_EQ(mounting.waiting(), 50U) << "none waits for another";
  mounting.answer_all();
  settle();
  EXPECT_EQ(mounting.mounts().size(), 50U);
  EXPECT_EQ(records->load().size(), 50U);
}

TEST_F(CoreStorm, AThousandPlugsAndUnplugsLeaveNothing) {
  sessions.log_in(kAnna, "anna");
  start();
  std::mt19937 random(42);  // the same storm every time
  std::vector<Asked<std::string>> texts;
  std::vector<Asked<void>> voids;
  for (int i = 0; i < 1'000; ++i) {
    const std::string disk = fmt::format("sd{:c}", 'b' + static_cast<int>(random() % 8));
    if (devices.find("/dev/" + disk))
      devices.unplug(disk);
    else
      plug(disk);
    switch (random() % 8) {
      case 0:
        texts.push_back(mount(anna, disk + "1"));
        break;
      case 1:
        voids.push_back(unmount(anna, disk + "1"));
        break;
      case 2:
        voids.push_back(eject(anna, disk + "1"));
        break;
      case 3:
        mounting.die("/dev/" + disk + "1");
        break;
      case 4:
        texts.push_back(recover(anna, disk + "1", "read-write"));
        break;
      case 5:
        sessions.lock(random() % 2 == 0);
        break;
      default:
        break;
    }
    for (std::size_t rounds = random() % 6; rounds > 0; --rounds) (void)loop.run_once(0ms);
  }
  for (char letter = 'b'; letter <= 'i'; ++letter) devices.unplug(fmt::format("sd{}", letter));
  EXPECT_TRUE(wait_for([&] { return publisher.volumes.empty(); }));
  settle();
  for (const auto& one : texts) EXPECT_TRUE(one.answered());
  for (const auto& one : voids) EXPECT_TRUE(one.answered());
  EXPECT_TRUE(records->load().empty());
  EXPECT_EQ(mounting.watchers(), 0U);
  EXPECT_EQ(manager->supervisor().deferred().size(), 0U);
  expect_quiet();
}

TEST_F(CoreStorm, HostileLabelsHarmNobody) {
  sessions.log_in(kAnna, "anna");
  start();
  const std::vector<std::string> labels = {
      "../../etc", "a\nb",     "\u202egnp.exe", std::string(255, 'x'),    "",    "..", ".",
      "a/b",       "\xff\xfe", "\033[2J",       std::string(512, '\xc3'), "-rf", " "};
  for (std::size_t i = 0; i < labels.size(); ++i)
    plug(fmt::format("sd{:c}", 'b' + static_cast<int>(i)), labels[i]);
  settle();
  EXPECT_EQ(mounting.mounts().size(), labels.size());
  for (const auto& mounted : mounting.mounts()) {
    const std::string& folder_name = mounted.decision.folder_name;
    EXPECT_EQ(folder_name.find('/'), std::string::npos);
    EXPECT_NE(folder_name, "..");
    EXPECT_NE(folder_name, ".");
    EXPECT_NE(folder_name, "");
    EXPECT_LE(folder_name.size(), 255U);
  }
  for (const auto& [id, all] : publisher.volumes)
    for (const char steering : {'\n', '\033'})
      EXPECT_EQ(std::get<std::string>(all.at("Label")).find(steering), std::string::npos) << id;
}

TEST_F(CoreStorm, TheSameLabelTwiceIsTwoVolumes) {
  sessions.log_in(kAnna, "anna");
  start();
  plug("sdb", "STICK");
  plug("sdc", "STICK");
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  EXPECT_EQ(publisher.state("sdc1"), "mounted");
}

TEST_F(CoreStorm, WithNothingLeftToDoItIsIdle) {
  start();
  idle.start();
  EXPECT_TRUE(wait_for([&] { return idle_calls == 1; }));
  idle_calls = 0;
  plug("sdb");
  (void)wait_for([&, end = std::chrono::steady_clock::now() + 150ms] {
    return std::chrono::steady_clock::now() > end;
  });
  EXPECT_EQ(idle_calls, 0) << "a stick is there";
  devices.unplug("sdb");
  EXPECT_TRUE(wait_for([&] { return idle_calls == 1; }));
}

TEST_F(CoreStorm, WhatIsIgnoredDoesNotPutOffTheEnd) {
  start();
  idle.start();
  for (int i = 0; i < 20 && idle_calls == 0; ++i) {
    Device disk = FakeDeviceSource::internal_disk("loop" + std::to_string(i));
    disk.users = {"mounted on /"};
    devices.plug(disk);
    (void)loop.run_once(10ms);
  }
  EXPECT_EQ(idle_calls, 1);
}

TEST_F(CoreStorm, AnOpenRequestIsAReasonToStay) {
  start();
  callers.answer_later();
  const auto asked = mount(anna, "sdb1");
  idle.start();
  (void)wait_for([&, end = std::chrono::steady_clock::now() + 150ms] {
    return std::chrono::steady_clock::now() > end;
  });
  EXPECT_EQ(idle_calls, 0);
  callers.answer_all();
  EXPECT_TRUE(asked.answered());
  EXPECT_TRUE(wait_for([&] { return idle_calls == 1; }));
}

}  // namespace
}  // namespace airlock
