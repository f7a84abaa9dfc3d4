// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/driver_options.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <vector>

namespace airlock {
namespace {

Result<DriverOptions> parse(std::vector<std::string> options) {
  std::vector<std::string> arguments = {"ext4", "/dev/sdb1", "/mnt"};
  for (std::string& option : options) {
    arguments.emplace_back("-o");
    arguments.push_back(std::move(option));
  }
  return parse_driver_options(arguments);
}

TEST(DriverOptions, ThreeWordsAndDefaults) {
  const auto options = parse({});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->subtype, "ext4");
  EXPECT_EQ(options->medium, "/dev/sdb1");
  EXPECT_EQ(options->mount_point, "/mnt");
  EXPECT_EQ(options->flags, MS_NOSUID | MS_NODEV);
  EXPECT_EQ(options->owners, MediaOwners::kUser);
  EXPECT_FALSE(options->read_only());
  EXPECT_FALSE(options->fuseblk);
  EXPECT_FALSE(options->allow_other);
}

TEST(DriverOptions, MediaWithoutPermissionsHaveOptionsOfTheirOwn) {
  const auto options = parse({"umask=022,fmask=133", "time_offset=-90,codepage=850,windows_names"});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->foreign.file_mask, 0133u);
  EXPECT_EQ(options->foreign.directory_mask, 022u);
  EXPECT_EQ(options->foreign.zone_minutes, -90);
  EXPECT_EQ(options->foreign.code_page, 850u);
  EXPECT_TRUE(options->foreign.windows_names);
  EXPECT_EQ(parse({"rw"})->foreign, ForeignOptions{});
  EXPECT_EQ(parse({"tz=UTC"})->foreign.zone_minutes, 0);
  for (const char* text :
       {"umask=", "umask=8", "fmask=1000", "dmask=-1", "time_offset=1441", "time_offset=x",
        "codepage=", "codepage=0", "codepage=65536", "tz=CET", "windows_names=1"})
    EXPECT_FALSE(parse({text}).has_value()) << text;
}

TEST(DriverOptions, OptionsMayComeBeforeAndBetweenTheWords) {
  const std::vector<std::string> arguments = {"-o", "ro", "ext4", "-o", "noexec", "/dev/a", "/mnt"};
  const auto options = parse_driver_options(arguments);
  ASSERT_TRUE(options.has_value());
  EXPECT_TRUE(options->read_only());
  EXPECT_NE(options->flags & MS_NOEXEC, 0u);
}

TEST(DriverOptions, TheLastOneWins) {
  EXPECT_FALSE(parse({"ro,rw"})->read_only());
  EXPECT_TRUE(parse({"rw", "ro"})->read_only());
  EXPECT_EQ(parse({"noatime,relatime"})->flags & MS_NOATIME, 0u);
}

TEST(DriverOptions, SettingsWithValues) {
  const auto options = parse({"owner=media,uid=1000,gid=4294967294,blkdev,allow_other"});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->owners, MediaOwners::kMedia);
  EXPECT_EQ(options->user, 1000u);
  EXPECT_EQ(options->group, 4294967294u);
  EXPECT_TRUE(options->fuseblk);
  EXPECT_TRUE(options->allow_other);
}

// mount.fuse3 says both when root mounts. Our mounting side has nosuid and nodev whatever it says.
TEST(DriverOptions, SetUidAndDevicesAreTheHelpersToDecide) {
  const auto options = parse({"rw,suid,dev"});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->flags, MS_NOSUID | MS_NODEV);
}

TEST(DriverOptions, WhatOtherHelpersAndFstabSayIsNoError) {
  const auto options =
      parse({"rw,suid,dev,default_permissions,nonempty,fsname=/dev/sdb1,subtype=ext4,max_read=4096",
             "errors=remount-ro,errors=continue,acl,user_xattr,iocharset=utf8,utf8,quiet,flush",
             "nofail,x-gvfs-show,x-systemd.device-timeout=5"});
  ASSERT_TRUE(options.has_value()) << options.error().message();
  EXPECT_EQ(options->flags, MS_NOSUID | MS_NODEV);
  EXPECT_EQ(options->foreign, ForeignOptions{});
}

// A wish that the driver would not fulfil is an error.
TEST(DriverOptions, WhatWouldChangeSomethingIsRefused) {
  for (const char* option : {"errors=panic", "iocharset=koi8-r", "noacl", "nouser_xattr", "utf8=0",
                             "quiet=1", "x", "fsname"})
    EXPECT_FALSE(parse({option}).has_value()) << option;
}

TEST(DriverOptions, NonsenseIsNamed) {
  for (const char* option : {"nonsense", "uid=", "uid=x", "uid=-1", "uid=4294967295", "uid=1x",
                             "uid=4294967296", "owner=me", "RO", "rw ", "=", "uid"}) {
    const auto options = parse({option});
    ASSERT_FALSE(options.has_value()) << option;
    EXPECT_EQ(options.error().code, Errc::kInvalidArgument) << option;
  }
  EXPECT_NE(parse({"nonsense"}).error().message().find("nonsense"), std::string::npos);
}

TEST(DriverOptions, EmptyOptionsAreNone) {
  EXPECT_TRUE(parse({"", ",", "ro,,", ",ro"}).has_value());
}

TEST(DriverOptions, OtherNumbersOfWordsAreRefused) {
  using Words = std::vector<std::string>;
  for (const Words& words :
       {Words{}, Words{"ext4"}, Words{"ext4", "/dev/a"}, Words{"ext4", "/dev/a", "/mnt", "more"},
        Words{"ext4", "/dev/a", "/mnt", "-o"}})
    EXPECT_FALSE(parse_driver_options(words).has_value()) << words.size();
}

}  // namespace
}  // namespace airlock
