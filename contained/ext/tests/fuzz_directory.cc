// SPDX-License-Identifier: GPL-2.0-or-later
// Input: one byte of format bits, one byte of operations, then the blocks of a directory (1 KiB
// each, the rest filled with zeros). Seeds: for an image made with `mkfs.ext4 -b 1024 -d CONTENT`,
//   (printf '\003\377'; debugfs -R 'dump <DIRECTORY INODE> /dev/stdout' IMAGE) > seed
// with CONTENT holding 3, 300 and 3000 files; bit 0 is the index flag, bit 1 is dir_index, bit 6
// finds names in any case. Checksums are off, as they would only keep the fuzzer away from
// everything else.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "contained/ext/directory.h"
#include "contained/ext/tests/memory_blocks.h"

namespace airlock::ext {
namespace {

constexpr std::uint32_t kBlockSize = 1024;
constexpr std::size_t kMostBlocks = 64;

void list_everything(Directory& directory, std::size_t at_once) {
  std::uint64_t cookie = 0;
  for (bool more = true; more;) {
    more = false;
    std::size_t taken = 0;
    (void)directory.list(cookie, [&](const ListedEntry& entry) {
      if (taken++ == at_once) return false;
      if (entry.next <= cookie) std::abort();  // a listing must come to an end
      cookie = entry.next;
      return more = true;
    });
  }
}

ext2_super_block utf8_volume() {
  ext2_super_block super = {};
  super.s_encoding = EXT4_ENC_UTF8_12_1;
  return super;
}

void use(Directory& directory, std::uint8_t operations) {
  list_everything(directory, 1 + operations % 64);
  (void)directory.empty();
  (void)directory.lookup("file1");
  (void)directory.lookup("FI\xe2\x84\xaa\xc3\x84");
  (void)directory.replace("..", {.inode = 3, .type = 2});
  for (std::uint32_t i = 0; i < operations; ++i) {
    const std::string name = "file" + std::to_string(i);
    if (!directory.lookup(name)) (void)directory.insert(name, {.inode = i, .type = 1});
    if (i % 3 == 0) (void)directory.remove(name);
  }
  list_everything(directory, 64);
}

}  // namespace
}  // namespace airlock::ext

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace airlock::ext;
  if (size < 2) return 0;
  auto input = std::as_bytes(std::span(data, size));
  const std::uint8_t bits = data[0];
  const DirectoryFormat format{.block_size = kBlockSize,
                               .file_types = true,
                               .checksums = false,
                               .dir_index = (bits & 2) != 0,
                               .large_directories = (bits & 4) != 0,
                               .default_hash_version = static_cast<std::uint8_t>(bits >> 4 & 3),
                               .unsigned_hash = (bits & 8) != 0,
                               .hash_seed = {},
                               .folding = NameFolding::of(utf8_volume())};
  MemoryBlocks blocks(kBlockSize);
  blocks.is_folded = (bits & 64) != 0;
  for (input = input.subspan(2); !input.empty() && blocks.count() < kMostBlocks;) {
    const auto part = input.first(std::min<std::size_t>(input.size(), kBlockSize));
    const auto index = blocks.append();
    std::ranges::copy(part, blocks.bytes(*index).begin());
    input = input.subspan(part.size());
  }
  (void)blocks.set_indexed((bits & 1) != 0);
  blocks.most_blocks = kMostBlocks * 2;
  Directory directory(format, blocks, 12, 0);
  use(directory, data[1]);
  return 0;
}
