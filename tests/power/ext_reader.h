// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "tests/power/history.h"

namespace airlock::power {

// The contents of an ext volume in a file, read by libext2fs. Without lost+found.
struct ExtReading {
  Tree tree;
  std::string wrong;  // the unreadable part; empty if there is none
};
ExtReading read_ext(const std::string& file);

}  // namespace airlock::power
