// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>

#include "contained/fat/upcase_table.h"
#include "contained/fat/volume.h"

namespace airlock::fat {

// An opened exFAT volume and the table its names are compared with, which outlives what uses it.
struct ExfatVolume {
  std::unique_ptr<Volume> volume;
  UpcaseTable upcase;
};

// Opens an exFAT volume: boot sectors, and what the root directory says of the volume.
Result<ExfatVolume> open_exfat(BlockIo& io, MountMode wanted);

}  // namespace airlock::fat
