// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/fat/geometry.h"

namespace airlock::fat {

// Whether a medium calls itself exFAT; what is wrong with it is read_exfat_geometry()'s to say.
Result<bool> is_exfat(BlockIo& io);

// Reads and judges the boot sectors. Each way they can be wrong has its own message.
Result<Geometry> read_exfat_geometry(BlockIo& io);

}  // namespace airlock::fat
