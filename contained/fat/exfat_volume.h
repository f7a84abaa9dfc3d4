// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "contained/fat/upcase_table.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// An opened exFAT volume and the table for comparing its names, which outlives its users.
struct ExfatVolume {
  std::unique_ptr<Volume> volume;
  UpcaseTable upcase;
};

// Opens an exFAT volume: reads the boot sectors and the system entries of the root directory.
Result<ExfatVolume> open_exfat(BlockIo& io, MountMode wanted);

}  // namespace airlock::fat
