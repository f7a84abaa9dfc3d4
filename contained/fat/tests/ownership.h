// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include "contained/runtime/block_io.h"

namespace airlock::fat {

// Who owns the clusters of a volume: walks all names and chains, much quicker than fsck.
struct Ownership {
  // Empty if every cluster has at most one owner, is marked as being in use, and every file has as
  // many as its size needs; else what is wrong.
  std::string wrong;
  // In use without an owner. On exFAT that includes the files of the system.
  std::uint32_t lost = 0;
};
Ownership find_owners(BlockIo& medium);

}  // namespace airlock::fat
