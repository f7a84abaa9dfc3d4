// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/runtime/medium_reader.h"
#include "contained/udf/physical_partitions.h"
#include "contained/udf/volume.h"
#include "lib/base/error.h"

namespace airlock::udf {

// Which packets of a sparable partition lie elsewhere: of the copies of its table, the newest
// counts. The sentence of the error is for the user.
Result<Sparing> read_sparing(const MediumReader& medium, std::uint32_t block_size,
                             const PartitionMap& map);

}  // namespace airlock::udf
