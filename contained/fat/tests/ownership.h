// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "contained/runtime/block_io.h"

namespace airlock::fat {

// Walks all names and chains of a volume, much quicker than fsck.fat: empty if every cluster has
// at most one owner and every file as many as its size needs, else what is wrong.
std::string find_wrong_ownership(BlockIo& medium);

}  // namespace airlock::fat
