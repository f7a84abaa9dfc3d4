// SPDX-License-Identifier: GPL-2.0-or-later
// Tests without devices: words, tables, ownership by the system, the choice of a voice.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/devices/device_ledger.h"
#include "daemon/devices/foreign_text.h"
#include "daemon/devices/named_devices.h"
#include "daemon/devices/system_devices.h"
#include "daemon/devices/uevent_feed.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

TEST(ForeignText, IsCutBetweenCharacters) {
  EXPECT_EQ(clean_text("  a\xc3\xa4 ", 10), "a\xc3\xa4");
  EXPECT_EQ(clean_text("a\xc3\xa4", 2), "a");
  EXPECT_EQ(clean_text("\xf4\x90\x80\x80", 100), "\xef\xbf\xbd");
  EXPECT_EQ(clean_text(std::string("a\0b", 3), 100),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(clean_text(" \t\n", 100), "");
}

TEST(ForeignText, OnlyWholeEscapesAreUndone) {
  EXPECT_EQ(decode_udev("a\\x20b\\x2"), "a b\\x2");
  EXPECT_EQ(decode_udev("\\xzz\\x-1\\x"), "\\xzz\\x-1\\x");
  EXPECT_EQ(decode_udev("\\x5cx41"), "\\x41");
}

TEST(ForeignText, NumbersAreWholeAndInRange) {
  EXPECT_EQ(parse_decimal("42\n"), 42U);
  for (const char* bad :
       {"", "\n", "-1", "+1", " 1", "1 ", "0x10", "18446744073709551616", "1\n\n"})
    EXPECT_FALSE(parse_decimal(bad)) << bad;
}

TEST(NamedDevices, LeavesOutCommentsAndUndoesEscapes) {
  const char* table =
      "# UUID=1 / ext4\n"
      "   # UUID=2\n"
      "\n"
      "UUID=\"3\" / ext4\n"
      "/dev/disk/by-label/My\\040Stick\t/mnt auto noauto 0 0\r\n"
      "LABEL='x y' /x\n"
      "/dev/sdb1";
  EXPECT_EQ(named_devices(table, NameColumn::kFirst),
            (Names{"UUID=3", "/dev/disk/by-label/My Stick", "LABEL='x", "/dev/sdb1"}));
  EXPECT_EQ(named_devices("vault UUID=4 none\nlonely\n#a b\n", NameColumn::kSecond),
            Names{"UUID=4"});
}

class SystemDevicesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "system-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const fs::path& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }

  std::string reason(const DeviceNames& names) {
    return SystemDevices({.fstab = folder_ / "fstab",
                          .crypttab = folder_ / "crypttab",
                          .dev = folder_ / "dev",
                          .view = {.proc = folder_ / "proc", .sys = folder_ / "sys"}})
        .reason(names);
  }

  fs::path folder_;
};

TEST_F(SystemDevicesTest, TheDisksUnderTheRootVolumeHoldTheSystem) {
  // / is a volume on a vault on a RAID of two partitions.
  write("proc/self/mountinfo", "1 0 253:1 / / rw - ext4 /dev/mapper/root rw\n");
  write("sys/dev/block/253:1/slaves/dm-0/dev", "253:0\n");
  write("sys/dev/block/253:0/slaves/md0/dev", "9:0\n");
  write("sys/dev/block/9:0/slaves/sda2/dev", "8:2\n");
  write("sys/dev/block/9:0/slaves/sdb2/dev", "8:18\n");
  for (const dev_t number :
       {makedev(253U, 1U), makedev(253U, 0U), makedev(9U, 0U), makedev(8U, 2U), makedev(8U, 18U)})
    EXPECT_EQ(reason({.number = number}), "it holds the running system") << number;
  EXPECT_EQ(reason({.number = makedev(8U, 1U)}), "");
}

TEST_F(SystemDevicesTest, ACircleOfVolumesEnds) {
  write("proc/self/mountinfo", "1 0 253:1 / /usr rw - ext4 /dev/mapper/root rw\n");
  write("sys/dev/block/253:1/slaves/dm-0/dev", "253:0\n");
  write("sys/dev/block/253:0/slaves/dm-1/dev", "253:1\n");
  EXPECT_NE(reason({.number = makedev(253U, 0U)}), "");
}

TEST_F(SystemDevicesTest, OtherMountsAreNotTheSystem) {
  write("proc/self/mountinfo", "1 0 8:17 / /media/anna/STICK rw - ext4 /dev/sdb1 rw\n");
  EXPECT_EQ(reason({.number = makedev(8U, 17U)}), "");
}

TEST_F(SystemDevicesTest, EveryKindOfNameIsUnderstood) {
  DeviceNames stick{.number = makedev(8U, 17U),
                    .links = {"/dev/disk/by-id/usb-x-part1", "/dev/disk/by-path/p"},
                    .uuid = "ABCD-1234",
                    .label = "My Stick",
                    .partition_uuid = "aa-01",
                    .partition_label = "data",
                    .backing_file = ""};
  for (const char* line : {"UUID=abcd-1234", "LABEL=My\\040Stick", "PARTUUID=AA-01",
                           "PARTLABEL=data", "ID=usb-x-part1", "/dev/disk/by-path/p"}) {
    write("fstab", std::string(line) + " /mnt auto\n");
    EXPECT_NE(reason(stick), "") << line;
  }
  for (const char* line : {"UUID=", "LABEL=my\\040stick", "LABEL=", "PARTUUID=aa", "/dev/sdb1",
                           "tmpfs", "UUID", "host:/export", "//server/share", "NONSENSE=data"}) {
    write("fstab", std::string(line) + " /mnt auto\n");
    EXPECT_EQ(reason(stick), "") << line;
  }
  write("fstab", "UUID= /mnt auto\n");
  EXPECT_EQ(reason({.number = makedev(8U, 18U)}), "") << "a device without a UUID";
}

// ---- The ledger ----

Device disk_of_size(std::uint64_t size) {
  return {.number = 5, .name = "sdb", .sysfs_path = "/sys/x/sdb", .drive = 5, .size = size};
}

TEST(DeviceLedger, ANumberGivenToAnotherDeviceIsTwoEvents) {
  DeviceLedger ledger;
  (void)ledger.seen(disk_of_size(100), DeviceLedger::Notice::kLook);
  Device other = disk_of_size(100);
  other.sysfs_path = "/sys/y/sdb";
  const auto reports = ledger.seen(other, DeviceLedger::Notice::kLook);
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].event, DeviceEvent::kRemoved);
  EXPECT_EQ(reports[0].device.sysfs_path, "/sys/x/sdb");
  EXPECT_EQ(reports[1].event, DeviceEvent::kAdded);
}

TEST(DeviceLedger, WhoUsesADeviceIsNoNews) {
  DeviceLedger ledger;
  Device disk = disk_of_size(100);
  (void)ledger.seen(disk, DeviceLedger::Notice::kLook);
  disk.users = {"mounted"};
  EXPECT_TRUE(ledger.seen(disk, DeviceLedger::Notice::kLook).empty());
  EXPECT_EQ(ledger.seen(disk, DeviceLedger::Notice::kChange).size(), 1U);
}

TEST(DeviceLedger, HasRoomForSoManyAndNoMore) {
  DeviceLedger ledger;
  Device disk = disk_of_size(100);
  for (dev_t number = 1; number <= DeviceLedger::kMostDevices + 10; ++number) {
    disk.number = disk.drive = number;
    const auto reports = ledger.seen(disk, DeviceLedger::Notice::kLook);
    EXPECT_EQ(reports.empty(), number > DeviceLedger::kMostDevices);
  }
}

// ---- Choice of a voice ----

TEST(PresentVoice, IsTheKernelsWhereNobodyAnswers) {
  std::string folder = testing::TempDir() + "voice-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/control";
  EXPECT_EQ(present_voice(path), UeventFeed::Voice::kKernel);
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, address.sun_path);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  EXPECT_EQ(present_voice(path), UeventFeed::Voice::kUdevd);
  socket.reset();  // its owner died and left the socket behind
  EXPECT_EQ(present_voice(path), UeventFeed::Voice::kKernel);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace airlock
