// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "contained/runtime/outcome.h"

namespace airlock::fat {

// The part of a volume that records which of its clusters are in use.
class AllocationMap {
 public:
  virtual ~AllocationMap() = default;

  // Sets the bit of each cluster in use, of `count` from `first` on; the lowest bit is `first`.
  // `used` is zero and large enough.
  virtual Outcome<void> read_used(std::uint32_t first, std::uint32_t count,
                                  std::span<std::uint64_t> used) = 0;

  // The part of the medium that records it. Never changes, so this takes no lock.
  struct Bytes {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };
  [[nodiscard]] virtual std::vector<Bytes> place_of(std::uint32_t first,
                                                    std::uint32_t count) const = 0;
};

}  // namespace airlock::fat
