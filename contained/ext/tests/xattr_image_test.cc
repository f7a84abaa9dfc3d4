// SPDX-License-Identifier: GPL-2.0-or-later
// Attributes on real images: what the kernel sets we read, what we set it reads, e2fsck agrees.
#include <fcntl.h>
#include <sys/xattr.h>

#include <fstream>

#include "contained/ext/acl.h"
#include "contained/ext/tests/block_map_image.h"
#include "contained/ext/xattr.h"

namespace airlock::ext {
namespace {

using testing::Image;
using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

struct Volume {
  const char* name;
  const char* mkfs;
};

// The attributes of one inode of an image and the way back.
class ImageAttributes {
 public:
  ImageAttributes(ext2_filsys filesystem, ext2_ino_t number)
      : filesystem_(filesystem),
        number_(number),
        inode_(EXT2_INODE_SIZE(filesystem->super)),
        block_(filesystem->blocksize) {
    EXPECT_EQ(ext2fs_read_inode_full(filesystem, number, fixed(), static_cast<int>(inode_.size())),
              0);
    physical_ = ext2fs_file_acl_block(filesystem, fixed());
    if (physical_ != 0) {
      EXPECT_EQ(io_channel_read_blk64(filesystem->io, physical_, 1, block_.data()), 0);
    }
  }

  AttributeSet parse() {
    if (physical_ != 0 && ext2fs_has_feature_metadata_csum(filesystem_->super)) {
      EXPECT_TRUE(attribute_block_checksum_matches(block_, filesystem_->csum_seed, physical_));
    }
    const std::span<const std::byte> block =
        physical_ != 0 ? std::span(block_) : std::span<std::byte>();
    auto set = AttributeSet::parse(in_inode(), block);
    EXPECT_TRUE(set.has_value());
    return set.value_or(AttributeSet());
  }

  void store(const AttributeSet& set) {
    const auto used = set.store(in_inode(), block_);
    ASSERT_TRUE(used.has_value());
    if (*used == AttributeBlock::kUsed && physical_ == 0) take_block();
    if (*used == AttributeBlock::kUnused && physical_ != 0) drop_block();
    if (*used == AttributeBlock::kUsed) {
      if (ext2fs_has_feature_metadata_csum(filesystem_->super))
        set_attribute_block_checksum(block_, filesystem_->csum_seed, physical_);
      EXPECT_EQ(io_channel_write_blk64(filesystem_->io, physical_, 1, block_.data()), 0);
    }
    EXPECT_EQ(
        ext2fs_write_inode_full(filesystem_, number_, fixed(), static_cast<int>(inode_.size())), 0);
  }

  [[nodiscard]] bool has_block() const { return physical_ != 0; }

 private:
  ext2_inode* fixed() { return reinterpret_cast<ext2_inode*>(inode_.data()); }
  std::span<std::byte> in_inode() {
    if (inode_.size() <= 128) return {};
    const auto* large = reinterpret_cast<const ext2_inode_large*>(inode_.data());
    return std::span(inode_).subspan(128U + large->i_extra_isize);
  }
  void take_block() {
    blk64_t found = 0;
    ASSERT_EQ(ext2fs_new_block2(filesystem_, 5000, nullptr, &found), 0);
    ext2fs_block_alloc_stats2(filesystem_, found, +1);
    physical_ = found;
    ext2fs_file_acl_block_set(filesystem_, fixed(), physical_);
    ext2fs_iblk_add_blocks(filesystem_, fixed(), 1);
  }
  void drop_block() {
    ext2fs_block_alloc_stats2(filesystem_, physical_, -1);
    physical_ = 0;
    ext2fs_file_acl_block_set(filesystem_, fixed(), 0);
    ext2fs_iblk_sub_blocks(filesystem_, fixed(), 1);
  }

  ext2_filsys filesystem_;
  ext2_ino_t number_;
  Bytes inode_, block_;
  std::uint64_t physical_ = 0;
};

class XattrImageRunAsRoot : public ::testing::TestWithParam<Volume> {
 protected:
  void SetUp() override { ASSERT_EQ(::geteuid(), 0U) << "mounts images"; }
};

void kernel_set(const std::string& path, const char* name, const Bytes& value) {
  EXPECT_EQ(::setxattr(path.c_str(), name, value.data(), value.size(), 0), 0) << name;
}
Bytes kernel_get(const std::string& path, const std::string& name) {
  Bytes value(65536);
  const ssize_t size = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
  EXPECT_GE(size, 0) << name;
  value.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return value;
}
Bytes ours(const AttributeSet& set, const std::string& name) {
  const auto value = set.find(name);
  EXPECT_TRUE(value.has_value()) << name;
  return value ? Bytes(value->begin(), value->end()) : Bytes();
}

TEST_P(XattrImageRunAsRoot, BothWays) {
  Image image(GetParam().mkfs);
  image.mount();
  const std::string path = image.mount_point() + "/file";
  std::ofstream(path) << "content";
  kernel_set(path, "user.small", bytes_of("hello"));
  kernel_set(path, "trusted.medium", Bytes(70, std::byte{1}));
  kernel_set(path, "user.large", Bytes(401, std::byte{2}));
  kernel_set(path, "security.empty", {});
  ASSERT_EQ(Image::run("setfacl -m u:1000:r,g:77:rw " + path).status, 0);
  const Bytes acl = kernel_get(path, "system.posix_acl_access");
  image.unmount();

  const ext2_filsys filesystem = image.open();
  {
    ImageAttributes file(filesystem, image.number_of("file"));
    AttributeSet set = file.parse();
    EXPECT_EQ(set.names().size(), 5U);
    EXPECT_EQ(ours(set, "user.small"), bytes_of("hello"));
    EXPECT_EQ(ours(set, "trusted.medium"), Bytes(70, std::byte{1}));
    EXPECT_EQ(ours(set, "user.large"), Bytes(401, std::byte{2}));
    EXPECT_EQ(ours(set, "security.empty"), Bytes());
    EXPECT_EQ(acl_from_disk(ours(set, "system.posix_acl_access")).value(), acl);
    const auto put = [&](std::string_view name, const Bytes& value) {
      EXPECT_TRUE(set.set(name, value, AttributeFlag::kCreateOrReplace).has_value());
    };
    EXPECT_TRUE(set.erase("trusted.medium").has_value());
    put("user.small", bytes_of("hello again, a bit longer"));
    put("user.b", bytes_of("1"));
    put("user.aa", bytes_of("22"));
    put("user.\xc3\xa4\xff", bytes_of("not ascii"));  // where signed and unsigned hashes differ
    put("trusted.z", Bytes(123, std::byte{4}));
    put("user.none", {});
    file.store(set);
    EXPECT_TRUE(file.has_block());
  }
  image.close();
  image.expect_clean();

  image.mount();
  EXPECT_EQ(kernel_get(path, "user.small"), bytes_of("hello again, a bit longer"));
  EXPECT_EQ(kernel_get(path, "user.b"), bytes_of("1"));
  EXPECT_EQ(kernel_get(path, "user.aa"), bytes_of("22"));
  EXPECT_EQ(kernel_get(path, "user.\xc3\xa4\xff"), bytes_of("not ascii"));
  EXPECT_EQ(kernel_get(path, "user.large"), Bytes(401, std::byte{2}));
  EXPECT_EQ(kernel_get(path, "trusted.z"), Bytes(123, std::byte{4}));
  EXPECT_EQ(kernel_get(path, "user.none"), Bytes());
  EXPECT_EQ(kernel_get(path, "system.posix_acl_access"), acl);
  EXPECT_EQ(::getxattr(path.c_str(), "trusted.medium", nullptr, 0), -1);
  std::array<char, 1024> list{};
  const ssize_t size = ::listxattr(path.c_str(), list.data(), list.size());
  EXPECT_EQ(std::count(list.begin(), list.begin() + size, '\0'), 9);
  // The kernel goes on with it: the order of the block is what it searches by.
  kernel_set(path, "user.ab", bytes_of("33"));
  kernel_set(path, "user.b", bytes_of("changed"));
  EXPECT_EQ(::removexattr(path.c_str(), "user.large"), 0);
  image.unmount();
  image.expect_clean();

  const ext2_filsys again = image.open();
  {
    ImageAttributes file(again, image.number_of("file"));
    AttributeSet set = file.parse();
    EXPECT_EQ(ours(set, "user.b"), bytes_of("changed"));
    EXPECT_EQ(ours(set, "user.ab"), bytes_of("33"));
    for (const std::string& name : set.names()) EXPECT_TRUE(set.erase(name).has_value());
    file.store(set);
    EXPECT_FALSE(file.has_block());
  }
  image.close();
  image.expect_clean();
}

TEST_P(XattrImageRunAsRoot, SharedBlocksShowTheirReferences) {
  Image image(GetParam().mkfs);
  image.mount();
  for (const char* name : {"/a", "/b", "/c"}) {
    std::ofstream(image.mount_point() + name) << name;
    kernel_set(image.mount_point() + name, "user.same", Bytes(600, std::byte{9}));
  }
  image.unmount();
  const ext2_filsys filesystem = image.open();
  ext2_inode inode;
  ASSERT_EQ(ext2fs_read_inode(filesystem, image.number_of("b"), &inode), 0);
  Bytes block(filesystem->blocksize);
  const std::uint64_t physical = ext2fs_file_acl_block(filesystem, &inode);
  ASSERT_EQ(io_channel_read_blk64(filesystem->io, physical, 1, block.data()), 0);
  EXPECT_EQ(attribute_block_references(block), 3U);
}

INSTANTIATE_TEST_SUITE_P(All, XattrImageRunAsRoot,
                         ::testing::Values(Volume{"ext4", "-t ext4 -b 4096"},
                                           Volume{"ext4_1k", "-t ext4 -b 1024"},
                                           Volume{"ext4_no_csum", "-t ext4 -O ^metadata_csum"},
                                           Volume{"ext2_small_inodes", "-t ext2 -b 1024 -I 128"}),
                         [](const auto& volume) { return std::string(volume.param.name); });

}  // namespace
}  // namespace airlock::ext
