// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/fat/volume.h"

namespace airlock::fat {

// The root directory has no entry, and so no time of change. The best guess: the time of the label,
// if there is one, or the latest creation time in the beginning of the root; a date of 0 if there
// is neither.
ZonedTime root_time(Volume& volume);

}  // namespace airlock::fat
