// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "contained/ext/block_map.h"
#include "contained/ext/libext2fs.h"

namespace airlock::ext::testing {

// An image file with a real filesystem in its own temporary folder: made by mke2fs, judged by
// e2fsck, mounted by the kernel, opened by libext2fs. Needs root for mounting.
class Image {
 public:
  explicit Image(const std::string& mkfs_options, const std::string& size = "64M") {
    std::string pattern = std::filesystem::temp_directory_path() / "airlock-map-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    std::filesystem::create_directory(mount_point());
    const auto made = run(fmt::format("mke2fs -q -F {} {} {}", mkfs_options, path(), size));
    EXPECT_EQ(made.status, 0) << made.output;
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image() {
    unmount();
    close();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string path() const { return folder_ + "/image"; }
  [[nodiscard]] std::string mount_point() const { return folder_ + "/mounted"; }

  struct Ended {
    int status = 0;
    std::string output;
  };
  static Ended run(const std::string& command) {
    Ended ended;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::array<char, 4096> buffer{};
    while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
      ended.output.append(buffer.data(), n);
    ended.status = ::pclose(pipe);
    return ended;
  }

  void expect_clean() {
    const Ended ended = run("e2fsck -fn " + path());
    EXPECT_EQ(ended.status, 0) << ended.output;
  }

  void mount() {
    const Ended ended = run(fmt::format("mount -o loop {} {}", path(), mount_point()));
    ASSERT_EQ(ended.status, 0) << ended.output;
    mounted_ = true;
  }
  void unmount() {
    if (mounted_) {
      EXPECT_EQ(run("umount " + mount_point()).status, 0);
    }
    mounted_ = false;
  }

  ext2_filsys open() {
    constexpr int kFlags = EXT2_FLAG_RW | EXT2_FLAG_64BITS;
    EXPECT_EQ(ext2fs_open(path().c_str(), kFlags, 0, 0, unix_io_manager, &filesystem_), 0);
    EXPECT_EQ(ext2fs_read_bitmaps(filesystem_), 0);
    return filesystem_;
  }
  void close() {
    if (filesystem_ != nullptr) {
      EXPECT_EQ(ext2fs_close_free(&filesystem_), 0);
    }
  }

  // An empty regular file in the root directory.
  ext2_ino_t add_file(const std::string& name, bool extents) {
    ext2_ino_t number = 0;
    EXPECT_EQ(ext2fs_new_inode(filesystem_, EXT2_ROOT_INO, 0100644, nullptr, &number), 0);
    ext2_inode inode{};
    inode.i_mode = 0100644;
    inode.i_links_count = 1;
    if (extents) inode.i_flags = EXT4_EXTENTS_FL;
    EXPECT_EQ(ext2fs_write_new_inode(filesystem_, number, &inode), 0);
    ext2fs_inode_alloc_stats2(filesystem_, number, +1, 0);
    EXPECT_EQ(ext2fs_link(filesystem_, EXT2_ROOT_INO, name.c_str(), number, EXT2_FT_REG_FILE), 0);
    return number;
  }
  ext2_ino_t number_of(const std::string& name) {
    ext2_ino_t number = 0;
    EXPECT_EQ(ext2fs_namei(filesystem_, EXT2_ROOT_INO, EXT2_ROOT_INO, name.c_str(), &number), 0);
    return number;
  }

 private:
  std::string folder_;
  bool mounted_ = false;
  ext2_filsys filesystem_ = nullptr;
};

// Blocks of an image, kept until flush().
class ImageMapBlocks final : public MapBlocks {
 public:
  explicit ImageMapBlocks(ext2_filsys filesystem) : filesystem_(filesystem) {}

  Outcome<MapBlock> block(std::uint64_t physical) override {
    auto [at, added] = contents_.try_emplace(physical);
    if (added) {
      at->second.resize(filesystem_->blocksize);
      if (io_channel_read_blk64(filesystem_->io, physical, 1, at->second.data()) != 0)
        return refuse(EIO);
    }
    return MapBlock{at->second, false};
  }
  Outcome<std::span<std::byte>> fresh(std::uint64_t physical) override {
    auto& block = contents_[physical];
    block.assign(filesystem_->blocksize, std::byte{0});
    return std::span(block);
  }
  void checked(std::uint64_t) override {}
  void changed(std::uint64_t physical) override { changed_[physical] = true; }
  Outcome<std::uint64_t> allocate(std::uint64_t goal) override {
    const auto taken = take(goal);
    if (taken == 0) return refuse(ENOSPC);
    return taken;
  }
  Outcome<void> release(std::uint64_t physical, std::uint64_t count, MapUse use) override {
    for (std::uint64_t i = 0; i < count; ++i, --used) {
      if (!ext2fs_test_block_bitmap2(filesystem_->block_map, physical + i)) return refuse(EUCLEAN);
      ext2fs_block_alloc_stats2(filesystem_, physical + i, -1);
    }
    if (use == MapUse::kMap) contents_.erase(physical);
    if (use == MapUse::kMap) changed_.erase(physical);
    return {};
  }
  bool valid(std::uint64_t physical, std::uint64_t count) const override {
    const std::uint64_t size = ext2fs_blocks_count(filesystem_->super);
    return physical > 1 && physical < size && count <= size - physical;
  }
  void damaged(std::string_view what) override { ADD_FAILURE() << what; }

  // One block, for data or the map; 0 if there is none.
  std::uint64_t take(std::uint64_t goal) {
    blk64_t found = 0;
    if (ext2fs_new_block2(filesystem_, goal, nullptr, &found) != 0) return 0;
    ext2fs_block_alloc_stats2(filesystem_, found, +1);
    ++used;
    return found;
  }
  void flush() {
    for (const auto& [physical, is_changed] : changed_)
      EXPECT_EQ(io_channel_write_blk64(filesystem_->io, physical, 1, contents_.at(physical).data()),
                0);
    changed_.clear();
  }

  std::uint64_t used = 0;  // blocks of the file, data and map

 private:
  ext2_filsys filesystem_;
  std::map<std::uint64_t, std::vector<std::byte>> contents_;
  std::map<std::uint64_t, bool> changed_;
};

}  // namespace airlock::ext::testing
