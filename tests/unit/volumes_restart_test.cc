// SPDX-License-Identifier: GPL-2.0-or-later
// airlockd returns to mounts it made before. A mountinfo file of the test's own says which of them
// still exist.
#include <fmt/format.h>

#include <fstream>

#include "daemon/system/process_identity.h"
#include "tests/unit/volumes_world.h"

namespace airlock {
namespace {

class CoreRestart : public CoreWorld {
 protected:
  static constexpr ProcessIdentity kNobody{.pid = 999'999, .start = 1};

  // A record as the previous airlockd left it.
  void remember(const std::string& id, const Device& device, ProcessIdentity driver = kNobody) {
    auto opened = MountRecords::open(folder + "/mounts");
    ASSERT_TRUE(opened.has_value());
    MountRecord record;
    record.volume_id = id;
    record.source = {.path = device.node,
                     .device = device.number,
                     .disk_sequence = device.disk_sequence,
                     .image = {}};
    record.mount.mount_point = folder + "/media/anna/STICK";
    record.mount.mount_id = 77;
    record.mount.filesystem = makedev(0U, 50U);
    record.mount.subtype = "ext4";
    record.mount.driver = "airlock-ext";
    record.mount.origin = "builtin";
    record.mount.driver_pid = driver.pid;
    record.mount.driver_start = driver.start;
    record.mount.driver_user = driver.user;
    record.leaving = driver != kNobody;
    record.mount.since = std::chrono::system_clock::now();
    record.user = kAnna;
    record.user_name = "anna";
    record.decided_by = "built-in";
    ASSERT_TRUE(opened->save(record).has_value());
  }
  std::string mountinfo(bool with_mount) {
    const std::string path = folder + "/mountinfo";
    std::ofstream file(path);
    file << "1 0 8:1 / / rw - ext4 /dev/root rw\n";
    if (with_mount)
      file << fmt::format("77 1 0:50 / {} rw,nosuid,nodev - fuse.airlock.ext4 /dev/sdb1 rw\n",
                          folder + "/media/anna/STICK");
    return path;
  }
};

TEST_F(CoreRestart, AMountWhoseDriverDiedMeanwhileIsDead) {
  const Device stick = plug("sdb");
  remember("sdb1", stick);
  sessions.log_in(kAnna, "anna");
  start({.mountinfo = mountinfo(true)});
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "dead");
  EXPECT_NE(publisher.text("sdb1", "StateReason").find("while airlockd was not running"),
            std::string::npos);
  EXPECT_EQ(publisher.text("sdb1", "Vendor"), "Vendor") << "its device was found";
  EXPECT_EQ(publisher.text("sdb1", "Label"), "STICK") << "somebody looked for its label";
  EXPECT_TRUE(mounting.history().empty()) << "nothing is mounted over it";
  const auto back = recover(anna, "sdb1", "read-write");
  settle();
  EXPECT_EQ(back.message(), "ok");
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
}

TEST_F(CoreRestart, AMountThatIsGoneIsForgottenAndItsMediumIsNew) {
  const Device stick = plug("sdb");
  remember("sdb1", stick);
  sessions.log_in(kAnna, "anna");
  start({.mountinfo = mountinfo(false)});
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "mounted");
  EXPECT_EQ(mounting.history(), std::vector<std::string>{"mount /dev/sdb1"});
}

TEST_F(CoreRestart, ADriverThatStillFinishesIsWaitedFor) {
  const Device stick = plug("sdb");
  const auto driver = identify_process(::getpid());
  ASSERT_TRUE(driver.has_value());
  remember("sdb1", stick, *driver);
  mounting.mount_by_hand("/dev/sdb1", folder + "/media/anna/STICK", 77);
  mounting.set_answers(FakeMounting::Answers::kWhenTold);
  sessions.log_in(kAnna, "anna");
  start({.mountinfo = mountinfo(false)});
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "unmounting");
  EXPECT_EQ(mounting.history(), std::vector<std::string>{"unmount /dev/sdb1"}) << "no second mount";
  mounting.answer_all();
  settle();
  EXPECT_EQ(publisher.state("sdb1"), "available");
  EXPECT_NE(publisher.text("sdb1", "StateReason").find("safely"), std::string::npos);
  EXPECT_TRUE(records->load().empty());
}

TEST_F(CoreRestart, AMediumThatLeftMeanwhileIsTakenAway) {
  const Device stick = plug("sdb");
  remember("sdb1", stick);
  devices.unplug("sdb");
  start({.mountinfo = mountinfo(true)});
  settle();
  EXPECT_TRUE(publisher.volumes.empty());
  EXPECT_EQ(mounting.history(), std::vector<std::string>{"detach " + folder + "/media/anna/STICK"});
  EXPECT_TRUE(records->load().empty());
}

TEST_F(CoreRestart, AnotherMediumWithTheSameNumberIsAnotherVolume) {
  const Device stick = plug("sdb");
  remember("sdb1", stick);
  devices.change_silently("sdb1", [](Device& device) { device.disk_sequence += 10; });
  sessions.log_in(kAnna, "anna");
  start({.mountinfo = mountinfo(true)});
  settle();
  EXPECT_FALSE(publisher.volumes.contains("sdb1")) << "the old one was taken away";
  EXPECT_EQ(publisher.state("sdb1-2"), "mounted");
}

}  // namespace
}  // namespace airlock
