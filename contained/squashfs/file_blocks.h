// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <vector>

#include "contained/squashfs/inode.h"

namespace airlock::squashfs {

// Which blocks the files have. An inode has the length of every block, so the place of a block is
// the sum of all lengths before it. The sums of the files used last are kept, one for every so many
// blocks, or reading a large file would take a time that grows with its square.
class FileBlocks {
 public:
  // Where a walk along the lengths may take too long.
  static constexpr std::uint64_t kMostBlocks = std::uint64_t{1} << 26;

  explicit FileBlocks(const Metadata& metadata, std::uint32_t block_size)
      : metadata_(metadata), block_size_(block_size) {}

  // Blocks of its own; what is behind them is in a fragment.
  [[nodiscard]] std::uint64_t count(const Inode& file) const;
  // The place of a block on the medium, and the cursor at its length.
  struct Place {
    std::uint64_t data = 0;
    MetadataCursor lengths;
  };
  // `key` tells files apart.
  Outcome<Place> find(std::uint64_t key, const Inode& file, std::uint64_t block) const;

 private:
  static constexpr std::size_t kMostFiles = 16;
  struct Sum {
    std::uint64_t data = 0;
    std::uint64_t metadata_block = 0;
    std::size_t metadata_offset = 0;
  };
  struct Sums {
    std::uint64_t key = 0;
    std::vector<Sum> sums;  // the first for block `stride`, then for every stride-th
  };
  Sums& sums_of(std::uint64_t key) const;
  std::uint64_t nearest(std::uint64_t key, std::uint64_t wanted, Place& place) const;
  void keep(std::uint64_t key, std::uint64_t number, const Place& place) const;

  const Metadata& metadata_;
  std::uint32_t block_size_;
  mutable std::mutex mutex_;
  mutable std::list<Sums> files_;  // front: used last
};

// The low bits are how many bytes of the medium a block has; 0 is a hole.
inline constexpr std::uint32_t kStoredAsItIs = 1u << 24;
constexpr std::uint32_t stored_bytes(std::uint32_t length) {
  return length & (kStoredAsItIs - 1);
}

}  // namespace airlock::squashfs
