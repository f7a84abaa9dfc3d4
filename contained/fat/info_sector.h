// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "contained/fat/geometry.h"

namespace airlock::fat {

// The counts FAT32 keeps between mounts, to save counting.
struct InfoSector {
  std::optional<std::uint32_t> free;  // clusters
  std::optional<std::uint32_t> hint;  // where to look for free ones
};

// Empty if there is none, or none that is credible.
InfoSector read_info_sector(BlockIo& io, const Geometry& geometry);
// Leaves the sector alone if it is not an FSInfo sector.
Outcome<void> write_info_sector(BlockIo& io, const Geometry& geometry, const InfoSector& info);

}  // namespace airlock::fat
