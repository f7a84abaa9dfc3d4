// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/udf/volume.h"

namespace airlock::udf {

// Part of the medium, not of a partition.
struct VolumeExtent {
  static VolumeExtent decode(std::span<const std::byte> bytes, std::size_t at);
  std::uint32_t bytes = 0;
  std::uint32_t block = 0;
};

// Reads one copy of the volume descriptors, if blocks have this size. Of descriptors of the same
// thing the one with the highest number counts. The sentence of the error is for the user.
Result<Volume> read_sequence(const MediumReader& medium, VolumeExtent extent,
                             std::uint32_t block_size);

}  // namespace airlock::udf
