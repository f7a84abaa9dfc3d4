// SPDX-License-Identifier: GPL-2.0-or-later
// Maps on real images: what we write, e2fsck, libext2fs and the kernel must read, and the other
// way.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <memory>
#include <random>

#include "contained/ext/extent_map.h"
#include "contained/ext/indirect_map.h"
#include "contained/ext/tests/block_map_image.h"
#include "lib/base/unique_fd.h"

namespace airlock::ext {
namespace {

using testing::Image;
using testing::ImageMapBlocks;

struct Volume {
  const char* name;
  const char* mkfs;
  bool extents;
  std::uint64_t blocks;  // logical blocks used
};

std::uint32_t seed_of(ext2_filsys filesystem, ext2_ino_t number, const ext2_inode& inode) {
  const auto add = [](std::uint32_t seed, std::uint32_t value) {
    return ext2fs_crc32c_le(seed, reinterpret_cast<unsigned char*>(&value), sizeof(value));
  };
  return add(add(filesystem->csum_seed, number), inode.i_generation);
}

// The map of a file in an image; writes the inode back when asked.
class ImageFile {
 public:
  ImageFile(ext2_filsys filesystem, ext2_ino_t number)
      : filesystem_(filesystem), number_(number), blocks(filesystem) {
    EXPECT_EQ(ext2fs_read_inode(filesystem, number, &inode_), 0);
    blocks.used = ext2fs_inode_i_blocks(filesystem, &inode_) * 512 / filesystem->blocksize;
    format_ = {.block_size = filesystem->blocksize,
               .checksums = ext2fs_has_feature_metadata_csum(filesystem->super) != 0,
               .inode_seed = seed_of(filesystem, number, inode_)};
    const MapRoot root(reinterpret_cast<std::byte*>(inode_.i_block), kMapRootSize);
    if ((inode_.i_flags & EXT4_EXTENTS_FL) == 0) {
      map = std::make_unique<IndirectMap>(format_, blocks, root);
      return;
    }
    if (inode_.i_block[0] == 0) ExtentMap::initialize(root);
    map = std::make_unique<ExtentMap>(format_, blocks, root);
  }
  void write(std::uint64_t size_in_blocks) {
    blocks.flush();
    EXPECT_EQ(ext2fs_iblk_set(filesystem_, &inode_, blocks.used), 0);
    const std::uint64_t size = size_in_blocks * filesystem_->blocksize;
    EXPECT_EQ(ext2fs_inode_size_set(filesystem_, &inode_, static_cast<ext2_off64_t>(size)), 0);
    EXPECT_EQ(ext2fs_write_inode(filesystem_, number_, &inode_), 0);
  }
  // As libext2fs reads the inode on the medium.
  std::uint64_t reference(std::uint64_t logical) {
    ext2_inode inode;
    EXPECT_EQ(ext2fs_read_inode(filesystem_, number_, &inode), 0);
    blk64_t physical = 0;
    EXPECT_EQ(ext2fs_bmap2(filesystem_, number_, &inode, nullptr, 0, logical, nullptr, &physical),
              0);
    return physical;
  }

 private:
  ext2_filsys filesystem_;
  ext2_ino_t number_;
  ext2_inode inode_{};
  MapFormat format_;

 public:
  ImageMapBlocks blocks;
  std::unique_ptr<BlockMap> map;
};

using Found = std::map<std::uint64_t, std::uint64_t>;

Found read_with_kernel(const std::string& path, std::uint64_t end) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  Found found;
  for (std::uint64_t logical = 0; logical < end; ++logical) {
    int block = static_cast<int>(logical);
    EXPECT_EQ(::ioctl(file.get(), FIBMAP, &block), 0);
    if (block != 0) found[logical] = static_cast<std::uint64_t>(block);
  }
  return found;
}

Found read_with_ours(BlockMap& map, std::uint64_t end, bool unwritten_too) {
  Found found;
  for (std::uint64_t logical = 0; logical < end;) {
    const auto run = map.find(logical, end - logical);
    if (!run || run->count == 0) {
      ADD_FAILURE() << "find " << logical;
      break;
    }
    const bool take =
        run->state == RunState::kWritten || (unwritten_too && run->state == RunState::kUnwritten);
    for (std::uint64_t i = 0; take && i < run->count; ++i) found[logical + i] = run->physical + i;
    logical += run->count;
  }
  return found;
}

class BlockMapImageRunAsRoot : public ::testing::TestWithParam<Volume> {
 protected:
  void SetUp() override { ASSERT_EQ(::geteuid(), 0U) << "mounts images"; }
};

TEST_P(BlockMapImageRunAsRoot, WhatWeWriteOthersRead) {
  Image image(GetParam().mkfs);
  std::mt19937 random(7);
  const std::uint64_t end = GetParam().blocks;
  const ext2_filsys filesystem = image.open();
  Found written;
  {
    ImageFile file(filesystem, image.add_file("ours", GetParam().extents));
    const auto step = [&] {
      const std::uint64_t logical = random() % end;
      if (random() % 8 == 0) {
        ASSERT_TRUE(file.map->remove(logical, random() % 30).has_value());
        return;
      }
      if (random() % 4 == 0) {
        ASSERT_TRUE(file.map->mark_written(logical, random() % 30).has_value());
        return;
      }
      if (file.map->find(logical, 1)->state != RunState::kHole) return;
      const std::uint64_t goal = 3000 + random() % (ext2fs_blocks_count(filesystem->super) / 2);
      const auto state =
          GetParam().extents && random() % 3 == 0 ? RunState::kUnwritten : RunState::kWritten;
      const std::uint64_t physical = file.blocks.take(goal);
      ASSERT_TRUE(file.map->insert({logical, physical, 1, state}).has_value());
    };
    for (int i = 0; i < 4000; ++i) step();
    if (HasFatalFailure()) return;
    file.write(end);
    written = read_with_ours(*file.map, end, false);
    const Found found = read_with_ours(*file.map, end, true);
    EXPECT_GT(found.size(), 600U);
    for (std::uint64_t logical = 0; logical < end; ++logical) {
      const auto at = found.find(logical);
      ASSERT_EQ(file.reference(logical), at == found.end() ? 0 : at->second) << logical;
    }
  }
  image.close();
  image.expect_clean();
  image.mount();
  EXPECT_EQ(read_with_kernel(image.mount_point() + "/ours", end), written);
  // The kernel must also be able to go on with it.
  EXPECT_EQ(Image::run("truncate -s 300K " + image.mount_point() + "/ours").status, 0);
  EXPECT_EQ(Image::run("rm " + image.mount_point() + "/ours").status, 0);
  image.unmount();
  image.expect_clean();
}

TEST_P(BlockMapImageRunAsRoot, WhatTheKernelWritesWeReadAndChange) {
  Image image(GetParam().mkfs);
  const std::uint64_t end = GetParam().blocks;
  image.mount();
  const std::string path = image.mount_point() + "/theirs";
  {
    const UniqueFd file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    const UniqueFd other(::open((path + "2").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    const std::vector<char> data(4096, 'x');
    const std::size_t size =
        std::string_view(GetParam().mkfs).find("1024") == std::string::npos ? 4096 : 1024;
    std::mt19937 random(3);
    for (int i = 0; i < 3000; ++i) {
      const auto at = static_cast<off_t>((random() % end) * size);
      ASSERT_EQ(::pwrite(file.get(), data.data(), size, at), static_cast<ssize_t>(size));
      ASSERT_EQ(::pwrite(other.get(), data.data(), size, at), static_cast<ssize_t>(size));
      if (i % 50 == 0) ::fsync(file.get());
    }
    if (GetParam().extents) {
      ASSERT_EQ(::fallocate(file.get(), 0, 0, 1 << 20), 0);
    }
    ::fsync(file.get());
  }
  const Found kernel = read_with_kernel(path, end);
  image.unmount();
  EXPECT_GT(kernel.size(), 1000U);
  const ext2_filsys filesystem = image.open();
  {
    ImageFile file(filesystem, image.number_of("theirs"));
    EXPECT_EQ(read_with_ours(*file.map, end, false), kernel);
    for (const auto& [logical, physical] : kernel) ASSERT_EQ(file.reference(logical), physical);
    // Holes everywhere, then the end cut off, then new blocks behind.
    for (std::uint64_t at = 10; at < end; at += 40)
      ASSERT_TRUE(file.map->remove(at, 15).has_value());
    ASSERT_TRUE(file.map->remove(end * 3 / 4, ~0ULL).has_value());
    for (std::uint64_t i = 0; i < 100; ++i) {
      const std::uint64_t physical = file.blocks.take(20000 / (i + 1) + 3000);
      ASSERT_TRUE(file.map->insert({end + 2 * i, physical, 1, RunState::kWritten}).has_value());
    }
    file.write(end + 300);
    for (std::uint64_t logical = 0; logical < end + 300; ++logical) {
      const auto run = file.map->find(logical, 1);
      ASSERT_EQ(file.reference(logical), run->physical);
    }
  }
  image.close();
  image.expect_clean();
}

INSTANTIATE_TEST_SUITE_P(All, BlockMapImageRunAsRoot,
                         ::testing::Values(Volume{"ext4", "-t ext4 -b 4096", true, 3000},
                                           Volume{"ext4_1k", "-t ext4 -b 1024", true, 5000},
                                           Volume{"ext4_no_csum",
                                                  "-t ext4 -b 1024 -O ^metadata_csum", true, 5000},
                                           Volume{"ext3", "-t ext3 -b 4096", false, 3000},
                                           Volume{"ext2_1k", "-t ext2 -b 1024", false, 70000}),
                         [](const auto& volume) { return std::string(volume.param.name); });

}  // namespace
}  // namespace airlock::ext
