// SPDX-License-Identifier: GPL-2.0-or-later
// Operations where something runs out or does not fit, on images that e2fsck judges afterwards.
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "contained/ext/directory_access.h"
#include "contained/ext/open_directory.h"
#include "contained/ext/posix_acl.h"
#include "contained/ext/tests/mounted_image.h"
#include "contained/ext/tests/test_image.h"
#include "contained/runtime/interruption.h"
#include "contained/runtime/reader_token.h"
#include "lib/base/byte_view.h"

namespace airlock::ext::testing {
namespace {

std::vector<std::byte> bytes_of(std::size_t count) {
  return std::vector<std::byte>(count, std::byte{'v'});
}

class DriverTest : public ::testing::Test {
 protected:
  void mount(const std::string& options, const std::string& size = "2M") {
    medium = std::make_unique<MemoryMedium>(make_image(options, size));
    mounted = std::make_unique<MountedImage>(*medium);
    ASSERT_TRUE(mounted->opened());
  }
  // Until nothing at all is left.
  void fill_medium() {
    const NodeId filler = mounted->make_file(kRoot, "filler");
    ASSERT_NE(filler, 0u);
    std::uint64_t at = 0;
    for (std::size_t step = 64 * 1024; step >= 1024; step /= 2)
      while (mounted->write(filler, at, std::string(step, 'f')) == 0) at += step;
    const Volume::Operation operation(mounted->volume());
    EXPECT_EQ(mounted->volume().allocator().free_block_count(), 0u);
  }
  void close_clean() {
    mounted->close();
    const Verdict verdict = fsck(medium->bytes(), Fsck::kLook);
    EXPECT_EQ(verdict.status, 0) << verdict.report;
  }

  std::unique_ptr<MemoryMedium> medium;
  std::unique_ptr<MountedImage> mounted;
};

constexpr const char* kNoJournal = "-t ext4 -b 1024 -O ^has_journal -N 256";
constexpr const char* kInline = "-t ext4 -b 1024 -O ^has_journal,inline_data -N 256";

TEST_F(DriverTest, AFullMediumSaysSoAndStaysWhole) {
  mount(kNoJournal);
  fill_medium();
  EXPECT_NE(mounted->make_file(kRoot, "empty"), 0u);
  EXPECT_EQ(mounted->driver().make_node(kRoot, "dir", {.mode = S_IFDIR | 0755}).error().value,
            ENOSPC);
  EXPECT_EQ(mounted->write(mounted->driver().lookup(kRoot, "empty")->node, 0, "x"), ENOSPC);
  EXPECT_TRUE(mounted->driver().unlink(kRoot, "filler").has_value());
  close_clean();
}

// Nobody else can do anything while the volume's lock is held, so it need not be given away then.
TEST_F(DriverTest, TheLeadIsKeptUntilTheMediumIsWaitedFor) {
  mount(kNoJournal);
  ReaderToken token;
  ASSERT_TRUE(token.take());
  fill_medium();
  EXPECT_EQ(mounted->driver().make_node(kRoot, "dir", {.mode = S_IFDIR | 0755}).error().value,
            ENOSPC);
  const NodeId filler = mounted->driver().lookup(kRoot, "filler").value_or(Attributes{}).node;
  ASSERT_TRUE(mounted->driver().unlink(kRoot, "filler").has_value());
  mounted->driver().gone(filler);
  EXPECT_TRUE(token.is_held());
  // What was given up comes free with a commit.
  EXPECT_TRUE(mounted->driver().make_node(kRoot, "dir", {.mode = S_IFDIR | 0755}).has_value());
  EXPECT_FALSE(token.is_held());
  close_clean();
}

// What was adopted before the map needed a block that was not there must not lie behind the end.
TEST_F(DriverTest, AWriteThatRunsOutOfMapBlocksLeavesNothingBehind) {
  for (const char* options : {kNoJournal, "-t ext3 -b 1024 -O ^has_journal -N 256"}) {
    SCOPED_TRACE(options);
    mount(options);
    const NodeId scattered = mounted->make_file(kRoot, "scattered");
    std::vector<std::string> pieces;
    for (int i = 0; i < 60; ++i) {
      pieces.push_back("piece" + std::to_string(i));
      ASSERT_EQ(mounted->write(mounted->make_file(kRoot, pieces.back()), 0, std::string(1024, 'p')),
                0);
    }
    fill_medium();
    for (std::size_t i = 0; i < 28; i += 2)
      ASSERT_TRUE(mounted->driver().unlink(kRoot, pieces[i]).has_value());
    mounted->close();
    mounted = std::make_unique<MountedImage>(*medium);
    // Fourteen single blocks are free: more than an inode can point at, and none for a map.
    const NodeId node = mounted->driver().lookup(kRoot, "scattered")->node;
    EXPECT_EQ(node, scattered);
    EXPECT_EQ(mounted->write(node, 0, std::string(14 * 1024, 's')), ENOSPC);
    EXPECT_EQ(mounted->driver().attributes(node)->stat.st_size, 0);
    close_clean();
  }
}

// Until it ends, an inode says that it has all but so many of the blocks it can have without the
// feature huge_file.
class AlmostHuge {
 public:
  AlmostHuge(Volume& volume, NodeId node, std::uint32_t blocks_left)
      : volume_(volume), node_(node) {
    const Volume::Operation operation(volume_);
    const auto inode = volume_.inode(number());
    before_ = inode->raw().i_blocks;
    inode->raw().i_blocks = 0 - 2 - blocks_left * 2;
  }
  ~AlmostHuge() {
    const Volume::Operation operation(volume_);
    const auto inode = volume_.inode(number());
    inode->raw().i_blocks = before_;
    volume_.inode_changed(*inode);
  }
  AlmostHuge(const AlmostHuge&) = delete;
  AlmostHuge& operator=(const AlmostHuge&) = delete;

 private:
  [[nodiscard]] std::uint32_t number() const {
    return node_ == kRoot ? std::uint32_t{EXT2_ROOT_INO} : static_cast<std::uint32_t>(node_);
  }
  Volume& volume_;
  NodeId node_;
  std::uint32_t before_ = 0;
};

// Of a file that needs a block for its map with the next one that does not follow the others.
NodeId make_scattered_file(MountedImage& mounted, std::uint64_t blocks) {
  const NodeId node = mounted.make_file(kRoot, "scattered");
  for (std::uint64_t i = 0; i < blocks; ++i) EXPECT_EQ(mounted.write(node, i * 4096, "x"), 0);
  return node;
}

TEST_F(DriverTest, ATooLargeNumberOfBlocksLeavesNothingBehind) {
  constexpr const char* kExtents = "-t ext4 -b 1024 -O ^has_journal,^huge_file -N 256";
  constexpr const char* kTables = "-t ext2 -b 1024 -O ^huge_file -N 256";
  for (const char* const options : {kExtents, kTables}) {
    mount(options, "8M");
    const bool extents = options == kExtents;
    const NodeId node = make_scattered_file(*mounted, extents ? 4 : 3);
    for (const std::uint32_t left : {0u, 1u}) {
      const auto free = mounted->driver().statistics()->f_bfree;
      {
        const AlmostHuge huge(mounted->volume(), node, left);
        EXPECT_EQ(mounted->write(node, 1 << 20, "x"), EFBIG) << options << left;
        if (left == 0) {
          const auto set = mounted->driver().set_attribute(node, "user.x", bytes_of(300), 0);
          EXPECT_FALSE(set.has_value());
        }
        if (extents) {
          EXPECT_EQ(mounted->driver().allocate(node, 0, 1 << 20, 1024).error().value, EFBIG);
        }
      }
      EXPECT_EQ(mounted->driver().statistics()->f_bfree, free) << options << left;
    }
    close_clean();
  }
}

TEST_F(DriverTest, ADirectoryWithATooLargeNumberOfBlocksLeavesNothingBehind) {
  mount("-t ext4 -b 1024 -O ^has_journal,^huge_file,^dir_index -N 256", "8M");
  const auto free = mounted->driver().statistics()->f_bfree;
  int error = 0;
  {
    const AlmostHuge huge(mounted->volume(), kRoot, 0);
    for (int i = 0; i < 100 && error == 0; ++i) {
      const std::string name = std::string(200, 'n') + std::to_string(i);
      const auto made = mounted->driver().make_node(kRoot, name, {.mode = S_IFREG | 0644});
      error = made ? 0 : made.error().value;
    }
  }
  EXPECT_EQ(error, EFBIG);
  EXPECT_EQ(mounted->driver().statistics()->f_bfree, free);
  close_clean();
}

TEST_F(DriverTest, AFailedChangeOfAttributesChangesNothing) {
  mount(kNoJournal);
  const NodeId node = mounted->make_file(kRoot, "file", S_IFREG | 0600);
  const NodeId neighbour = mounted->make_file(kRoot, "neighbour");
  fill_medium();
  std::vector<std::byte> acl(4 + 8 * 60);
  (void)store_le<std::uint32_t>(acl, 0, POSIX_ACL_XATTR_VERSION);
  for (std::size_t i = 0; i < 60; ++i) {
    static constexpr std::array<std::uint16_t, 4> kTags = {ACL_USER_OBJ, ACL_GROUP_OBJ, ACL_MASK,
                                                           ACL_OTHER};
    const std::uint16_t tag = i == 0 ? kTags[0] : i < 57 ? std::uint16_t{ACL_USER} : kTags[i - 56];
    (void)store_le<std::uint16_t>(acl, 4 + i * 8, tag);
    (void)store_le<std::uint16_t>(acl, 6 + i * 8, 7);
    (void)store_le<std::uint32_t>(acl, 8 + i * 8, static_cast<std::uint32_t>(1000 + i));
  }
  EXPECT_EQ(mounted->driver().set_attribute(node, kAccessAcl, acl, 0).error().value, ENOSPC);
  EXPECT_EQ(mounted->driver().attributes(node)->stat.st_mode, mode_t{S_IFREG | 0600});
  // The neighbour takes the table block to the medium, with everything in it.
  ASSERT_TRUE(mounted->driver().change(neighbour, {.mode = 0640}).has_value());
  close_clean();
}

// As e2fsprogs and the kernel share blocks of equal attributes.
void share_attribute_block(Volume& volume, NodeId owner, NodeId other) {
  const Volume::Operation operation(volume);
  const auto from = volume.inode(static_cast<std::uint32_t>(owner));
  const auto to = volume.inode(static_cast<std::uint32_t>(other));
  ASSERT_TRUE(from && to);
  const std::uint64_t block = from->attribute_block();
  ASSERT_NE(block, 0u);
  const auto content = volume.cache().read(block);
  set_attribute_block_references(*content, 2);
  set_attribute_block_checksum(*content, volume.checksum_seed(), block);
  volume.cache().changed(block);
  to->set_attribute_block(block);
  (void)to->add_blocks(1, volume.block_size(), /*huge_files=*/true);
  volume.inode_changed(*to);
}

// The block for the content is there, that for the attributes is not.
TEST_F(DriverTest, AFileThatCannotLeaveItsInodeLeavesNothingBehind) {
  // Only mke2fs and the kernel leave a file inline.
  std::string tree = (std::filesystem::temp_directory_path() / "airlock-tree-XXXXXX").string();
  ASSERT_NE(::mkdtemp(tree.data()), nullptr);
  std::ofstream(tree + "/file") << "inside";
  mount(kInline + (" -d " + tree));
  std::filesystem::remove_all(tree);
  const NodeId owner = mounted->make_file(kRoot, "owner");
  const NodeId file = mounted->driver().lookup(kRoot, "file")->node;
  const NodeId last = mounted->make_file(kRoot, "last");
  ASSERT_EQ(mounted->write(last, 0, std::string(1000, 'l')), 0);
  ASSERT_TRUE(mounted->driver().set_attribute(owner, "user.x", bytes_of(400), 0).has_value());
  share_attribute_block(mounted->volume(), owner, file);
  fill_medium();
  ASSERT_TRUE(mounted->driver().change(last, {.size = 0}).has_value());
  ASSERT_TRUE(mounted->volume().commit().has_value());
  ASSERT_EQ(mounted->driver().statistics()->f_bfree, 1u);
  EXPECT_EQ(mounted->write(file, 0, std::string(500, 'x')), ENOSPC);
  EXPECT_EQ(mounted->driver().statistics()->f_bfree, 1u);
  EXPECT_EQ(mounted->read_file(kRoot, "file"), "inside");
  close_clean();
}

TEST_F(DriverTest, ASharedAttributeBlockSurvivesAFullMedium) {
  mount("-t ext4 -b 1024 -O ^has_journal -N 256");
  const NodeId a = mounted->make_file(kRoot, "a");
  const NodeId b = mounted->make_file(kRoot, "b");
  ASSERT_TRUE(mounted->driver().set_attribute(a, "user.x", bytes_of(400), 0).has_value());
  share_attribute_block(mounted->volume(), a, b);
  fill_medium();
  EXPECT_EQ(mounted->driver().set_attribute(b, "user.y", bytes_of(300), 0).error().value, ENOSPC);
  EXPECT_TRUE(mounted->driver().get_attribute(b, "user.x").has_value());
  EXPECT_TRUE(mounted->driver().get_attribute(a, "user.x").has_value());
  close_clean();
}

TEST_F(DriverTest, RenamingOutOfAnInlineDirectoryOnAFullMedium) {
  // Only mke2fs and the kernel make inline directories.
  std::string tree = (std::filesystem::temp_directory_path() / "airlock-tree-XXXXXX").string();
  ASSERT_NE(::mkdtemp(tree.data()), nullptr);
  std::filesystem::create_directory(tree + "/dir");
  std::ofstream(tree + "/dir/inside") << "x";
  mount(kInline + (" -d " + tree));
  std::filesystem::remove_all(tree);
  const NodeId directory = mounted->driver().lookup(kRoot, "dir")->node;
  {
    const Volume::Operation operation(mounted->volume());
    const auto inode = mounted->volume().inode(static_cast<std::uint32_t>(directory));
    ASSERT_TRUE(inode->has_flag(EXT4_INLINE_DATA_FL));
  }
  fill_medium();
  const auto renamed = mounted->driver().rename(directory, "inside", kRoot, "outside", 0);
  const bool there = mounted->driver().lookup(kRoot, "outside").has_value();
  const bool here = mounted->driver().lookup(directory, "inside").has_value();
  EXPECT_EQ(there, renamed.has_value());
  EXPECT_NE(here, there);
  close_clean();
}

// The tail of a cut file is copied before the old block is given back.
TEST_F(DriverTest, CuttingAFileOnAFullMediumKeepsItsContent) {
  mount(kNoJournal);
  const NodeId node = mounted->make_file(kRoot, "cut");
  // Four extents fill the inode.
  for (const std::uint64_t at : {0u, 4u, 8u, 12u})
    ASSERT_EQ(mounted->write(node, at * 1024, std::string(2048, static_cast<char>('a' + at))), 0);
  const NodeId one = mounted->make_file(kRoot, "one");
  ASSERT_EQ(mounted->write(one, 0, std::string(1024, 'o')), 0);
  fill_medium();
  ASSERT_TRUE(mounted->driver().unlink(kRoot, "one").has_value());
  if (mounted->driver().forgotten(one)) mounted->driver().gone(one);
  ASSERT_TRUE(mounted->driver().sync_all().has_value());
  ASSERT_TRUE(mounted->driver().change(node, {.size = 12 * 1024 + 1500}).has_value());
  EXPECT_EQ(mounted->read(node, 12 * 1024, 2048), std::string(1500, 'm'));
  EXPECT_EQ(mounted->read(node, 13 * 1024, 400), std::string(400, 'm'));
  close_clean();
}

// As a request does that the medium held up while the driver was told to end.
TEST_F(DriverTest, AChangeThatComesWhileTheVolumeIsClosedIsRefused) {
  for (const char* options : {kNoJournal, "-t ext4 -b 1024 -N 256 -J size=1"}) {
    mount(options, "8M");
    const NodeId node = mounted->make_file(kRoot, "file");
    ASSERT_TRUE(mounted->driver().allocate(node, 0, 0, 1024).has_value());
    std::vector<std::jthread> late;
    std::uint64_t next = 1;
    medium->judge_with([&](MemoryMedium::Access, std::uint64_t, std::uint64_t) {
      const std::uint64_t offset = 1024 * next++;
      std::promise<void> promise;
      auto done = promise.get_future();
      late.emplace_back([&, offset, promise = std::move(promise)]() mutable {
        (void)mounted->driver().allocate(node, 0, offset, 1024);
        promise.set_value();
      });
      (void)done.wait_for(std::chrono::milliseconds(200));  // it may need the lock, which is taken
      return 0;
    });
    mounted->close();
    medium->judge_with({});
    EXPECT_FALSE(late.empty());
    late.clear();
    const Verdict verdict = fsck(medium->bytes(), Fsck::kLook);
    EXPECT_EQ(verdict.status, 0) << verdict.report;
  }
}

bool holds(std::span<const std::byte> medium, std::string_view text) {
  const auto wanted = std::as_bytes(std::span(text));
  return !std::ranges::search(medium, wanted).empty();
}

// The kernel zeroes it too: what was cut off is not to leave with the stick.
TEST_F(DriverTest, TheTailOfACutFileLeavesTheMedium) {
  for (const char* options : {kNoJournal, "-t ext2 -b 1024", "-t ext4 -b 1024 -J size=1"}) {
    SCOPED_TRACE(options);
    mount(options, "6M");
    const NodeId node = mounted->make_file(kRoot, "cut");
    ASSERT_EQ(mounted->write(node, 0, std::string(1500, 'k') + "this is cut off"), 0);
    ASSERT_TRUE(mounted->driver().sync_all().has_value());
    ASSERT_TRUE(holds(medium->bytes(), "cut off"));
    ASSERT_TRUE(mounted->driver().change(node, {.size = 1500}).has_value());
    ASSERT_TRUE(mounted->driver().sync_all().has_value());
    EXPECT_FALSE(holds(medium->bytes(), "cut off"));
    EXPECT_EQ(mounted->read(node, 0, 2000), std::string(1500, 'k'));
    close_clean();
  }
}

// Another file may get the block, but not before it was zeroed.
TEST_F(DriverTest, ABlockIsZeroedBeforeItIsUsedAgain) {
  mount(kNoJournal);
  const NodeId node = mounted->make_file(kRoot, "cut");
  ASSERT_EQ(mounted->write(node, 0, std::string(1000, 'k')), 0);
  ASSERT_TRUE(mounted->driver().sync_all().has_value());
  ASSERT_TRUE(mounted->driver().change(node, {.size = 500}).has_value());
  fill_medium();
  ASSERT_TRUE(mounted->driver().sync_all().has_value());
  const std::string filler = mounted->read_file(kRoot, "filler");
  EXPECT_TRUE(filler == std::string(filler.size(), 'f'));
  EXPECT_EQ(mounted->read(node, 0, 2000), std::string(500, 'k'));
  close_clean();
}

TEST_F(DriverTest, AnEntryThatLeadsToADeletedFileIsDamage) {
  mount("-t ext4 -b 1024 -O ^has_journal,^metadata_csum -N 256");
  const NodeId node = mounted->make_file(kRoot, "file");
  ASSERT_TRUE(mounted->driver().link(node, kRoot, "again").has_value());
  {
    const Volume::Operation operation(mounted->volume());
    mounted->volume().inode(static_cast<std::uint32_t>(node))->raw().i_links_count = 1;
  }
  ASSERT_TRUE(mounted->driver().unlink(kRoot, "file").has_value());
  EXPECT_EQ(mounted->driver().unlink(kRoot, "again").error().value, EUCLEAN);
  EXPECT_EQ(mounted->driver().rename(kRoot, "again", kRoot, "x", 0).error().value, EUCLEAN);
  mounted->driver().gone(node);
  const Volume::Operation operation(mounted->volume());
  EXPECT_EQ(mounted->volume().first_orphan(), 0u);
}

// In every pause of a request: counts them, uses the file system as another request would, which
// hangs if the lock is held, and may say that nobody waits any more.
class Pauses {
 public:
  Pauses(MountedImage& mounted, unsigned most) : mounted_(mounted), most_(most) {}
  [[nodiscard]] unsigned count() const { return count_; }

 private:
  static bool pause(void* of) {
    auto& self = *static_cast<Pauses*>(of);
    ++self.count_;
    EXPECT_TRUE(self.mounted_.driver().attributes(kRoot).has_value());
    return self.count_ > self.most_;
  }
  MountedImage& mounted_;
  unsigned most_;
  unsigned count_ = 0;
  Interruption interruption_{pause, this};
};
constexpr unsigned kForGood = ~0U;

TEST_F(DriverTest, AHugeHollowDirectoryIsNotWalkedBlockByBlock) {
  for (const char* options :
       {"-t ext4 -b 1024 -O ^has_journal,^metadata_csum -N 256", "-t ext2 -b 1024 -N 256"}) {
    mount(options);
    const NodeId node = mounted->driver().make_node(kRoot, "dir", {.mode = S_IFDIR | 0755})->node;
    {
      const Volume::Operation operation(mounted->volume());
      mounted->volume().inode(static_cast<std::uint32_t>(node))->set_size(std::uint64_t{1} << 41);
    }
    // As if the volume were large enough for that.
    ext2fs_blocks_count_set(const_cast<ext2_super_block*>(&mounted->volume().superblock()),
                            0xffff'ffff);
    const Pauses pauses(*mounted, 4);
    EXPECT_EQ(mounted->driver().lookup(node, "x").error().value, EUCLEAN);
    EXPECT_EQ(pauses.count(), 0u);
    ext2fs_blocks_count_set(const_cast<ext2_super_block*>(&mounted->volume().superblock()), 2048);
  }
}

// A triple-indirect map of three blocks that lead to each other from all of their pointers. It is
// as large as a file can be, and its inode may say that it has all of the volume's blocks.
void make_map_of_three_blocks(MountedImage& mounted, NodeId node, std::uint32_t data) {
  Volume& volume = mounted.volume();
  const Volume::Operation operation(volume);
  const auto inode = volume.inode(static_cast<std::uint32_t>(node));
  ASSERT_TRUE(inode.has_value());
  constexpr std::uint32_t kFirst = 2000;
  (void)store_le<std::uint32_t>(inode->root(), 14 * 4, kFirst);
  for (std::uint32_t level = 0; level < 3; ++level) {
    const auto bytes = volume.cache().fresh(kFirst + level);
    ASSERT_TRUE(bytes.has_value());
    for (std::size_t at = 0; at < bytes->size(); at += 4)
      (void)store_le<std::uint32_t>(*bytes, at, level == 2 ? data : kFirst + level + 1);
  }
  inode->set_size(std::uint64_t{1} << 41);
  inode->raw().i_blocks = 0xffff'ffff;
}

TEST_F(DriverTest, SeekingInAMapThatLeadsInCirclesLetsOthersWorkAndEnds) {
  for (const std::uint32_t data : {0u, 2010u}) {
    mount("-t ext2 -b 4096 -N 256", "10M");
    const NodeId node = mounted->make_file(kRoot, "file");
    make_map_of_three_blocks(*mounted, node, data);
    const int whence = data == 0 ? SEEK_DATA : SEEK_HOLE;
    {
      const Pauses pauses(*mounted, kForGood);
      EXPECT_EQ(mounted->driver().seek(node, 0, data == 0 ? SEEK_HOLE : SEEK_DATA).value_or(1),
                data == 0 ? 0 : (12 + 1024 + 1024 * 1024) * 4096ULL);
      EXPECT_LT(pauses.count(), 5u);
      EXPECT_EQ(
          mounted->driver().seek(node, (12 + 1024 + 1024 * 1024) * 4096ULL, whence).error().value,
          EUCLEAN);
      // 2^30 pointers are 1024 turns; the volume justifies about a tenth of that.
      EXPECT_GT(pauses.count(), 5u);
      EXPECT_LT(pauses.count(), 150u);
    }
    const Pauses pauses(*mounted, 2);
    EXPECT_EQ(
        mounted->driver().seek(node, (12 + 1024 + 1024 * 1024) * 4096ULL, whence).error().value,
        EINTR);
    EXPECT_EQ(pauses.count(), 3u);
  }
}

// A directory without an index, of that many empty blocks.
NodeId make_long_directory(MountedImage& mounted, unsigned blocks) {
  const NodeId node = mounted.make_file(kRoot, "dir", S_IFDIR | 0755);
  Volume& volume = mounted.volume();
  const Volume::Operation operation(volume);
  const auto inode = volume.inode(static_cast<std::uint32_t>(node));
  OpenDirectory open(volume, *inode);
  DirectoryAccess access(volume.directory_format(), open.blocks, volume.inode_seed(*inode));
  for (unsigned i = 1; i < blocks; ++i) EXPECT_TRUE(access.append_leaf().has_value());
  volume.inode_changed(*inode);
  return node;
}

TEST_F(DriverTest, ALongDirectoryIsReadInTurnsAndNotChanged) {
  mount("-t ext4 -b 4096 -O ^has_journal,^dir_index -N 256", "24M");
  const NodeId node = make_long_directory(*mounted, 4000);
  ASSERT_TRUE(mounted->driver().sync_all().has_value());
  class NoEntries final : public EntrySink {
    bool add(std::string_view, const Attributes&, std::uint64_t) override { return true; }
  } sink;
  {
    const Pauses pauses(*mounted, kForGood);
    EXPECT_EQ(mounted->driver().lookup(node, "absent").error().value, ENOENT);
    EXPECT_EQ(pauses.count(), 3u);
    EXPECT_TRUE(mounted->driver().list(node, 24, DirectoryDetail::kNames, sink).has_value());
    EXPECT_EQ(pauses.count(), 6u);
    EXPECT_EQ(mounted->driver().make_node(node, "new", {.mode = S_IFREG | 0644}).error().value,
              EFBIG);
    EXPECT_EQ(pauses.count(), 6u);
  }
  {
    const Pauses pauses(*mounted, 0);
    EXPECT_EQ(mounted->driver().lookup(node, "absent").error().value, EINTR);
    EXPECT_EQ(mounted->driver().list(node, 24, DirectoryDetail::kNames, sink).error().value, EINTR);
    EXPECT_EQ(mounted->driver().remove_directory(kRoot, "dir").error().value, EINTR);
    EXPECT_EQ(pauses.count(), 3u);
  }
  const Pauses pauses(*mounted, kForGood);
  EXPECT_TRUE(mounted->driver().remove_directory(kRoot, "dir").has_value());
  EXPECT_EQ(pauses.count(), 3u);
  mounted->driver().gone(node);
  close_clean();
}

TEST_F(DriverTest, AllocatingNothingIsRefused) {
  mount(kNoJournal);
  const NodeId node = mounted->make_file(kRoot, "file");
  EXPECT_EQ(mounted->driver().allocate(node, 0, 0, 0).error().value, EINVAL);
}

TEST_F(DriverTest, AnAppendOnlyDirectoryTakesNamesAndKeepsThem) {
  mount(kNoJournal);
  const NodeId directory = mounted->make_file(kRoot, "log", S_IFDIR | 0755);
  {
    const Volume::Operation operation(mounted->volume());
    const auto inode = mounted->volume().inode(static_cast<std::uint32_t>(directory));
    inode->raw().i_flags |= EXT2_APPEND_FL;
    mounted->volume().inode_changed(*inode);
  }
  ExtDriver& driver = mounted->driver();
  EXPECT_NE(mounted->make_file(directory, "entry"), 0u);
  EXPECT_EQ(driver.unlink(directory, "entry").error().value, EPERM);
  EXPECT_EQ(driver.rename(directory, "entry", kRoot, "away", 0).error().value, EPERM);
  close_clean();
}

TEST_F(DriverTest, OrphansOfAnEarlierMountAreDeleted) {
  mount("-t ext4 -b 1024 -J size=1", "6M");
  const NodeId node = mounted->make_file(kRoot, "file");
  ASSERT_EQ(mounted->write(node, 0, std::string(5000, 'x')), 0);
  ASSERT_TRUE(mounted->driver().unlink(kRoot, "file").has_value());
  {
    const Volume::Operation operation(mounted->volume());
    EXPECT_EQ(mounted->volume().first_orphan(), static_cast<std::uint32_t>(node));
  }
  close_clean();
}

// What an operation frees stays in memory until the next commit, so a large file takes several.
TEST_F(DriverTest, AVeryLargeFileIsDeletedInParts) {
  for (const char* options :
       {"-t ext4 -b 1024 -J size=1", "-t ext3 -b 1024 -J size=1", kNoJournal}) {
    SCOPED_TRACE(options);
    mount(options, "8M");
    const NodeId node = mounted->make_file(kRoot, "file");
    constexpr std::uint64_t kFar = (std::uint64_t{1} << 18) * 1024;
    for (std::uint64_t part = 0; part < 4; ++part)
      ASSERT_EQ(mounted->write(node, part * kFar, std::string(3000, 'x')), 0);
    const auto before = mounted->driver().statistics();
    ASSERT_TRUE(mounted->driver().unlink(kRoot, "file").has_value());
    ASSERT_TRUE(mounted->driver().sync_all().has_value());
    mounted->driver().gone(node);
    {
      const Volume::Operation operation(mounted->volume());
      Allocator& allocator = mounted->volume().allocator();
      const Allocator::Freed freed = allocator.take_freed();
      std::uint64_t blocks = 0;
      for (const auto& [start, count] : freed.blocks) blocks += count;
      EXPECT_GE(blocks, 3u);
      EXPECT_LT(blocks, 6u);
      allocator.reuse(freed);
    }
    EXPECT_GE(mounted->driver().statistics()->f_bfree, before->f_bfree + 12);
    close_clean();
  }
}

// Without a journal e2fsck must find no inode without links while a name leads to it: that name
// would go, also if it leads to another file by now.
TEST_F(DriverTest, WithoutAJournalAFileGoesAfterItsName) {
  mount(kNoJournal);
  const NodeId node = mounted->make_file(kRoot, "file");
  ASSERT_EQ(mounted->write(node, 0, std::string(5000, 'x')), 0);
  ASSERT_TRUE(mounted->driver().sync_all().has_value());
  const auto links_on_medium = [&] {
    const Volume::Operation operation(mounted->volume());
    return mounted->volume().inode(static_cast<std::uint32_t>(node))->raw().i_links_count;
  };
  ASSERT_TRUE(mounted->driver().unlink(kRoot, "file").has_value());
  EXPECT_EQ(mounted->driver().attributes(node)->stat.st_nlink, 0u);
  EXPECT_TRUE(mounted->driver().forgotten(node));
  EXPECT_EQ(links_on_medium(), 1u);
  ASSERT_TRUE(mounted->driver().sync_all().has_value());
  EXPECT_EQ(links_on_medium(), 0u);
  EXPECT_EQ(mounted->read(node, 0, 10), "xxxxxxxxxx");
  close_clean();
}

TEST_F(DriverTest, TheSpaceOfAnUnlinkedFileCountsAsFreeOnceNobodyHasIt) {
  mount(kNoJournal);
  const auto counted = mounted->driver().statistics();
  ASSERT_TRUE(counted.has_value());
  const struct statvfs before = *counted;
  const NodeId node = mounted->make_file(kRoot, "file");
  ASSERT_EQ(mounted->write(node, 0, std::string(100'000, 'x')), 0);
  ASSERT_TRUE(mounted->driver().unlink(kRoot, "file").has_value());
  EXPECT_LT(mounted->driver().statistics()->f_bfree, before.f_bfree);
  mounted->driver().gone(node);
  EXPECT_EQ(mounted->driver().statistics()->f_bfree, before.f_bfree);
  EXPECT_EQ(mounted->driver().statistics()->f_ffree, before.f_ffree);
  // Its number is not given away before its name is gone from the medium.
  EXPECT_NE(mounted->make_file(kRoot, "next"), node);
  close_clean();
}

// The chain comes from the medium: neither the root nor the journal is to be deleted by it.
TEST_F(DriverTest, ReservedInodesAreNoOrphans) {
  for (const std::uint32_t number : {2u, 8u}) {
    auto image = make_image("-t ext4 -b 1024 -J size=1 -O ^metadata_csum", "6M");
    reinterpret_cast<ext2_super_block*>(image.data() + SUPERBLOCK_OFFSET)->s_last_orphan = number;
    medium = std::make_unique<MemoryMedium>(std::move(image));
    auto volume = Volume::open(*medium, MountMode::kReadWrite);
    ASSERT_TRUE(volume.has_value());
    (*volume)->begin_writing();
    {
      const Volume::Operation operation(**volume);
      (*volume)->inode(number)->raw().i_links_count = 0;
    }
    ExtDriver driver(**volume, {});
    EXPECT_FALSE(driver.delete_orphans().has_value());
    const Volume::Operation operation(**volume);
    EXPECT_NE((*volume)->inode(number)->mode(), 0u);
  }
}

}  // namespace
}  // namespace airlock::ext::testing
