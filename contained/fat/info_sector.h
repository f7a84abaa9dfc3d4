// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "contained/fat/geometry.h"

namespace airlock::fat {

// What FAT32 remembers between mounts so that nobody has to count.
struct InfoSector {
  std::optional<std::uint32_t> free;  // clusters
  std::optional<std::uint32_t> hint;  // where to look for free ones
};

// Empty where there is none, or none that can be believed.
InfoSector read_info_sector(BlockIo& io, const Geometry& geometry);
// Leaves a sector alone that is not one.
Outcome<void> write_info_sector(BlockIo& io, const Geometry& geometry, const InfoSector& info);

}  // namespace airlock::fat
