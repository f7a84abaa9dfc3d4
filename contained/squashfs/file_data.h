// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>

#include "contained/squashfs/file_blocks.h"

namespace airlock::squashfs {

// The bytes of files. A whole block is decompressed right into the answer; a block of which
// somebody wants a part, such as a fragment with the ends of many files, is kept.
class FileData {
 public:
  FileData(const MediumReader& medium, const Benches& benches, const Metadata& metadata,
           const Superblock& super)
      : medium_(medium),
        benches_(benches),
        metadata_(metadata),
        super_(super),
        blocks_(metadata, super.block_size) {}

  // They lie within the size of the file. `key` tells files apart.
  Outcome<void> read(std::uint64_t key, const Inode& file, std::uint64_t offset,
                     std::span<std::byte> into) const;

 private:
  // A request for a part of one block. The block has `size` bytes, or `stored` on the medium from
  // `place` on.
  struct Part {
    std::uint64_t place = 0;
    std::uint32_t length = 0;  // as the medium has it
    std::size_t size = 0;
    std::size_t from = 0;
    std::span<std::byte> into;
  };
  Outcome<void> read_blocks(std::uint64_t key, const Inode& file, std::uint64_t offset,
                            std::span<std::byte> into) const;
  Outcome<void> read_fragment(const Inode& file, std::uint64_t offset,
                              std::span<std::byte> into) const;
  Outcome<void> read_part(const Part& part, Bench& bench) const;
  Outcome<std::size_t> decompress(const Part& part, std::span<std::byte> whole, Bench& bench) const;

  const MediumReader& medium_;
  const Benches& benches_;
  const Metadata& metadata_;
  const Superblock& super_;
  FileBlocks blocks_;
  BlockCache cache_{std::size_t{24} << 20};
};

}  // namespace airlock::squashfs
