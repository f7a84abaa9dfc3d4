// SPDX-License-Identifier: GPL-2.0-or-later
// The command lines of programs, and the reasons found in their output.
#include "contained/adapter/command.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <algorithm>

#include "contained/adapter/program_door.h"

namespace airlock::adapter {
namespace {

TEST(AdaptedPrograms, ServeTheTypesOfTheTable) {
  ASSERT_NE(find_adapted("ntfs"), nullptr);
  EXPECT_EQ(find_adapted("ntfs")->name, "ntfs-3g");
  EXPECT_TRUE(find_adapted("ntfs")->writes());
  ASSERT_NE(find_adapted("xfs"), nullptr);
  EXPECT_EQ(find_adapted("xfs")->name, "grub-mount");
  EXPECT_FALSE(find_adapted("xfs")->writes());
  EXPECT_EQ(find_adapted("ext4"), nullptr);
  EXPECT_EQ(find_adapted(""), nullptr);
}

TEST(AdaptedPrograms, ShowFilesAsTheUsersAndForceNothing) {
  const auto words = command_for(*find_adapted("ntfs"), {.user = 1000, .group = 100});
  ASSERT_EQ(words.size(), 5U);
  EXPECT_EQ(words[2], "no_detach,uid=1000,gid=100,umask=022,rw");
  for (const std::string& word : words) {
    EXPECT_EQ(word.find("remove_hiberfile"), std::string::npos);
    EXPECT_EQ(word.find("force"), std::string::npos);
  }
  const auto reading = command_for(*find_adapted("ntfs"), {.read_only = true});
  EXPECT_EQ(reading[2], "no_detach,uid=0,gid=0,umask=022,ro");
}

TEST(WordsOfAProgram, BecomeAReason) {
  EXPECT_EQ(reason_in("Windows is hibernated, refused to mount.\nFalling back\n"),
            "Windows is hibernated on it, which writing would destroy: shut Windows down fully "
            "first");
  EXPECT_EQ(reason_in("one\ntwo\n   \n\n"), "two");
  EXPECT_EQ(reason_in(""), "");
  EXPECT_EQ(reason_in(std::string(5'000, 'x')).size(), 200U);
}

TEST(AskedMounts, KeepOnlyWhatMayBeAskedFor) {
  const auto plain = understand_mount(0, "fd=4,rootmode=40000,user_id=0,group_id=0,allow_other");
  EXPECT_FALSE(plain.read_only);
  EXPECT_FALSE(plain.max_read);
  const auto asked = understand_mount(MS_RDONLY, "max_read=131072,blksize=4096");
  EXPECT_TRUE(asked.read_only);
  EXPECT_EQ(asked.max_read, 131'072U);
  EXPECT_EQ(asked.block_size, 4'096U);
  for (const char* odd : {"blksize=0", "blksize=3", "blksize=65536", "blksize=-1",
                          "blksize=", "max_read=0", "max_read=99999999999", "max_read=1 "}) {
    EXPECT_FALSE(understand_mount(0, odd).block_size) << odd;
    EXPECT_FALSE(understand_mount(0, odd).max_read) << odd;
  }
}

}  // namespace
}  // namespace airlock::adapter
