// SPDX-License-Identifier: GPL-2.0-or-later
// The fake device source keeps the promises of the real one.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/fakes/fake_device_source.h"

namespace airlock {
namespace {

struct Story {
  std::vector<std::string> lines;
  DeviceSource::Listener listener() {
    return [this](DeviceEvent event, const Device& device) {
      const char* word = event == DeviceEvent::kAdded     ? "added "
                         : event == DeviceEvent::kChanged ? "changed "
                                                          : "removed ";
      lines.push_back(word + device.name);
    };
  }
};

using Lines = std::vector<std::string>;

TEST(FakeDeviceSource, ReportsWhatWasPluggedInBeforeTheStart) {
  FakeDeviceSource source;
  source.plug_stick("sdb");
  Story story;
  ASSERT_TRUE(source.start(story.listener()));
  EXPECT_EQ(story.lines, (Lines{"added sdb", "added sdb1"}));
}

TEST(FakeDeviceSource, PartitionsGoBeforeTheirDisk) {
  FakeDeviceSource source;
  Story story;
  ASSERT_TRUE(source.start(story.listener()));
  source.plug_stick("sdb");
  source.unplug("sdb");
  EXPECT_EQ(story.lines, (Lines{"added sdb", "added sdb1", "removed sdb1", "removed sdb"}));
  EXPECT_FALSE(source.find("/dev/sdb"));
}

TEST(FakeDeviceSource, APartitionBelongsToItsDisk) {
  FakeDeviceSource source;
  const Device partition = source.plug_stick("sdb");
  const auto disk = source.find("/dev/sdb");
  ASSERT_TRUE(disk);
  EXPECT_EQ(partition.drive, disk->number);
  EXPECT_EQ(partition.disk_sequence, disk->disk_sequence);
  EXPECT_NE(partition.number, disk->number);
  EXPECT_EQ(source.plug_stick("mmcblk0").name, "mmcblk0p1");
}

TEST(FakeDeviceSource, AnotherMediumHasAnotherSequence) {
  FakeDeviceSource source;
  const Device before = source.plug_stick("sdb");
  source.change_medium("sdb");
  EXPECT_NE(source.find("/dev/sdb")->disk_sequence, before.disk_sequence);
  EXPECT_FALSE(source.find("/dev/sdb1"));
}

TEST(FakeDeviceSource, FindsByLinkAndNumber) {
  FakeDeviceSource source;
  const Device partition = source.plug_stick("sdb");
  source.link("/dev/disk/by-label/STICK", "/dev/sdb1");
  EXPECT_EQ(source.find("/dev/disk/by-label/STICK")->name, "sdb1");
  EXPECT_EQ(source.find(partition.number)->name, "sdb1");
}

}  // namespace
}  // namespace airlock
