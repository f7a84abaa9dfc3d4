// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/mount_command.h"

#include <gtest/gtest.h>

namespace airlock {
namespace {

Result<MountCommand> parse(std::vector<std::string> words) {
  return parse_mount_command(words);
}

TEST(MountCommand, UnderstandsWhatMountWrites) {
  const auto command = parse({"/dev/sdb1", "/mnt", "-o", "rw,uid=5", "-t", "airlock.ext4"});
  ASSERT_TRUE(command) << command.error().message();
  EXPECT_EQ(command->source, "/dev/sdb1");
  EXPECT_EQ(command->target, "/mnt");
  EXPECT_EQ(command->subtype, "ext4");
  EXPECT_EQ(command->options, "rw,uid=5");
  EXPECT_FALSE(command->sloppy || command->fake || command->verbose);
}

TEST(MountCommand, LettersMayBeJoinedAndStandAnywhere) {
  const auto command =
      parse({"-sfnv", "-t", "airlock.ext2", "a.img", "-o", "ro", "dir", "-onoexec", "-r"});
  ASSERT_TRUE(command) << command.error().message();
  EXPECT_TRUE(command->sloppy && command->fake && command->verbose);
  EXPECT_EQ(command->options, "ro,noexec,ro");
  EXPECT_EQ(command->source, "a.img");
  EXPECT_EQ(command->target, "dir");
}

TEST(MountCommand, AfterTwoDashesNothingIsAnOption) {
  const auto command = parse({"-t", "airlock.ext4", "--", "-o", "-v"});
  ASSERT_TRUE(command) << command.error().message();
  EXPECT_EQ(command->source, "-o");
  EXPECT_EQ(command->target, "-v");
}

TEST(MountCommand, HelpAndVersionNeedNothingElse) {
  EXPECT_EQ(parse({"--help"})->kind, MountCommand::Kind::kHelp);
  EXPECT_EQ(parse({"-V"})->kind, MountCommand::Kind::kVersion);
}

TEST(MountCommand, RefusesWhatItCannotUnderstand) {
  EXPECT_FALSE(parse({}));
  EXPECT_FALSE(parse({"/dev/sdb1", "-t", "airlock.ext4"}));
  EXPECT_FALSE(parse({"a", "b", "c", "-t", "airlock.ext4"}));
  EXPECT_FALSE(parse({"a", "b"})) << "no type";
  EXPECT_FALSE(parse({"a", "b", "-t"}));
  EXPECT_FALSE(parse({"a", "b", "-x", "-t", "airlock.ext4"}));
  EXPECT_FALSE(parse({"a", "b", "-N", "7", "-t", "airlock.ext4"}));
}

TEST(MountCommand, TypesWithAndWithoutTheKernelsPrefix) {
  EXPECT_EQ(subtype_of("airlock.ext4"), "ext4");
  EXPECT_EQ(subtype_of("fuse.airlock.ext3"), "ext3");
  EXPECT_EQ(subtype_of("fuseblk.airlock.ext2"), "ext2");
  for (const char* type : {"", "ext4", "airlock", "airlock.", "airlock.a/b", "fuse.ext4",
                           "xairlock.ext4", "airlock.../../x"})
    EXPECT_FALSE(subtype_of(type)) << type;
}

}  // namespace
}  // namespace airlock
