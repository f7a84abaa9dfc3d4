// SPDX-License-Identifier: GPL-2.0-or-later
// Hardware as udev describes it, made with umockdev; the host's devices are never examined.
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "daemon/devices/udev_device_source.h"
#include "tests/unit/fakes/mock_devices.h"

namespace airlock {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

dev_t number_of(unsigned minor) {
  return makedev(MockMachine::kMajor, minor);
}

// Messages in the order of the test, or none.
class ScriptedFeed : public UeventFeed {
 public:
  struct Script {
    std::deque<std::pair<Next, Uevent>> entries;
    UniqueFd ready{::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)};  // always readable
  };
  explicit ScriptedFeed(std::shared_ptr<Script> script) : script_(std::move(script)) {}

  Next next(Uevent& event) override {
    if (script_->entries.empty()) return Next::kNothing;
    auto [what, entry] = script_->entries.front();
    script_->entries.pop_front();
    event = entry;
    return what;
  }
  [[nodiscard]] BorrowedFd descriptor() const override { return script_->ready.borrow(); }
  [[nodiscard]] Voice voice() const override { return Voice::kKernel; }

 private:
  std::shared_ptr<Script> script_;
};

class Devices : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::getenv("LD_PRELOAD") != nullptr) << "run this under umockdev-wrapper";
    std::string folder = testing::TempDir() + "devices-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    std::filesystem::create_directories(folder_ / "proc/self");
    write("proc/self/mountinfo", "");
    write("proc/swaps", "Filename Type Size Used Priority\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
  }

  SystemDevices::Places places() {
    return {.fstab = folder_ / "fstab",
            .crypttab = folder_ / "crypttab",
            .view = {.proc = folder_ / "proc"}};
  }

  // Listens to the kernel's voice, because umockdev has no udev database to say "initialised".
  void start() {
    auto feed = NetlinkFeed::open({.voice = UeventFeed::Voice::kKernel});
    ASSERT_TRUE(feed) << feed.error().message();
    start_with(std::move(*feed));
  }

  void start_with(std::unique_ptr<UeventFeed> feed) {
    auto made = UdevDeviceSource::create(loop_, std::move(feed), places());
    ASSERT_TRUE(made) << made.error().message();
    source_ = std::move(*made);
    const auto started = source_->start([this](DeviceEvent event, const Device& device) {
      const char* word = event == DeviceEvent::kAdded     ? "added "
                         : event == DeviceEvent::kChanged ? "changed "
                                                          : "removed ";
      story_.push_back(word + device.name);
      last_ = device;
    });
    ASSERT_TRUE(started) << started.error().message();
  }

  // The reports since the last call, once no more arrive.
  Lines story() {
    while (*loop_.run_once(100ms)) {
      if (script_ && script_->entries.empty()) break;  // its descriptor is always ready
    }
    return std::exchange(story_, {});
  }

  // The reports, after the timer that follows a loss has run out too.
  Lines story_after_catching_up() {
    const auto end = std::chrono::steady_clock::now() + 500ms;
    while (std::chrono::steady_clock::now() < end) (void)loop_.run_once(10ms);
    return std::exchange(story_, {});
  }

  void start_scripted() {
    script_ = std::make_shared<ScriptedFeed::Script>();
    start_with(std::make_unique<ScriptedFeed>(script_));
  }

  void script(const std::string& action, const std::string& path, unsigned minor,
              std::uint64_t sequence, std::uint64_t disk_sequence = 0) {
    script_->entries.push_back({UeventFeed::Next::kEvent,
                                {.action = action,
                                 .sysfs_path = path,
                                 .number = number_of(minor),
                                 .sequence_number = sequence,
                                 .disk_sequence = disk_sequence}});
  }

  Device only_device() {
    start();
    EXPECT_EQ(story_.size(), 1U);
    return last_;
  }

  std::filesystem::path folder_;
  EventLoop loop_ = std::move(*EventLoop::create());
  MockMachine machine_;
  std::shared_ptr<ScriptedFeed::Script> script_;
  std::unique_ptr<UdevDeviceSource> source_;
  Lines story_;
  Device last_;
};

TEST_F(Devices, AreReportedOnceWhenPresentAtTheStart) {
  MockDisk stick = machine_.add_stick("sdb").with_partition("ext4");
  start();
  EXPECT_EQ(story(), (Lines{"added sdb", "added sdb1"}));
}

TEST_F(Devices, AStickIsDescribed) {
  MockDisk stick = machine_.add_stick("sdb").with_partition("ext4");
  start();
  const auto disk = source_->find(number_of(16));
  ASSERT_TRUE(disk);
  EXPECT_EQ(disk->name, "sdb");
  EXPECT_EQ(disk->node, "/dev/sdb");
  EXPECT_EQ(disk->sysfs_path, stick.sysfs_path());
  EXPECT_EQ(disk->kind, DeviceKind::kDisk);
  EXPECT_EQ(disk->vendor, "Acme Storage");
  EXPECT_EQ(disk->model, "Fast Stick");
  EXPECT_EQ(disk->serial, "4C530001");
  EXPECT_EQ(disk->bus, "usb");
  EXPECT_EQ(disk->port, "pci-0000:00:14.0-usb-0:1:1.0-scsi-0:0:0:0");
  EXPECT_EQ(disk->seat, "seat0");
  EXPECT_EQ(disk->size, 16'000'000ULL * 512);
  EXPECT_EQ(disk->sector_size, 512U);
  EXPECT_EQ(disk->disk_sequence, 1U);
  EXPECT_TRUE(disk->removable);
  EXPECT_TRUE(disk->has_partitions);
  EXPECT_TRUE(disk->ejectable);
  EXPECT_FALSE(disk->read_only);
  EXPECT_FALSE(disk->ignored);
  EXPECT_EQ(disk->system_reason, "");
  EXPECT_TRUE(disk->users.empty());
}

TEST_F(Devices, APartitionHasTheFactsOfItsDisk) {
  MockDisk stick = machine_.add_stick("sdb").with_partition("ext4");
  start();
  const auto partition = source_->find(number_of(17));
  ASSERT_TRUE(partition);
  EXPECT_EQ(partition->kind, DeviceKind::kPartition);
  EXPECT_EQ(partition->drive, number_of(16));
  EXPECT_EQ(partition->drive_name, "sdb");
  EXPECT_EQ(partition->disk_sequence, 1U);
  EXPECT_EQ(partition->vendor, "Acme Storage");
  EXPECT_EQ(partition->size, 15'990'000ULL * 512);
  EXPECT_TRUE(partition->removable);
  EXPECT_FALSE(partition->has_partitions);
}

TEST_F(Devices, PluggingAndPullingIsReportedInOrder) {
  start();
  EXPECT_EQ(story(), Lines{});
  MockDisk stick = machine_.add_stick("sdb").with_partition("vfat").with_partition("ext4");
  stick.appear();
  EXPECT_EQ(story(), (Lines{"added sdb", "added sdb1", "added sdb2"}));
  stick.pull();
  EXPECT_EQ(story(), (Lines{"removed sdb1", "removed sdb2", "removed sdb"}));
  EXPECT_FALSE(source_->find(number_of(16)));
}

TEST_F(Devices, PartitionsMayAppearLater) {
  MockDisk stick = machine_.add_stick("sdb");
  start();
  EXPECT_EQ(story(), Lines{"added sdb"});
  EXPECT_FALSE(last_.has_partitions);
  stick.with_partition("ext4");
  stick.send_for_partition(1, "add");
  EXPECT_EQ(story(), (Lines{"changed sdb", "added sdb1"}));
  EXPECT_TRUE(source_->find(number_of(16))->has_partitions);
}

TEST_F(Devices, AReaderWithoutAMediumIsNotReported) {
  MockDisk reader = machine_.add_stick("sdb").with_attribute("size", "0");
  start();
  EXPECT_EQ(story(), Lines{});
  ASSERT_TRUE(source_->find(number_of(16)));
  EXPECT_EQ(source_->find(number_of(16))->size, 0U);
}

TEST_F(Devices, ACardPutInAndTakenOutIsAddedAndRemoved) {
  MockDisk reader = machine_.add_stick("sdb").with_attribute("size", "0");
  start();
  reader.change_medium(1'000'000 * 512);
  EXPECT_EQ(story(), Lines{"added sdb"});
  reader.with_partition("vfat").send_for_partition(1, "add");
  EXPECT_EQ(story(), (Lines{"changed sdb", "added sdb1"}));
  reader.change_medium(0);
  EXPECT_EQ(story(), (Lines{"removed sdb1", "removed sdb"}));
  EXPECT_EQ(last_.size, 0U);
}

TEST_F(Devices, AnotherCardIsAChangeWithAnotherSequence) {
  MockDisk reader = machine_.add_stick("sdb");
  start();
  const std::uint64_t before = last_.disk_sequence;
  (void)story();
  reader.change_medium(2'000'000 * 512);
  EXPECT_EQ(story(), Lines{"changed sdb"});
  EXPECT_GT(last_.disk_sequence, before);
  EXPECT_EQ(last_.size, 2'000'000ULL * 512);
}

TEST_F(Devices, AnEmptyOpticalDriveIsKnownByUdevNotByItsSize) {
  MockDisk drive = machine_.add_optical("sr0").with_attribute("size", "2097151");
  start();
  EXPECT_EQ(story(), Lines{});
  drive.with_property("ID_CDROM_MEDIA", "1").with_attribute("size", "1400000");
  drive.send("change");
  EXPECT_EQ(story(), Lines{"added sr0"});
  EXPECT_EQ(last_.kind, DeviceKind::kOptical);
  EXPECT_EQ(last_.sector_size, 2048U);
  EXPECT_TRUE(last_.ejectable);
  EXPECT_TRUE(last_.removable);
}

TEST_F(Devices, AUsbHardDiskIsRemovableWhateverItSays) {
  MockDisk disk = machine_.add_usb_hard_disk("sdb");
  const Device device = only_device();
  EXPECT_EQ(device.bus, "usb");
  EXPECT_TRUE(device.removable);
  EXPECT_FALSE(device.ejectable);
}

TEST_F(Devices, AnNvmeInsideIsNotRemovable) {
  machine_.add_nvme("nvme0n1").with_partition("ext4");
  start();
  EXPECT_EQ(story(), (Lines{"added nvme0n1", "added nvme0n1p1"}));
  EXPECT_EQ(last_.bus, "nvme");
  EXPECT_FALSE(last_.removable);
}

TEST_F(Devices, AnNvmeBehindAnOutsidePortIsRemovable) {
  machine_.add_thunderbolt_nvme("nvme7n1");
  const Device device = only_device();
  EXPECT_EQ(device.bus, "thunderbolt");
  EXPECT_TRUE(device.removable);
}

TEST_F(Devices, ACardIsRemovableAndAChipIsNot) {
  machine_.add_card("mmcblk0", "SD");
  EXPECT_TRUE(only_device().removable);
  EXPECT_EQ(last_.bus, "mmc");
}

TEST_F(Devices, ASolderedChipIsNotRemovable) {
  machine_.add_card("mmcblk0", "MMC");
  EXPECT_FALSE(only_device().removable);
}

TEST_F(Devices, WhatIsNoMediumIsLeftOut) {
  machine_.add_virtual("ram0", {});
  machine_.add_virtual("zram0", {});
  machine_.add_virtual("loop3", {});  // without a file
  machine_.add_nvme("nvme0c0n1").with_attribute("hidden", "1");
  start();
  EXPECT_EQ(story(), Lines{});
}

TEST_F(Devices, ALoopDeviceIsNotRemovableByItself) {
  machine_.add_virtual("loop3", {{"loop/backing_file", "/srv/disk.img"}});
  const Device device = only_device();
  EXPECT_EQ(device.kind, DeviceKind::kLoop);
  EXPECT_FALSE(device.removable);
  EXPECT_TRUE(device.ejectable);
  EXPECT_EQ(device.bus, "virtual");
}

TEST_F(Devices, ALoopDeviceAndItsPartitionsNameTheFileBehindThem) {
  machine_.add_virtual("loop3", {{"loop/backing_file", "/srv/sticks/my disk.img\n"}})
      .with_partition("ext4");
  start();
  EXPECT_EQ(story(), (Lines{"added loop3", "added loop3p1"}));
  EXPECT_EQ(source_->find(number_of(16))->backing_file, "/srv/sticks/my disk.img");
  EXPECT_EQ(source_->find(number_of(17))->backing_file, "/srv/sticks/my disk.img");
}

TEST_F(Devices, AnotherFileBehindALoopDeviceIsNews) {
  MockDisk loop = machine_.add_virtual("loop3", {{"loop/backing_file", "/srv/one.img"}});
  start();
  (void)story();
  loop.with_attribute("loop/backing_file", "/srv/two.img");
  source_->look_again();
  EXPECT_EQ(story(), Lines{"changed loop3"});
  EXPECT_EQ(last_.backing_file, "/srv/two.img");
}

TEST_F(Devices, OnlyALoopDeviceHasAFileBehindIt) {
  machine_.add_stick("sdb");
  EXPECT_EQ(only_device().backing_file, "");
}

TEST_F(Devices, AVolumeOfDeviceMapperHasNoBusOfItsOwn) {
  machine_.add_virtual("dm-0", {});
  EXPECT_EQ(only_device().bus, "virtual");
  EXPECT_FALSE(last_.removable);
}

TEST_F(Devices, UdevSaysThatTheDesktopMountsIt) {
  machine_.add_stick("sdb").with_property("AIRLOCK_MOUNTED_BY", "udisks");
  EXPECT_TRUE(only_device().left_to_udisks);
}

TEST_F(Devices, OthersThanUdisksMountNothingForTheDesktop) {
  machine_.add_stick("sdb").with_property("AIRLOCK_MOUNTED_BY", "somebody");
  EXPECT_FALSE(only_device().left_to_udisks);
}

TEST_F(Devices, RulesMayHideADevice) {
  machine_.add_stick("sdb").with_property("UDISKS_IGNORE", "1");
  EXPECT_TRUE(only_device().ignored);
}

TEST_F(Devices, ASeatIsTakenFromTheParents) {
  MockDisk stick = machine_.add_stick("sdb");
  const auto usb = std::filesystem::path(stick.sysfs_path()).parent_path().parent_path();
  umockdev_testbed_set_property(machine_.testbed(), usb.c_str(), "ID_SEAT", "seat-garden");
  EXPECT_EQ(only_device().seat, "seat-garden");
}

TEST_F(Devices, AWriteProtectedDiskMakesItsPartitionsSo) {
  machine_.add_stick("sdb").with_attribute("ro", "1").with_partition("ext4");
  start();
  EXPECT_TRUE(source_->find(number_of(17))->read_only);
}

// ---- Hostile hardware ----

TEST_F(Devices, HostileWordsAreBoundedAndReadable) {
  MockDisk stick = machine_.add_stick("sdb");
  stick.with_property("ID_VENDOR_ENC", "\\x1b[2J\\x00evil\\xff\\xfe\\xe2\\x80\\xae");
  stick.with_property("ID_MODEL_ENC", std::string(3000, 'A'));
  stick.with_property("ID_SERIAL_SHORT", "\\xc0\\xaf\xed\xa0\x80 ok");
  const Device device = only_device();
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(device.vendor, bad + "[2J" + bad + "evil" + bad + bad + bad);
  EXPECT_EQ(device.model, std::string(128, 'A'));
  EXPECT_EQ(device.serial, "\\xc0\\xaf" + bad + " ok");
}

TEST_F(Devices, AHostileFileNameIsBoundedAndReadable) {
  const std::string bad = "\xef\xbf\xbd";
  MockDisk loop =
      machine_.add_virtual("loop3", {{"loop/backing_file", "/tmp/\x1b[2J\xff\xe2\x80\xae.img"}});
  EXPECT_EQ(only_device().backing_file, "/tmp/" + bad + "[2J" + bad + bad + ".img");
  loop.with_attribute("loop/backing_file", "/" + std::string(9000, 'A'));
  source_->look_again();
  (void)story();
  EXPECT_EQ(last_.backing_file, "/" + std::string(4095, 'A'));
}

TEST_F(Devices, HostileNumbersMakeNoSense) {
  MockDisk stick = machine_.add_stick("sdb");
  stick.with_attribute("queue/logical_block_size", "4294967808");
  stick.with_attribute("diskseq", "-1");
  const Device device = only_device();
  EXPECT_EQ(device.sector_size, 512U);
  EXPECT_EQ(device.disk_sequence, 0U);
}

TEST_F(Devices, ASizeThatCannotBeIsNoMedium) {
  MockDisk stick = machine_.add_stick("sdb").with_attribute("size", "18446744073709551615");
  start();
  EXPECT_EQ(story(), Lines{});
}

TEST_F(Devices, AHostilePortAndSeatAreNotTakenOver) {
  MockDisk stick = machine_.add_stick("sdb");
  stick.with_property("ID_PATH", "usb\\x0a; rm -rf /").with_property("ID_SEAT", "../../seat");
  const Device device = only_device();
  EXPECT_EQ(device.port, "");
  EXPECT_EQ(device.seat, "seat0");
}

// ---- Belonging to the system ----

TEST_F(Devices, FstabNamesADeviceByItsUuid) {
  write("fstab", "# UUID=uuid-of-sdb2 /x ext4\nUUID=\"UUID-of-sdb1\" /data ext4 noauto 0 0\n");
  machine_.add_stick("sdb").with_partition("ext4").with_partition("ext4");
  start();
  const std::string fstab = folder_ / "fstab";
  EXPECT_EQ(source_->find(number_of(17))->system_reason, fstab + " names it");
  EXPECT_EQ(source_->find(number_of(18))->system_reason, "");
  EXPECT_EQ(source_->find(number_of(16))->system_reason,
            "its partition sdb1: " + fstab + " names it");
}

TEST_F(Devices, AChangedFstabCountsAtOnce) {
  machine_.add_stick("sdb").with_partition("ext4");
  start();
  EXPECT_EQ(source_->find(number_of(17))->system_reason, "");
  write("fstab", "LABEL=label\\040of\\040sdb1 /data ext4 defaults 0 0\n");
  EXPECT_NE(source_->find(number_of(17))->system_reason, "");
  std::filesystem::remove(folder_ / "fstab");
  EXPECT_EQ(source_->find(number_of(17))->system_reason, "");
}

TEST_F(Devices, CrypttabNamesADeviceInItsSecondColumn) {
  write("crypttab", "sdb1 PARTUUID=0000-SDB2 none luks,noauto\n");
  machine_.add_stick("sdb").with_partition("ext4").with_partition("crypto_LUKS");
  start();
  EXPECT_EQ(source_->find(number_of(17))->system_reason, "");
  EXPECT_NE(source_->find(number_of(18))->system_reason, "");
}

TEST_F(Devices, AMountedPartitionMakesItsDiskUsed) {
  machine_.add_stick("sdb").with_partition("ext4");
  start();
  EXPECT_TRUE(last_.users.empty());
  write("proc/self/mountinfo", "36 1 8:17 / /mnt rw - ext4 /dev/sdb1 rw\n");
  EXPECT_EQ(source_->find(number_of(17))->users, Lines{"mounted on \"/mnt\""});
  EXPECT_EQ(source_->find(number_of(16))->users,
            Lines{"its partition sdb1 is mounted on \"/mnt\""});
}

TEST_F(Devices, TheRunningSystemIsFoundOnADisk) {
  write("proc/self/mountinfo", "36 1 8:17 / / rw - ext4 /dev/root rw\n");
  machine_.add_stick("sdb").with_partition("ext4").with_partition("ext4");
  start();
  EXPECT_EQ(source_->find(number_of(17))->system_reason, "it holds the running system");
  EXPECT_EQ(source_->find(number_of(18))->system_reason, "");
}

// ---- Bad messages ----

TEST_F(Devices, DuplicatesAreReportedOnce) {
  start_scripted();
  MockDisk stick = machine_.add_stick("sdb");
  for (int i = 0; i < 5; ++i) script("add", stick.sysfs_path(), 16, 7);
  for (int i = 0; i < 5; ++i) script("change", stick.sysfs_path(), 16, 8);
  EXPECT_EQ(story(), (Lines{"added sdb", "changed sdb"}));
}

TEST_F(Devices, AMessageOlderThanOneHeededIsLeftOut) {
  start_scripted();
  MockDisk stick = machine_.add_stick("sdb");
  script("add", stick.sysfs_path(), 16, 12);
  script("remove", stick.sysfs_path(), 16, 12);
  script("remove", stick.sysfs_path(), 16, 11);
  EXPECT_EQ(story(), (Lines{"added sdb"}));
}

TEST_F(Devices, ARemovalSentBeforeTheStartDoesNotRemoveTheNewOne) {
  machine_.add_stick("sdc");
  MockDisk stick = machine_.add_stick("sdb");  // the second disk sequence
  start_scripted();
  (void)story();
  script("remove", stick.sysfs_path(), 32, 3, /*disk_sequence=*/1);
  EXPECT_EQ(story(), Lines{});
  script("remove", stick.sysfs_path(), 32, 4, /*disk_sequence=*/2);
  EXPECT_EQ(story(), Lines{"removed sdb"});
}

TEST_F(Devices, APartitionHeardOfBeforeItsDiskComesAfterIt) {
  start_scripted();
  MockDisk stick = machine_.add_stick("sdb").with_partition("ext4");
  script("add", stick.partition_path(1), 17, 6);
  script("add", stick.sysfs_path(), 16, 5);
  EXPECT_EQ(story(), (Lines{"added sdb", "added sdb1"}));
}

TEST_F(Devices, ADiskThatGoesTakesItsPartitionsAlong) {
  MockDisk stick = machine_.add_stick("sdb").with_partition("ext4");
  start_scripted();
  (void)story();
  script("remove", stick.sysfs_path(), 16, 9);
  EXPECT_EQ(story(), (Lines{"removed sdb1", "removed sdb"}));
}

TEST_F(Devices, MessagesAboutNothingAreLeftOut) {
  start_scripted();
  script("add", "/sys/devices/nowhere", 16, 1);
  script("remove", "/sys/devices/nowhere", 16, 2);
  script("add", "", 16, 3);
  script("add", "/sys/../etc", 16, 4);
  EXPECT_EQ(story(), Lines{});
}

TEST_F(Devices, AStormWithDuplicatesOutOfOrderEndsInTheTruth) {
  start_scripted();
  std::vector<MockDisk> sticks;
  for (const char* name : {"sdb", "sdc", "sdd", "sde"})
    sticks.push_back(machine_.add_stick(name).with_partition("ext4"));
  std::mt19937 random(4711);
  const std::vector<std::string> actions = {"add", "change", "remove"};
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    const std::size_t which = random() % sticks.size();
    const bool disk = random() % 2 == 0;
    script(actions[random() % 3],
           disk ? sticks[which].sysfs_path() : sticks[which].partition_path(1),
           static_cast<unsigned>(which) * 16 + (disk ? 16 : 17), 1 + random() % 1000);
  }
  // Whatever came before: the last message about each says that it exists.
  for (std::size_t which = 0; which < sticks.size(); ++which)
    script("add", sticks[which].partition_path(1), static_cast<unsigned>(which) * 16 + 17, 2000);
  const Lines lines = story();
  std::map<std::string, int> present;
  for (const std::string& line : lines) {
    const std::string name = line.substr(line.find(' ') + 1);
    const int before = present[name];
    if (line.starts_with("added")) present[name]++;
    if (line.starts_with("removed")) present[name]--;
    if (line.starts_with("changed")) {
      EXPECT_EQ(before, 1) << line;
    }
    EXPECT_TRUE(present[name] == 0 || present[name] == 1) << line;
    if (line.starts_with("added") && name.size() == 4) {
      EXPECT_EQ(present[name.substr(0, 3)], 1) << line;
    }
  }
  EXPECT_EQ(present.size(), 8U);
  for (const auto& [name, count] : present) EXPECT_EQ(count, 1) << name;
}

TEST_F(Devices, LostMessagesAreMadeUpForByLooking) {
  MockDisk old = machine_.add_stick("sdb").with_partition("ext4");
  MockDisk reader = machine_.add_stick("sdc");
  start_scripted();
  (void)story();
  old.pull();
  machine_.add_stick("sdd");
  reader.with_attribute("diskseq", "77");
  for (int i = 0; i < 10; ++i) script_->entries.push_back({UeventFeed::Next::kLost, {}});
  EXPECT_EQ(story_after_catching_up(),
            (Lines{"removed sdb1", "removed sdb", "changed sdc", "added sdd"}));
  EXPECT_EQ(source_->find(number_of(32))->disk_sequence, 77U);
}

}  // namespace
}  // namespace airlock
