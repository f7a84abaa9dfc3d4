// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/tests/journal_image.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "contained/ext/libext2fs.h"
#include "lib/base/byte_view.h"
#include "lib/base/c_ptr.h"

namespace airlock::ext::test {
namespace {

using Filesystem = CPtr<struct_ext2_filsys, ext2fs_free>;

void require(bool fact, const std::string& what) {
  if (fact) return;
  fmt::print(stderr, "cannot prepare the test: {}\n", what);
  std::abort();
}

Filesystem open_filesystem(const std::filesystem::path& path, int flags) {
  ext2_filsys handle = nullptr;
  const errcode_t error =
      ext2fs_open(path.c_str(), flags | EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &handle);
  require(error == 0, fmt::format("open {}: {}", path.string(), error_message(error)));
  return Filesystem(handle);
}

std::vector<std::uint64_t> blocks_of(ext2_filsys filesystem, ext2_ino_t inode) {
  std::vector<std::uint64_t> blocks;
  const auto collect = [](ext2_filsys, blk64_t* block, e2_blkcnt_t, blk64_t, int, void* list) {
    static_cast<std::vector<std::uint64_t>*>(list)->push_back(*block);
    return 0;
  };
  const errcode_t error =
      ext2fs_block_iterate3(filesystem, inode, BLOCK_FLAG_DATA_ONLY, nullptr, collect, &blocks);
  require(error == 0, "list the blocks of a file");
  return blocks;
}

std::vector<JournalRun> runs_of(const std::vector<std::uint64_t>& blocks) {
  std::vector<JournalRun> runs;
  for (const std::uint64_t block : blocks) {
    if (!runs.empty() && runs.back().start + runs.back().count == block)
      ++runs.back().count;
    else
      runs.push_back({.start = block, .count = 1});
  }
  return runs;
}

}  // namespace

JournalImage::JournalImage(const std::string& mkfs_options, const std::string& size,
                           std::uint32_t victim_kib) {
  std::string name = (std::filesystem::temp_directory_path() / "airlock-journal-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, "make a temporary directory");
  dir_ = name;
  path_ = dir_ / "image";
  std::filesystem::create_directory(dir_ / "tree");
  std::ofstream(dir_ / "tree" / "victim") << std::string(victim_kib * 1024, 'v');
  require(run(fmt::format("PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F {} -d {} {} {} >/dev/null",
                          mkfs_options, (dir_ / "tree").string(), path_.string(), size)) == 0,
          "mke2fs " + mkfs_options);
  look_inside();
}

JournalImage::~JournalImage() {
  std::error_code ignored;  // a leftover in /tmp does not fail a test
  std::filesystem::remove_all(dir_, ignored);
}

void JournalImage::look_inside() {
  const Filesystem filesystem = open_filesystem(path_, 0);
  const ext2_super_block* super = filesystem->super;
  geometry_.block_size = filesystem->blocksize;
  geometry_.filesystem_blocks = ext2fs_blocks_count(filesystem->super);
  std::ranges::copy(super->s_uuid, geometry_.uuid.begin());
  geometry_.filesystem_checksums = ext2fs_has_feature_metadata_csum(filesystem->super) != 0;
  geometry_.wants_64bit = ext2fs_has_feature_64bit(filesystem->super) != 0;
  geometry_.runs = runs_of(blocks_of(filesystem.get(), super->s_journal_inum));
  ext2_ino_t victim = 0;
  require(ext2fs_namei(filesystem.get(), EXT2_ROOT_INO, EXT2_ROOT_INO, "victim", &victim) == 0,
          "find the victim");
  victim_blocks_ = blocks_of(filesystem.get(), victim);
}

void JournalImage::set_needs_recovery() const {
  ext2_filsys filesystem = open_filesystem(path_, EXT2_FLAG_RW).release();
  ext2fs_set_feature_journal_needs_recovery(filesystem->super);
  ext2fs_mark_super_dirty(filesystem);
  require(ext2fs_close_free(&filesystem) == 0, "set the needs-recovery flag");
}

bool JournalImage::needs_recovery() const {
  const Filesystem filesystem = open_filesystem(path_, 0);
  return ext2fs_has_feature_journal_needs_recovery(filesystem->super) != 0;
}

int run(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool check_and_repair(const std::filesystem::path& image) {
  const std::string log = image.string() + ".log";
  const int status =
      run(fmt::format("PATH=$PATH:/usr/sbin:/sbin e2fsck -fy {} >{} 2>&1", image.string(), log));
  if (status > 1) run("cat " + log);
  return status == 0 || status == 1;
}

bool is_spotless(const std::filesystem::path& image) {
  return run(fmt::format("PATH=$PATH:/usr/sbin:/sbin e2fsck -fn {} >/dev/null 2>&1",
                         image.string())) == 0;
}

DescriptorIo open_image(const std::filesystem::path& path) {
  auto medium = DescriptorIo::adopt(UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC)));
  require(medium.has_value(), "open the image");
  return *std::move(medium);
}

std::vector<std::byte> pattern(std::uint32_t block_size, std::uint32_t state, std::uint32_t index) {
  std::vector<std::byte> bytes(block_size);
  for (std::size_t at = 0; at < block_size; at += 4) {
    const bool magic = at == 0 && index % 5 == 0;
    const std::uint32_t word = magic ? kJournalMagic : state << 16 | index;
    require(store_be(std::span(bytes), at, word), "fill a block");
  }
  return bytes;
}

}  // namespace airlock::ext::test
