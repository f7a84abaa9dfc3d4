// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "contained/runtime/block_io.h"

namespace airlock {

// Writes blocks, or several of them at once, given in ascending order as few large writes. The
// memory of a block must stay until finish(), which has to be called.
class GatherWriter {
 public:
  // The first block of the medium begins at `origin`.
  GatherWriter(BlockIo& io, std::uint32_t block_size, std::uint64_t origin = 0)
      : io_(io), block_size_(block_size), origin_(origin) {}

  Outcome<void> add(std::uint64_t block, std::span<const std::byte> data);
  Outcome<void> finish();

 private:
  BlockIo& io_;
  std::uint32_t block_size_;
  std::uint64_t origin_;
  std::vector<iovec> parts_;
  std::uint64_t start_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace airlock
