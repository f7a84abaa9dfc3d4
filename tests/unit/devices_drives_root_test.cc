// SPDX-License-Identifier: GPL-2.0-or-later
// Operations on drives, tested on loop devices; the USB device around them is a folder.
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "daemon/devices/drive_actions.h"
#include "tests/unit/fakes/loop_device.h"

namespace airlock {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

Device device_of(const LoopDevice& loop, DeviceKind kind) {
  Device device{.number = loop.number(), .name = loop.name(), .node = loop.node(), .kind = kind};
  const UniqueFd fd(::open(loop.node().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(::ioctl(fd.get(), BLKGETDISKSEQ, &device.disk_sequence), 0);
  device.drive = device.number;
  device.sysfs_path = "/sys/block/" + loop.name();
  return device;
}

// The last process to close the device detaches it, which may be a moment later.
bool is_detached(const LoopDevice& loop) {
  for (int i = 0; i < 3000 && !loop.backing_file().empty(); ++i) std::this_thread::sleep_for(20ms);
  return loop.backing_file().empty();
}

class DrivesRunAsRoot : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(loop_.valid());
    std::string folder = testing::TempDir() + "drives-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  void TearDown() override { fs::remove_all(folder_); }

  static void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  static std::string read(const fs::path& file) {
    std::string text;
    std::getline(std::ifstream(file), text);
    return text;
  }

  // A USB device with the loop device as its drive.
  Device in_usb_device(const LoopDevice& loop) {
    const fs::path usb = folder_ / "sys/devices/usb1/1-1";
    write(usb / "idVendor", "0781\n");
    write(usb / "remove", "");
    std::error_code there;
    fs::create_directory_symlink("../../../bus/usb", usb / "subsystem", there);
    Device drive = device_of(loop, DeviceKind::kDisk);
    drive.sysfs_path = usb / "1-1:1.0/host6/target6:0:0/6:0:0:0/block" / loop.name();
    write(fs::path(drive.sysfs_path) / "dev",
          std::to_string(major(drive.number)) + ":" + std::to_string(minor(drive.number)));
    fs::create_directories(folder_ / "sys/block");
    fs::create_directory_symlink(drive.sysfs_path, folder_ / "sys/block" / loop.name());
    return drive;
  }

  [[nodiscard]] SystemView view() const { return {.sys = folder_ / "sys"}; }
  [[nodiscard]] fs::path remove_file() const { return folder_ / "sys/devices/usb1/1-1/remove"; }

  fs::path folder_;
  LoopDevice loop_;
};

TEST_F(DrivesRunAsRoot, EjectingALoopDeviceDetachesItsFile) {
  const Device drive = device_of(loop_, DeviceKind::kLoop);
  loop_.close_own();
  const auto done = eject_medium(drive);
  EXPECT_TRUE(done) << done.error().message();
  EXPECT_TRUE(is_detached(loop_));
}

TEST_F(DrivesRunAsRoot, WhatSomebodyHoldsIsNotEjected) {
  const Device drive = device_of(loop_, DeviceKind::kLoop);
  const UniqueFd held(::open(loop_.node().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  ASSERT_TRUE(held.valid());
  const auto done = eject_medium(drive);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kBusy);
  EXPECT_FALSE(loop_.backing_file().empty());
}

TEST_F(DrivesRunAsRoot, AnotherMediumIsNotEjectedInPlaceOfTheOneMeant) {
  Device drive = device_of(loop_, DeviceKind::kLoop);
  drive.disk_sequence += 1;
  const auto done = eject_medium(drive);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kNotFound);
  EXPECT_FALSE(loop_.backing_file().empty());
}

TEST_F(DrivesRunAsRoot, AnotherDeviceOfTheSameNameIsLeftAlone) {
  Device drive = device_of(loop_, DeviceKind::kLoop);
  drive.number += 1;
  EXPECT_EQ(eject_medium(drive).error().code, Errc::kNotFound);
  drive.node = "/dev/null";
  EXPECT_EQ(eject_medium(drive).error().code, Errc::kNotFound);
  drive.node = "/dev/no-such-device";
  EXPECT_EQ(eject_medium(drive).error().code, Errc::kNotFound);
  EXPECT_FALSE(loop_.backing_file().empty());
}

TEST_F(DrivesRunAsRoot, ADriveWithoutATraySaysSo) {
  const auto done = eject_medium(device_of(loop_, DeviceKind::kDisk));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kUnsupported);
  EXPECT_EQ(done.error().message(), loop_.name() + " can't be ejected");
}

TEST_F(DrivesRunAsRoot, APartitionIsNoDrive) {
  EXPECT_EQ(eject_medium(device_of(loop_, DeviceKind::kPartition)).error().code,
            Errc::kInvalidArgument);
}

TEST_F(DrivesRunAsRoot, ALoopDeviceHasNoPowerToSwitchOff) {
  const auto done = power_off(device_of(loop_, DeviceKind::kLoop));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::kUnsupported);
}

TEST_F(DrivesRunAsRoot, WhatIsBuiltInHasNoPowerToSwitchOff) {
  Device drive = device_of(loop_, DeviceKind::kDisk);
  drive.sysfs_path = folder_ / "block/sda";
  write(fs::path(drive.sysfs_path) / "device/delete", "");
  EXPECT_EQ(power_off(drive, view()).error().code, Errc::kUnsupported);
  EXPECT_EQ(read(fs::path(drive.sysfs_path) / "device/delete"), "");
  drive.removable = true;
  EXPECT_TRUE(power_off(drive, view()));
  EXPECT_EQ(read(fs::path(drive.sysfs_path) / "device/delete"), "1");
}

TEST_F(DrivesRunAsRoot, AUsbDriveIsTakenOffItsPort) {
  const Device drive = in_usb_device(loop_);
  const auto done = power_off(drive, view());
  EXPECT_TRUE(done) << done.error().message();
  EXPECT_EQ(read(remove_file()), "1");
}

TEST_F(DrivesRunAsRoot, ADriveInUseKeepsItsPower) {
  const Device drive = in_usb_device(loop_);
  const UniqueFd held(::open(loop_.node().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  EXPECT_EQ(power_off(drive, view()).error().code, Errc::kBusy);
  EXPECT_EQ(read(remove_file()), "");
}

TEST_F(DrivesRunAsRoot, AnotherSlotInUseKeepsThePowerOfAll) {
  const LoopDevice other;
  ASSERT_TRUE(other.valid());
  const Device drive = in_usb_device(loop_);
  in_usb_device(other);
  {
    const UniqueFd held(::open(other.node().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    const auto done = power_off(drive, view());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::kBusy);
    EXPECT_NE(done.error().message().find(other.name()), std::string::npos);
    EXPECT_EQ(read(remove_file()), "");
  }
  EXPECT_TRUE(power_off(drive, view()));
  EXPECT_EQ(read(remove_file()), "1");
}

}  // namespace
}  // namespace airlock
