// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <ext2fs/ext2_fs.h>

#include <string>

#include "lib/base/error.h"

namespace airlock::ext {

enum class MountMode { kReadOnly, kReadWrite };

// How a volume may be mounted, and why not better.
struct Fitness {
  MountMode mode = MountMode::kReadWrite;
  std::string reason;  // empty when read-write
};

// Judges a superblock: which features it needs and what state it is in. Pure; looks at nothing
// but its argument. Refuses what could not even be read right.
Result<Fitness> judge(const ext2_super_block& superblock);

}  // namespace airlock::ext
