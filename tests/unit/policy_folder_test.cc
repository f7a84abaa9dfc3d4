// SPDX-License-Identifier: GPL-2.0-or-later
// Hostile labels as names of folders.
#include <gtest/gtest.h>

#include "daemon/policy/folder_name.h"

namespace airlock {
namespace {

TEST(FolderName, KeepsWhatIsHarmless) {
  for (const char* name : {"BACKUP", "My Stick", "a.b", "50% off",
                           "\xc3\x9c"
                           "bung",
                           "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x93\xb7 photos", "it's \"mine\""})
    EXPECT_EQ(safe_folder_name(name), name);
}

TEST(FolderName, IsOneFolderAndNoOther) {
  EXPECT_EQ(safe_folder_name("../../etc"), "_.._etc");
  EXPECT_EQ(safe_folder_name("/etc/passwd"), "_etc_passwd");
  EXPECT_EQ(safe_folder_name("."), "");
  EXPECT_EQ(safe_folder_name(".."), "");
  EXPECT_EQ(safe_folder_name("..."), "");
  EXPECT_EQ(safe_folder_name(".hidden"), "hidden");
  EXPECT_EQ(safe_folder_name(" . .x"), "x");
  EXPECT_EQ(safe_folder_name(std::string("a\0b", 3)), "a_b");
}

TEST(FolderName, ShowsWhatItIs) {
  EXPECT_EQ(safe_folder_name("a\nb\tc\x1b[31m\x7f"), "a_b_c_[31m_");
  EXPECT_EQ(safe_folder_name("\xc2\x85x"), "_x");                 // a C1 control character
  EXPECT_EQ(safe_folder_name("gpj\xe2\x80\xae.exe"), "gpj.exe");  // right-to-left override
  EXPECT_EQ(safe_folder_name("a\xe2\x80\x8b"
                             "b\xef\xbb\xbf"),
            "ab");                                                // zero width
  EXPECT_EQ(safe_folder_name("\xe2\x81\xa6x\xe2\x81\xa9"), "x");  // isolates
  EXPECT_EQ(safe_folder_name("\xf3\xa0\x81\x81x"), "x");          // a tag
  EXPECT_EQ(safe_folder_name("\xe2\x80\x8b..x"), "x");  // a dot behind something invisible
}

TEST(FolderName, HasNoSpaceAtItsEnds) {
  EXPECT_EQ(safe_folder_name("  STICK     "), "STICK");
  EXPECT_EQ(safe_folder_name("\xc2\xa0x\xe3\x80\x80"), "x");
  EXPECT_EQ(safe_folder_name("   "), "");
}

TEST(FolderName, ReplacesBrokenUtf8) {
  EXPECT_EQ(safe_folder_name("a\xff"
                             "b"),
            "a_b");
  EXPECT_EQ(safe_folder_name("a\xc3"), "a_");
  EXPECT_EQ(safe_folder_name("\xc0\xaf"
                             "etc"),
            "__etc");                                       // an overlong slash
  EXPECT_EQ(safe_folder_name("\xed\xa0\x80"), "___");       // half a surrogate pair
  EXPECT_EQ(safe_folder_name("\xf4\x90\x80\x80"), "____");  // beyond Unicode
  EXPECT_EQ(safe_folder_name("\xe2\x80/x"), "___x");
}

TEST(FolderName, IsCutBetweenCharacters) {
  EXPECT_EQ(safe_folder_name(std::string(255, 'a')), std::string(kMostFolderBytes, 'a'));
  std::string long_name;
  for (int i = 0; i < 100; ++i) long_name += "\xe6\x97\xa5";
  const std::string cut = safe_folder_name(long_name);
  EXPECT_EQ(cut.size(), kMostFolderBytes / 3 * 3);
  EXPECT_EQ(cut, long_name.substr(0, cut.size()));
  // A space left at the end only by the cut.
  EXPECT_EQ(safe_folder_name(std::string(249, 'a') + " b"), std::string(249, 'a'));
}

TEST(FolderName, StaysTheSameWhenMadeSafeAgain) {
  for (const char* name : {"../../etc", " a \n", "\xe2\x80\xae..x ", "\xff\xff", "a/ ", "._."}) {
    const std::string once = safe_folder_name(name);
    EXPECT_EQ(safe_folder_name(once), once);
  }
}

TEST(FolderName, FallsBackFromLabelToUuidToImageToDisk) {
  Facts facts;
  facts.probe = ProbeRecord{.label = "LABEL", .uuid = "1234-ABCD"};
  facts.image_name = "/home/alice/../disk.img";
  EXPECT_EQ(folder_name_for(facts), "LABEL");
  facts.probe->label = "..";
  EXPECT_EQ(folder_name_for(facts), "1234-ABCD");
  facts.probe->uuid.clear();
  EXPECT_EQ(folder_name_for(facts), "disk.img");
  facts.image_name = "/";
  EXPECT_EQ(folder_name_for(facts), "disk");
  facts.image_name = "x";
  facts.device = Device{};
  EXPECT_EQ(folder_name_for(facts), "disk");
}

}  // namespace
}  // namespace airlock
