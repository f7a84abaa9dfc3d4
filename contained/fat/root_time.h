// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/fat/volume.h"

namespace airlock::fat {

// The root directory has no entry, so nothing says when it changed. That of the label, where there
// is one, and the latest that says when something in the beginning of the root was made; a date of
// 0 where there is nothing.
ZonedTime root_time(Volume& volume);

}  // namespace airlock::fat
