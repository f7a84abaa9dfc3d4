// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/mount_options.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

namespace airlock {
namespace {

constexpr std::uint32_t kAlways = MS_NOSUID | MS_NODEV;

MountOptions parsed(std::string_view text) {
  auto options = parse_mount_options(text);
  EXPECT_TRUE(options) << text;
  return options ? *options : MountOptions{};
}

TEST(MountOptions, NothingAskedForIsReadWriteNosuidNodevForTheUser) {
  const MountOptions options = parsed("");
  EXPECT_EQ(options.flags, kAlways);
  EXPECT_FALSE(options.read_only());
  EXPECT_FALSE(options.allow_other);
  EXPECT_EQ(options.owner, OwnerMapping::kUser);
  EXPECT_EQ(options.transport, Transport::kAutomatic);
  EXPECT_FALSE(options.uid);
}

TEST(MountOptions, AirlockdIsToldWhatItDecidesOn) {
  EXPECT_EQ(parsed("rw,uhelper=udisks2,nodev").helper, "udisks2");
  EXPECT_EQ(parsed("rw,x-uhelper=udisks2").helper, "");
  EXPECT_EQ(options_for_airlockd("rw,uhelper=udisks2,nodev,nosuid,uid=1000,gid=1000,airlock"),
            "nodev,nosuid,uid=1000,gid=1000");
  EXPECT_EQ(options_for_airlockd("ro,exec,x-gvfs-show,,noatime"), "ro,exec,noatime");
  EXPECT_EQ(options_for_airlockd("suid,nonsense"), "suid,nonsense") << "it is asked all the same";
  EXPECT_EQ(options_for_airlockd(""), "");
}

TEST(MountOptions, FlagsBecomeMountFlags) {
  struct Row {
    const char* text;
    std::uint32_t flags;
  };
  for (const Row& row :
       {Row{"ro", MS_RDONLY}, Row{"noexec", MS_NOEXEC}, Row{"sync", MS_SYNCHRONOUS},
        Row{"dirsync", MS_DIRSYNC}, Row{"noatime", MS_NOATIME}, Row{"nodiratime", MS_NODIRATIME},
        Row{"nosymfollow", MS_NOSYMFOLLOW}, Row{"rw", 0}, Row{"nosuid,nodev", 0}})
    EXPECT_EQ(parsed(row.text).flags, kAlways | row.flags) << row.text;
}

TEST(MountOptions, TheLaterOfTwoContradictingOptionsCounts) {
  EXPECT_FALSE(parsed("ro,rw").read_only());
  EXPECT_TRUE(parsed("rw,ro").read_only());
  EXPECT_EQ(parsed("noexec,exec").flags, kAlways);
  EXPECT_EQ(parsed("owner=media,owner=user").owner, OwnerMapping::kUser);
}

TEST(MountOptions, SuidAndDevAreIgnoredWithANoticeThatNamesThem) {
  for (const char* option : {"suid", "dev"}) {
    const MountOptions options = parsed(option);
    EXPECT_EQ(options.flags, kAlways);
    ASSERT_EQ(options.notices.size(), 1U);
    EXPECT_NE(options.notices[0].find(option), std::string::npos);
  }
}

TEST(MountOptions, WhatFstabAndUdisksAddHasNoEffect) {
  const MountOptions options = parsed(
      "defaults,auto,noauto,user,users,nofail,_netdev,x-gvfs-show,X-mount.mkdir,uhelper=udisks2,"
      "comment=stick,airlock,relatime,default_permissions,user=joe,,");
  EXPECT_EQ(options.flags, kAlways);
  EXPECT_TRUE(options.notices.empty());
}

TEST(MountOptions, OwnersAndIds) {
  const MountOptions options = parsed("owner=media,uid=1000,gid=4294967294,allow_other,plain");
  EXPECT_EQ(options.owner, OwnerMapping::kMedia);
  EXPECT_EQ(options.uid, 1000U);
  EXPECT_EQ(options.gid, 4294967294U);
  EXPECT_TRUE(options.allow_other);
  EXPECT_EQ(options.transport, Transport::kPlain);
}

TEST(MountOptions, AnUnknownOptionIsNamed) {
  const auto options = parse_mount_options("ro,errors=remount-ro");
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().message(), "unknown option \"errors=remount-ro\"");
}

TEST(MountOptions, ASloppyCallerGetsANoticeInstead) {
  const auto options = parse_mount_options("ro,shiny", UnknownOptions::kIgnore);
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->read_only());
  ASSERT_EQ(options->notices.size(), 1U);
  EXPECT_NE(options->notices[0].find("shiny"), std::string::npos);
}

TEST(MountOptions, BadValuesAreRefusedEvenForASloppyCaller) {
  for (const char* text : {"uid=", "uid=joe", "uid=-1", "uid=4294967295", "uid=4294967296",
                           "uid=1 ", "gid=0x10", "owner=", "owner=root", "remount"})
    EXPECT_FALSE(parse_mount_options(text, UnknownOptions::kIgnore)) << text;
}

TEST(MountOptions, WhatAirlockDecidesItselfCannotBeSmuggledIn) {
  for (const char* text : {"fd=7", "rootmode=40000", "user_id=0", "group_id=0", "source=/dev/sda",
                           "subtype=x", "blkdev", "fsname=x", "bind", "allow_root"})
    EXPECT_FALSE(parse_mount_options(text)) << text;
}

TEST(MountOptions, TheDriverIsToldWhatWasAskedForBeyondFlags) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(parsed("ro,owner=media,x-y").words_for_driver(std::nullopt), Words{"owner=media"});
  EXPECT_EQ(parsed("umask=22,tz=UTC,windows_names").words_for_driver(120),
            (Words{"fmask=22", "dmask=22", "time_offset=0", "windows_names", "owner=user"}));
  EXPECT_EQ(parsed("").words_for_driver(120), (Words{"time_offset=120", "owner=user"}));
}

}  // namespace
}  // namespace airlock
