// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <ext2fs/ext2_fs.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contained/ext/directory.h"
#include "contained/ext/directory_checksum.h"
#include "contained/ext/libext2fs.h"

namespace airlock::ext {

// One directory of an image, its blocks read, allocated and written with libext2fs. Slow and
// simple, for tests. Everything is written by close().
class ImageBlocks final : public DirectoryBlocks {
 public:
  ImageBlocks(const std::string& image, const char* path) {
    opened_ = ext2fs_open(image.c_str(), EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, unix_io_manager,
                          &fs_) == 0 &&
              ext2fs_read_bitmaps(fs_) == 0 &&
              ext2fs_namei(fs_, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &number_) == 0 &&
              ext2fs_read_inode(fs_, number_, &inode_) == 0;
  }
  ~ImageBlocks() override {
    if (fs_ != nullptr) (void)close();
  }

  bool opened() const { return opened_; }
  ext2_filsys fs() { return fs_; }
  std::uint32_t inode() const { return number_; }
  DirectoryFormat format() const {
    const auto* super = fs_->super;
    DirectoryFormat format{.block_size = fs_->blocksize,
                           .file_types = ext2fs_has_feature_filetype(fs_->super) != 0,
                           .checksums = ext2fs_has_feature_metadata_csum(fs_->super) != 0,
                           .dir_index = ext2fs_has_feature_dir_index(fs_->super) != 0,
                           .large_directories = ext2fs_has_feature_largedir(fs_->super) != 0,
                           .default_hash_version = super->s_def_hash_version,
                           .unsigned_hash = (super->s_flags & EXT2_FLAGS_UNSIGNED_HASH) != 0,
                           .hash_seed = {}};
    std::copy_n(super->s_hash_seed, 4, format.hash_seed.begin());
    return format;
  }
  std::uint32_t checksum_seed() const {
    const auto bytes = [](const std::uint32_t& value) {
      return std::as_bytes(std::span(&value, 1));
    };
    const std::uint32_t generation = inode_.i_generation;
    return crc32c(crc32c(fs_->csum_seed, bytes(number_)), bytes(generation));
  }

  std::uint32_t count() const override { return inode_.i_size / fs_->blocksize; }
  Outcome<DirectoryBlock> block(std::uint32_t index) override {
    auto& cached = cache_[index];
    if (cached.bytes.empty()) {
      blk64_t place = 0;
      cached.bytes.resize(fs_->blocksize);
      if (ext2fs_bmap2(fs_, number_, &inode_, nullptr, 0, index, nullptr, &place) != 0 ||
          io_channel_read_blk64(fs_->io, place, 1, cached.bytes.data()) != 0)
        return refuse(EIO);
    }
    return DirectoryBlock{.bytes = cached.bytes, .verified = cached.verified};
  }
  void mark_verified(std::uint32_t index) override { cache_[index].verified = true; }
  Outcome<void> changed(std::uint32_t index) override {
    cache_[index].dirty = true;
    return {};
  }
  Outcome<std::uint32_t> append() override {
    const std::uint32_t index = count();
    blk64_t place = 0;
    if (ext2fs_bmap2(fs_, number_, &inode_, nullptr, BMAP_ALLOC, index, nullptr, &place) != 0)
      return refuse(ENOSPC);
    inode_.i_size += fs_->blocksize;
    cache_[index] = {.bytes = std::vector<std::byte>(fs_->blocksize), .verified = true};
    return index;
  }
  bool indexed() const override { return (inode_.i_flags & EXT2_INDEX_FL) != 0; }
  Outcome<void> set_indexed(bool indexed) override {
    inode_.i_flags &= ~std::uint32_t{EXT2_INDEX_FL};
    if (indexed) inode_.i_flags |= EXT2_INDEX_FL;
    return {};
  }
  void corrupted(std::uint32_t, std::string_view what) override { complaint = what; }

  // After the inode was changed behind our back.
  bool reload() { return ext2fs_read_inode(fs_, number_, &inode_) == 0; }
  bool close() {
    bool good = true;
    for (auto& [index, cached] : cache_) {
      blk64_t place = 0;
      if (!cached.dirty) continue;
      good = good && ext2fs_bmap2(fs_, number_, &inode_, nullptr, 0, index, nullptr, &place) == 0 &&
             io_channel_write_blk64(fs_->io, place, 1, cached.bytes.data()) == 0;
    }
    good = good && ext2fs_write_inode(fs_, number_, &inode_) == 0;
    return ext2fs_close_free(&fs_) == 0 && good;
  }

  std::string complaint;

 private:
  struct Cached {
    std::vector<std::byte> bytes;
    bool verified = false;
    bool dirty = false;
  };
  ext2_filsys fs_ = nullptr;
  ext2_ino_t number_ = 0;
  ext2_inode inode_ = {};
  bool opened_ = false;
  std::map<std::uint32_t, Cached> cache_;
};

}  // namespace airlock::ext
