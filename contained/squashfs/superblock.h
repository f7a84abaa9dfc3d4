// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "contained/runtime/medium_reader.h"
#include "contained/squashfs/decompressor.h"
#include "lib/base/error.h"

namespace airlock::squashfs {

// Where a table would begin that the medium does not have.
inline constexpr std::uint64_t kNoTable = ~std::uint64_t{0};

// The first 96 bytes of the medium, checked: the places lie within the filesystem, and the
// filesystem within the medium.
struct Superblock {
  std::uint64_t used = 0;  // bytes of the medium
  std::uint64_t root = 0;  // reference to its inode
  std::uint64_t ids = 0;   // from here on: where the tables begin
  std::uint64_t attributes = kNoTable;
  std::uint64_t inodes = 0;
  std::uint64_t directories = 0;
  std::uint64_t fragments = kNoTable;
  std::uint64_t exports = kNoTable;
  std::uint32_t inode_count = 0;
  std::uint32_t fragment_count = 0;
  std::uint32_t id_count = 0;
  std::uint32_t block_size = 0;
  Compression compression = Compression::kGzip;

  // The failure is what the person reads.
  static Result<Superblock> read(const MediumReader& medium);
};

}  // namespace airlock::squashfs
