// SPDX-License-Identifier: GPL-2.0-or-later
// Directories made here are read by e2fsck and the kernel, and the other way round.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>

#include "contained/ext/directory.h"
#include "contained/ext/inline_directory.h"
#include "contained/ext/tests/colliding_names.h"
#include "contained/ext/tests/image_blocks.h"

namespace airlock::ext {
namespace {

struct Format {
  const char* name;
  const char* mkfs;     // options
  const char* hash;     // for tune2fs
  std::uint32_t names;  // how many to put in
};

class DirectoryImage : public testing::TestWithParam<Format> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs to mount";
    std::string pattern = testing::TempDir() + "airlock-directory-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    image_ = folder_ + "/image";
    std::filesystem::create_directories(folder_ + "/content/dir");
    std::filesystem::create_directory(folder_ + "/mnt");
    std::ofstream(folder_ + "/content/target") << "content";
    ASSERT_TRUE(run(std::string("mkfs.ext4 -q -F ") + GetParam().mkfs + " -d " + folder_ +
                    "/content " + image_ + " 96M"));
    ASSERT_TRUE(
        run(std::string("tune2fs -E hash_alg=") + GetParam().hash + " " + image_ + " >/dev/null"));
  }
  void TearDown() override {
    unmount();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  static bool run(const std::string& command) { return system(command.c_str()) == 0; }
  bool mount() {
    mounted_ = run("mount -o loop " + image_ + " " + folder_ + "/mnt");
    return mounted_;
  }
  void unmount() {
    if (!mounted_) return;
    EXPECT_TRUE(run("umount " + folder_ + "/mnt"));
    mounted_ = false;
  }
  bool clean() {
    return run("e2fsck -fn " + image_ + " >" + folder_ + "/fsck 2>&1 || " + "{ head -30 " +
               folder_ + "/fsck; false; }");
  }

  std::string folder_;
  std::string image_;
  bool mounted_ = false;
};

std::string letters(std::mt19937& random) {
  std::string name(1 + random() % 40, 'a');
  for (char& letter : name) {
    letter = static_cast<char>(random() % 255 + 1);
    if (letter == '/' || letter == '.') letter = '_';
  }
  return name;
}

// All names are hard links to /target.
void set_links(ImageBlocks& blocks, std::size_t names) {
  ext2_ino_t target = 0;
  ext2_inode inode = {};
  ASSERT_EQ(ext2fs_namei(blocks.fs(), EXT2_ROOT_INO, EXT2_ROOT_INO, "/target", &target), 0);
  ASSERT_EQ(ext2fs_read_inode(blocks.fs(), target, &inode), 0);
  inode.i_links_count = static_cast<std::uint16_t>(names + 1);
  ASSERT_EQ(ext2fs_write_inode(blocks.fs(), target, &inode), 0);
}

template <typename Any>
std::set<std::string> list_all(Any& directory) {
  std::set<std::string> names;
  std::uint64_t cookie = 0;
  for (bool more = true; more;) {
    more = false;
    std::size_t taken = 0;
    EXPECT_TRUE(directory.list(cookie, [&](const ListedEntry& entry) {
      if (taken++ == 500) return false;
      more = true;
      cookie = entry.next;
      EXPECT_TRUE(names.emplace(entry.name).second);
      return true;
    }));
  }
  names.erase(".");
  names.erase("..");
  return names;
}

TEST_P(DirectoryImage, RunAsRootTheKernelAndE2fsckAcceptWhatWeWrite) {
  std::set<std::string> names;
  {
    ImageBlocks blocks(image_, "/dir");
    ASSERT_TRUE(blocks.opened());
    ext2_ino_t target = 0;
    ASSERT_EQ(ext2fs_namei(blocks.fs(), EXT2_ROOT_INO, EXT2_ROOT_INO, "/target", &target), 0);
    const DirectoryFormat format = blocks.format();
    Directory directory(format, blocks, blocks.inode(), blocks.checksum_seed());
    std::mt19937 random(1);
    while (names.size() < GetParam().names) {
      const std::string name = letters(random);
      if (!names.insert(name).second) continue;
      ASSERT_TRUE(directory.insert(name, {.inode = target, .type = EXT2_FT_REG_FILE}))
          << blocks.complaint;
      if (random() % 8 != 0) continue;
      const auto victim = names.lower_bound(letters(random));
      if (victim == names.end()) continue;
      ASSERT_TRUE(directory.remove(*victim)) << blocks.complaint;
      names.erase(victim);
    }
    set_links(blocks, names.size());
    ASSERT_TRUE(blocks.close());
  }
  EXPECT_TRUE(clean());
  ASSERT_TRUE(mount());
  std::set<std::string> seen;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/mnt/dir"))
    seen.insert(entry.path().filename());
  EXPECT_TRUE(seen == names) << seen.size() << " of " << names.size();
  for (const auto& name : names) {
    struct stat found = {};
    ASSERT_EQ(stat((folder_ + "/mnt/dir/" + name).c_str(), &found), 0);
  }
  // The kernel goes on where we stopped.
  for (std::uint32_t i = 0; i < 3000; ++i)
    std::ofstream(folder_ + "/mnt/dir/by the kernel " + std::to_string(i));
  for (const auto& name : names) ASSERT_EQ(unlink((folder_ + "/mnt/dir/" + name).c_str()), 0);
  unmount();
  EXPECT_TRUE(clean());
}

TEST_P(DirectoryImage, RunAsRootWeReadAndChangeWhatTheKernelWrote) {
  ASSERT_TRUE(mount());
  std::set<std::string> names;
  std::mt19937 random(2);
  while (names.size() < GetParam().names) {
    const std::string name = letters(random);
    if (!names.insert(name).second) continue;
    ASSERT_EQ(link((folder_ + "/mnt/target").c_str(), (folder_ + "/mnt/dir/" + name).c_str()), 0);
  }
  unmount();
  ImageBlocks blocks(image_, "/dir");
  ASSERT_TRUE(blocks.opened());
  const DirectoryFormat format = blocks.format();
  Directory directory(format, blocks, blocks.inode(), blocks.checksum_seed());
  ext2_ino_t target = 0;
  ASSERT_EQ(ext2fs_namei(blocks.fs(), EXT2_ROOT_INO, EXT2_ROOT_INO, "/target", &target), 0);
  for (const auto& name : names) {
    const auto found = directory.lookup(name);
    ASSERT_TRUE(found) << blocks.complaint;
    EXPECT_EQ(found->inode, target);
    EXPECT_EQ(found->type, EXT2_FT_REG_FILE);
  }
  EXPECT_TRUE(list_all(directory) == names);
  EXPECT_EQ(blocks.complaint, "");

  std::size_t left = names.size();
  for (auto name = names.begin(); name != names.end(); ++name)
    if (random() % 4 == 0) {
      ASSERT_TRUE(directory.remove(*name));
      --left;
    }
  for (std::uint32_t i = 0; i < 5000; ++i, ++left)
    ASSERT_TRUE(directory.insert("by us " + std::to_string(i),
                                 {.inode = target, .type = EXT2_FT_REG_FILE}));
  EXPECT_EQ(list_all(directory).size(), left);
  set_links(blocks, left);
  ASSERT_TRUE(blocks.close());
  EXPECT_TRUE(clean());
}

// Equal hashes on both sides of a leaf's border, for which the index has a bit of its own.
TEST_P(DirectoryImage, RunAsRootTheKernelFindsNamesOfOneHash) {
  std::vector<std::string> names;
  {
    ImageBlocks blocks(image_, "/dir");
    ASSERT_TRUE(blocks.opened());
    ext2_ino_t target = 0;
    ASSERT_EQ(ext2fs_namei(blocks.fs(), EXT2_ROOT_INO, EXT2_ROOT_INO, "/target", &target), 0);
    const DirectoryFormat format = blocks.format();
    Directory directory(format, blocks, blocks.inode(), blocks.checksum_seed());
    names = colliding_names(format, format.default_hash_version);
    ASSERT_GT(names.size(), 10U);
    for (std::uint32_t i = 0; i < 700; ++i)
      names.push_back(std::to_string(i) + std::string(200, 'y'));
    for (const auto& name : names)
      ASSERT_TRUE(directory.insert(name, {.inode = target, .type = EXT2_FT_REG_FILE}));
    set_links(blocks, names.size());
    ASSERT_TRUE(blocks.close());
  }
  EXPECT_TRUE(clean());
  ASSERT_TRUE(mount());
  for (const auto& name : names) ASSERT_EQ(unlink((folder_ + "/mnt/dir/" + name).c_str()), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/mnt/dir"));
}

class InlineImage : public DirectoryImage {};

TEST_P(InlineImage, RunAsRootTheKernelAndWeReadEachOther) {
  ASSERT_TRUE(mount());
  std::set<std::string> names;
  for (std::uint32_t i = 0; i < GetParam().names; ++i) {
    const std::string name = "n" + std::to_string(i);
    names.insert(name);
    ASSERT_EQ(link((folder_ + "/mnt/target").c_str(), (folder_ + "/mnt/dir/" + name).c_str()), 0);
  }
  unmount();
  {
    ImageBlocks blocks(image_, "/dir");
    ASSERT_TRUE(blocks.opened());
    const DirectoryFormat format = blocks.format();
    std::vector<std::byte> bytes(4096);
    std::size_t size = bytes.size();
    ASSERT_EQ(ext2fs_inline_data_get(blocks.fs(), blocks.inode(), nullptr, bytes.data(), &size), 0);
    const auto all = std::span(bytes).first(size);
    InlineDirectory directory(
        format, blocks, {.block = all.first(60), .attribute = all.subspan(60)}, blocks.inode());
    EXPECT_TRUE(list_all(directory) == names) << blocks.complaint;
    EXPECT_EQ(directory.lookup("..")->inode, unsigned{EXT2_ROOT_INO});
    const auto target = directory.lookup("n1");
    ASSERT_TRUE(target);
    ASSERT_TRUE(directory.remove("n0"));
    ASSERT_TRUE(directory.remove("n2"));
    ASSERT_TRUE(directory.insert("of", *target));
    ASSERT_TRUE(directory.insert("us", *target));
    ASSERT_EQ(ext2fs_inline_data_set(blocks.fs(), blocks.inode(), nullptr, bytes.data(), size), 0);
    ASSERT_TRUE(blocks.reload());
    ASSERT_TRUE(blocks.close());
  }
  names.erase("n0");
  names.erase("n2");
  names.insert({"of", "us"});
  EXPECT_TRUE(clean());
  ASSERT_TRUE(mount());
  std::set<std::string> seen;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/mnt/dir"))
    seen.insert(entry.path().filename());
  EXPECT_TRUE(seen == names);
}

constexpr Format kInlineFormats[] = {
    {"OneHalf", "-b 4096 -I 256 -O metadata_csum,inline_data", "half_md4", 4},
    {"BothHalves", "-b 1024 -I 512 -O ^metadata_csum,inline_data", "tea", 12},
    {"Linear", "-b 4096 -I 256 -O inline_data,^dir_index", "half_md4", 4},
};

constexpr Format kFormats[] = {
    {"Small", "-b 1024 -O metadata_csum,dir_index", "half_md4", 20'000},
    {"SmallPlain", "-b 1024 -O ^metadata_csum,dir_index", "tea", 20'000},
    {"Default", "-b 4096 -O metadata_csum,dir_index", "half_md4", 20'000},
    {"Legacy", "-b 4096 -O metadata_csum,dir_index", "legacy", 20'000},
    {"Plain", "-b 4096 -O ^metadata_csum,^has_journal,^extents,^64bit,dir_index", "half_md4",
     20'000},
    {"LargeDirectory", "-b 1024 -O metadata_csum,dir_index,large_dir", "half_md4", 20'000},
    {"Linear", "-b 1024 -O metadata_csum,^dir_index", "half_md4", 3'000},
    {"LinearPlain", "-b 4096 -O ^metadata_csum,^dir_index", "half_md4", 3'000},
};
std::string format_name(const testing::TestParamInfo<Format>& which) {
  return which.param.name;
}

INSTANTIATE_TEST_SUITE_P(Formats, DirectoryImage, testing::ValuesIn(kFormats), format_name);
INSTANTIATE_TEST_SUITE_P(Formats, InlineImage, testing::ValuesIn(kInlineFormats), format_name);

}  // namespace
}  // namespace airlock::ext
