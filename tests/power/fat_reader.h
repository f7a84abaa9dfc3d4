// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "tests/power/history.h"

namespace airlock::power {

// The contents of a FAT or exFAT volume, read by code that shares nothing with the driver.
struct FatReading {
  Tree tree;
  std::string wrong;  // a fault for every reader; empty if there is none
};
FatReading read_fat(std::span<const std::byte> image);

}  // namespace airlock::power
