// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mount/driver_arguments.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

namespace airlock {
namespace {

constexpr std::uint32_t kAlways = MS_NOSUID | MS_NODEV;

TEST(DriverArguments, OurDriverIsToldEverythingDecided) {
  const DriverArguments options{
      .flags = kAlways | MS_RDONLY | MS_NOEXEC | MS_NOATIME | MS_SYNCHRONOUS,
      .block = true,
      .allow_other = true,
      .found_consistent = true,
      .words = {"owner=media"},
      .user = 1000,
      .group = 100};
  EXPECT_EQ(options_for_driver(options, DriverOrigin::kOurs),
            "ro,noexec,sync,noatime,nosuid,nodev,blkdev,allow_other,checked,owner=media,uid=1000,"
            "gid=100");
}

TEST(DriverArguments, FilesAreTheUsersWhereNothingElseIsSaid) {
  EXPECT_EQ(options_for_driver({.flags = kAlways}, DriverOrigin::kOurs),
            "rw,nosuid,nodev,owner=user,uid=0,gid=0");
  EXPECT_EQ(options_for_driver({.flags = kAlways, .words = {"fmask=22"}, .user = 1, .group = 2},
                               DriverOrigin::kOurs),
            "rw,nosuid,nodev,fmask=22,owner=user,uid=1,gid=2");
}

TEST(DriverArguments, OnlyOurDriversGoOnForOneAnother) {
  for (const DriverArguments& options : {DriverArguments{.flags = kAlways, .live = true},
                                         DriverArguments{.flags = kAlways, .resume = true}}) {
    EXPECT_EQ(options_for_driver(options, DriverOrigin::kForeign), "rw,nosuid,nodev");
    EXPECT_EQ(options_for_driver(options, DriverOrigin::kOurs),
              options.live ? "rw,nosuid,nodev,live,owner=user,uid=0,gid=0"
                           : "rw,nosuid,nodev,resume,owner=user,uid=0,gid=0");
  }
}

TEST(DriverArguments, ForeignDriversAreNotToldWhatOnlyOursUnderstand) {
  const DriverArguments options{.flags = kAlways,
                                .block = true,
                                .found_consistent = true,
                                .words = {"owner=media", "fmask=22", "time_offset=60",
                                          "codepage=850", "windows_names", "compression=zstd"},
                                .user = 7};
  EXPECT_EQ(options_for_driver(options, DriverOrigin::kForeign),
            "rw,nosuid,nodev,blkdev,compression=zstd");
}

}  // namespace
}  // namespace airlock
