// SPDX-License-Identifier: GPL-2.0-or-later
// Folders in which names are found in any case, against a model, and with e2fsck as the judge.
#include <gtest/gtest.h>
#include <linux/fs.h>

#include <map>
#include <random>

#include "contained/ext/inline_directory.h"
#include "contained/ext/tests/mounted_image.h"
#include "contained/ext/tests/test_image.h"

namespace airlock::ext::testing {
namespace {

constexpr const char* kFoldedNames = "-t ext4 -b 1024 -O ^has_journal,casefold -N 2048";

class FoldedNames : public ::testing::Test {
 protected:
  void mount(const char* options = kFoldedNames) {
    medium = std::make_unique<MemoryMedium>(make_image(options, "6M"));
    mounted = std::make_unique<MountedImage>(*medium);
    ASSERT_TRUE(mounted->opened());
    folder = mounted->make_file(kRoot, "folder", S_IFDIR | 0755);
    ASSERT_EQ(fold(folder), 0);
  }
  int fold(NodeId node) {
    const auto flags = mounted->driver().flags(node);
    if (!flags) return flags.error().value;
    const auto done = mounted->driver().change_flags(node, flags->flags | FS_CASEFOLD_FL);
    return done ? 0 : done.error().value;
  }
  int make(std::string_view name) {
    const auto made = mounted->driver().make_node(folder, name, {.mode = S_IFREG | 0644});
    return made ? 0 : made.error().value;
  }
  bool finds(std::string_view name) { return mounted->driver().lookup(folder, name).has_value(); }
  void close_clean() {
    mounted->close();
    const Verdict verdict = fsck(medium->bytes(), Fsck::kLook);
    EXPECT_EQ(verdict.status, 0) << verdict.report;
  }

  std::unique_ptr<MemoryMedium> medium;
  std::unique_ptr<MountedImage> mounted;
  NodeId folder = 0;
};

TEST_F(FoldedNames, AreFoundInAnySpellingAndKeepTheirOwn) {
  mount();
  ASSERT_EQ(make("Stra\xc3\x9f"
                 "e"),
            0);
  for (const char* other : {"STRASSE", "strasse",
                            "stra\xc3\x9f"
                            "E"}) {
    const auto found = mounted->driver().lookup(folder, other);
    ASSERT_TRUE(found.has_value()) << other;
    EXPECT_TRUE(found->other_spelling);
    EXPECT_EQ(make(other), EEXIST);
  }
  EXPECT_FALSE(mounted->driver()
                   .lookup(folder,
                           "Stra\xc3\x9f"
                           "e")
                   ->other_spelling);
  EXPECT_FALSE(finds("strase"));
  // One letter, or a letter and a ring above it; and the sign of the unit Kelvin.
  ASSERT_EQ(make("\xc3\x85"), 0);
  EXPECT_TRUE(finds("a\xcc\x8a"));
  ASSERT_EQ(make("k"), 0);
  EXPECT_TRUE(finds("\xe2\x84\xaa"));
  // Nothing of that elsewhere.
  EXPECT_NE(mounted->make_file(kRoot, "name"), 0u);
  EXPECT_NE(mounted->make_file(kRoot, "NAME"), 0u);
  close_clean();
}

TEST_F(FoldedNames, WhatIsNotTextIsOnlyItself) {
  mount();
  ASSERT_EQ(make("a\xff"), 0);
  EXPECT_TRUE(finds("a\xff"));
  EXPECT_FALSE(finds("A\xff"));
  ASSERT_EQ(make("A\xff"), 0);
  close_clean();
  mount("-t ext4 -b 1024 -O ^has_journal,casefold -E encoding_flags=strict");
  EXPECT_EQ(make("a\xff"), EINVAL);
  EXPECT_EQ(make("a"), 0);
  EXPECT_EQ(mounted->driver().rename(folder, "a", folder, "b\xff", 0).error().value, EINVAL);
  EXPECT_NE(mounted->make_file(kRoot, "a\xff"), 0u);
  close_clean();
}

TEST_F(FoldedNames, OnlyAnEmptyFolderChanges) {
  mount();
  ASSERT_EQ(make("file"), 0);
  const NodeId file = mounted->driver().lookup(folder, "FILE")->node;
  EXPECT_EQ(fold(file), ENOTDIR);
  const auto flags = mounted->driver().flags(folder);
  ASSERT_TRUE(flags.has_value());
  EXPECT_EQ(mounted->driver()
                .change_flags(folder, flags->flags & ~unsigned{FS_CASEFOLD_FL})
                .error()
                .value,
            ENOTEMPTY);
  ASSERT_TRUE(mounted->driver().unlink(folder, "File").has_value());
  EXPECT_TRUE(mounted->driver().change_flags(folder, flags->flags & ~unsigned{FS_CASEFOLD_FL}));
  EXPECT_EQ(make("a"), 0);
  EXPECT_EQ(make("A"), 0);
  close_clean();
  medium = std::make_unique<MemoryMedium>(make_image("-t ext4 -b 1024 -O ^has_journal", "2M"));
  mounted = std::make_unique<MountedImage>(*medium);
  EXPECT_EQ(fold(kRoot), EOPNOTSUPP);
}

TEST_F(FoldedNames, AFolderBelowIsLikeItsParent) {
  mount();
  const NodeId below = mounted->make_file(folder, "below", S_IFDIR | 0755);
  ASSERT_NE(mounted->make_file(below, "Name"), 0u);
  EXPECT_TRUE(mounted->driver().lookup(below, "nAME").has_value());
  const NodeId file = mounted->make_file(folder, "file");
  EXPECT_EQ(mounted->driver().flags(file)->flags & FS_CASEFOLD_FL, 0u);
  close_clean();
}

TEST_F(FoldedNames, AreFoundWhereTheyLieInTheInode) {
  medium = std::make_unique<MemoryMedium>(
      make_image("-t ext4 -b 1024 -O ^has_journal,casefold,inline_data", "2M"));
  mounted = std::make_unique<MountedImage>(*medium);
  const DirectoryFormat& format = mounted->volume().directory_format();
  class : public CorruptionReport {
    void corrupted(std::uint32_t, std::string_view what) override { ADD_FAILURE() << what; }
  } report;
  std::vector<std::byte> bytes(60);
  InlineDirectory names(format, report, {.block = bytes, .attribute = {}}, 12, /*folded=*/true);
  ASSERT_TRUE(names.initialize(2).has_value());
  ASSERT_TRUE(names.insert("Name", {.inode = 13, .type = EXT2_FT_REG_FILE}).has_value());
  EXPECT_EQ(names.lookup("nAmE").value_or(Entry{}).inode, 13u);
  InlineDirectory exact(format, report, {.block = bytes, .attribute = {}}, 12);
  EXPECT_FALSE(exact.lookup("nAmE").has_value());
}

std::string spelt(std::string_view name, std::mt19937& random) {
  std::string spelling(name);
  for (char& c : spelling)
    if (c >= 'a' && c <= 'z' && random() % 2 == 0) c = static_cast<char>(c - 'a' + 'A');
  return spelling;
}

// Enough for an index of two levels, and with letters that take more bytes in one case.
TEST_F(FoldedNames, ManyInAnIndexAreWhatAModelSays) {
  mount();
  std::mt19937 random{3};
  std::map<std::string, std::string> model;  // how it was made, by its folded form
  for (int i = 0; i < 4000; ++i) {
    const std::string plain = "a rather long name, \xc3\xa4\xc3\xb6\xc3\xbc, with number " +
                              std::to_string(random() % 900);
    const std::string spelling = spelt(plain, random);
    const auto known = model.find(plain);
    switch (random() % 4) {
      case 0:
      case 1:
        ASSERT_EQ(make(spelling), known != model.end() ? EEXIST : 0);
        model.try_emplace(plain, spelling);
        break;
      case 2: {
        const auto gone = mounted->driver().unlink(folder, spelling);
        ASSERT_EQ(gone.has_value(), known != model.end());
        if (known != model.end()) model.erase(known);
        break;
      }
      default: {
        const auto found = mounted->driver().lookup(folder, spelling);
        ASSERT_EQ(found.has_value(), known != model.end());
        if (found) {
          ASSERT_EQ(found->other_spelling, spelling != known->second);
        }
      }
    }
  }
  class : public EntrySink {
   public:
    bool add(std::string_view name, const Attributes&, std::uint64_t next) override {
      if (!name.starts_with('.')) names.emplace_back(name);
      cookie = next;
      return true;
    }
    std::vector<std::string> names;
    std::uint64_t cookie = 0;
  } listed;
  ASSERT_TRUE(mounted->driver().list(folder, 0, DirectoryDetail::kNames, listed).has_value());
  std::vector<std::string> expected;
  for (const auto& [plain, spelling] : model) expected.push_back(spelling);
  std::ranges::sort(expected);
  std::ranges::sort(listed.names);
  EXPECT_EQ(listed.names, expected);
  ASSERT_GT(mounted->driver().attributes(folder)->stat.st_size, 20 * 1024);
  close_clean();
  mounted = std::make_unique<MountedImage>(*medium);
  for (const auto& [plain, spelling] : model) EXPECT_TRUE(finds(spelt(plain, random)));
  close_clean();
}

}  // namespace
}  // namespace airlock::ext::testing
