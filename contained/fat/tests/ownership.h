// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include "contained/runtime/block_io.h"

namespace airlock::fat {

// The owners of the clusters of a volume: walks all names and chains, much faster than fsck.
struct Ownership {
  // Empty if every cluster has at most one owner, is marked as in use, and every file has the
  // clusters its size needs; else describes the fault.
  std::string wrong;
  // In use without an owner. On exFAT that includes the system's own files.
  std::uint32_t lost = 0;
};
Ownership find_owners(BlockIo& medium);

}  // namespace airlock::fat
