// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/inline_directory.h"

#include <ext2fs/ext2_fs.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "contained/ext/tests/memory_blocks.h"

namespace airlock::ext {
namespace {

constexpr std::size_t kInode = 60;

struct InlineFixture {
  explicit InlineFixture(bool dir_index, std::size_t attribute_size = 0)
      : format{.block_size = 1024,
               .file_types = true,
               .checksums = true,
               .dir_index = dir_index,
               .default_hash_version = 1,
               .hash_seed = {1, 2, 3, 4}},
        attribute(attribute_size) {
    EXPECT_TRUE(make().initialize(2));
  }
  InlineDirectory make() { return {format, report, {.block = block, .attribute = attribute}, 12}; }

  template <typename Any>
  static std::vector<std::string> list(Any& directory, std::size_t at_once) {
    std::vector<std::string> names;
    std::uint64_t cookie = 0;
    for (bool more = true; more;) {
      more = false;
      std::size_t taken = 0;
      EXPECT_TRUE(directory.list(cookie, [&](const ListedEntry& entry) {
        if (taken++ == at_once) return false;
        cookie = entry.next;
        names.emplace_back(entry.name);
        return more = true;
      }));
    }
    return names;
  }

  DirectoryFormat format;
  MemoryBlocks report{1024};
  std::vector<std::byte> block = std::vector<std::byte>(kInode);
  std::vector<std::byte> attribute;
};

class InlineDirectoryTest : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(DirIndex, InlineDirectoryTest, testing::Bool());

TEST_P(InlineDirectoryTest, FillsBothHalvesAndThenBlocks) {
  InlineFixture fixture(GetParam(), 68);
  auto directory = fixture.make();
  EXPECT_TRUE(directory.empty().value());
  std::map<std::string, std::uint32_t> model;
  Outcome<void> inserted;
  for (std::uint32_t i = 1; inserted; ++i) {
    const std::string name = "name" + std::to_string(i);
    inserted = directory.insert(name, {.inode = i, .type = EXT2_FT_REG_FILE});
    if (inserted) model[name] = i;
  }
  EXPECT_EQ(inserted.error(), Errno{ENOSPC});
  EXPECT_EQ(model.size(), 3U + 4U);
  EXPECT_FALSE(directory.empty().value());

  fixture.attribute.resize(100);
  auto longer = fixture.make();
  ASSERT_TRUE(longer.extend(68));
  ASSERT_TRUE(longer.insert("one that takes both rests", {.inode = 50, .type = EXT2_FT_DIR}));
  model["one that takes both rests"] = 50;
  ASSERT_TRUE(longer.remove("name2"));
  ASSERT_TRUE(longer.replace("name3", {.inode = 70, .type = EXT2_FT_REG_FILE}));
  ASSERT_TRUE(longer.replace("..", {.inode = 33, .type = EXT2_FT_DIR}));
  model.erase("name2");
  model["name3"] = 70;

  const auto names = InlineFixture::list(longer, 2);
  for (const std::size_t at_once : {1U, 3U, 100U})
    EXPECT_EQ(InlineFixture::list(longer, at_once), names);
  MemoryBlocks blocks(1024);
  Directory converted(fixture.format, blocks, 12, 0x1234);
  ASSERT_TRUE(convert_inline(longer, converted));
  EXPECT_EQ(InlineFixture::list(converted, 2), names);
  EXPECT_EQ(names.size(), model.size() + 2);
  for (const auto& [name, inode] : model) {
    EXPECT_EQ(longer.lookup(name)->inode, inode);
    EXPECT_EQ(converted.lookup(name)->inode, inode);
  }
  EXPECT_EQ(longer.lookup("name2").error(), Errno{ENOENT});
  EXPECT_EQ(longer.lookup("..")->inode, 33U);
  EXPECT_EQ(converted.lookup("..")->inode, 33U);
  EXPECT_EQ(converted.lookup(".")->inode, 12U);
}

// A listing begun inline goes on where it was when the directory got blocks meanwhile.
TEST(InlineDirectory, CookiesSurviveTheConversion) {
  InlineFixture fixture(true, 200);
  auto directory = fixture.make();
  for (std::uint32_t i = 1; i < 15; ++i)
    ASSERT_TRUE(directory.insert("n" + std::to_string(i), {.inode = i}));
  MemoryBlocks blocks(1024);
  Directory converted(fixture.format, blocks, 12, 0x1234);
  ASSERT_TRUE(convert_inline(directory, converted));
  std::vector<ListedEntry> all;
  ASSERT_TRUE(directory.list(0, [&](const ListedEntry& entry) {
    all.push_back(entry);
    return true;
  }));
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    std::string next;
    ASSERT_TRUE(converted.list(all[i].next, [&](const ListedEntry& entry) {
      next = entry.name;
      return false;
    }));
    EXPECT_EQ(next, all[i + 1].name);
  }
}

TEST_P(InlineDirectoryTest, SurvivesForgedBytes) {
  std::mt19937 random(9);
  for (int round = 0; round < 5000; ++round) {
    InlineFixture fixture(GetParam(), random() % 100);
    auto directory = fixture.make();
    for (std::uint32_t i = 1; i < 8; ++i)
      (void)directory.insert("n" + std::to_string(i), {.inode = i});
    for (int flips = 0; flips < 3; ++flips) {
      auto& bytes =
          random() % 2 == 0 || fixture.attribute.empty() ? fixture.block : fixture.attribute;
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    (void)directory.lookup("n3");
    (void)directory.remove("n4");
    (void)directory.insert("another", {.inode = 4});
    (void)directory.empty();
    std::size_t listed = 0;
    (void)directory.list(0, [&](const ListedEntry&) { return ++listed < 100; });
    EXPECT_LT(listed, 100U);
    const std::size_t old_size = fixture.attribute.size();
    fixture.attribute.resize(old_size + random() % 50);
    auto longer = fixture.make();
    (void)longer.extend(old_size);
    MemoryBlocks blocks(1024);
    Directory converted(fixture.format, blocks, 12, 0x1234);
    (void)convert_inline(longer, converted);
  }
}

}  // namespace
}  // namespace airlock::ext
