// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "contained/runtime/block_io.h"
#include "lib/base/error.h"

namespace airlock {

// The beginning of a medium, where every filesystem notes that it was mounted, and written to.
//
// The kernel claims the device of a fuseblk mount itself, so whoever kept others off it until then
// has to let go first. What slips in between is found out by comparing.
class MediumHead {
 public:
  static constexpr std::size_t kBytes = 32'768;

  MediumHead() = default;  // nothing of it, which never changes
  static Result<MediumHead> read(BlockIo& io);
  // Errc::kBusy if it is not what it was.
  Result<void> require_same(BlockIo& io) const;

 private:
  explicit MediumHead(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  std::vector<std::byte> bytes_;
};

}  // namespace airlock
