// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/fat/geometry.h"

namespace airlock::fat {

// Whether a medium calls itself exFAT; read_exfat_geometry() says what is wrong with it.
Result<bool> is_exfat(BlockIo& io);

// Reads and checks the boot sectors. Each fault has its own message.
Result<Geometry> read_exfat_geometry(BlockIo& io);

}  // namespace airlock::fat
