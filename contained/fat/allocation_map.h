// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>

#include "contained/runtime/outcome.h"

namespace airlock::fat {

// Where a volume says which of its clusters are in use.
class AllocationMap {
 public:
  virtual ~AllocationMap() = default;

  // Sets the bit of each of `count` clusters that is not free, the lowest first. `used` is zero,
  // and large enough.
  virtual Outcome<void> read_used(std::uint32_t first, std::uint32_t count,
                                  std::span<std::uint64_t> used) = 0;
};

}  // namespace airlock::fat
