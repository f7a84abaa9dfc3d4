// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <map>
#include <vector>

#include "contained/runtime/medium_reader.h"
#include "contained/udf/block_reader.h"
#include "lib/base/error.h"

namespace airlock::udf {

enum class PartitionKind { kPhysical, kSparable, kVirtual, kMetadata };

// A partition as files name it: part of the medium, or something that lies in such a part.
struct PartitionMap {
  PartitionKind kind = PartitionKind::kPhysical;
  std::uint16_t number = 0;  // of the part of the medium
  // kSparable: where copies of its table are
  std::uint16_t packet_blocks = 0;
  std::uint32_t table_bytes = 0;
  std::vector<std::uint32_t> table_blocks;
  // kMetadata: the entry of the file that it is, and of a copy
  std::uint32_t file = 0;
  std::uint32_t mirror = 0;
};

// Where a part of the medium is, in blocks.
struct PartitionBounds {
  std::uint32_t start = 0;
  std::uint32_t length = 0;
};

// What the descriptors in front of everything say.
struct Volume {
  std::uint32_t block_size = 0;
  Place file_set;
  std::vector<PartitionMap> maps;
  std::map<std::uint16_t, PartitionBounds> partitions;  // by their numbers
};

// Reads them. The sentence of the error is for the user.
Result<Volume> read_volume(const MediumReader& medium);

// Whether the medium has the descriptors of ISO 9660 too.
bool has_iso9660(const MediumReader& medium);

}  // namespace airlock::udf
