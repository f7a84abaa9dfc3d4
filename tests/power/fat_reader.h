// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "tests/power/history.h"

namespace airlock::power {

// What is on a FAT or exFAT volume, as somebody reads it who shares no code with the driver.
struct FatReading {
  Tree tree;
  std::string wrong;  // what no reader could make sense of; empty if nothing
};
FatReading read_fat(std::span<const std::byte> image);

}  // namespace airlock::power
