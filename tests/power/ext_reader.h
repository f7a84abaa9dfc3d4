// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "tests/power/history.h"

namespace airlock::power {

// What is on an ext volume in a file, as libext2fs reads it. Without lost+found.
struct ExtReading {
  Tree tree;
  std::string wrong;  // what could not be read; empty if nothing
};
ExtReading read_ext(const std::string& file);

}  // namespace airlock::power
