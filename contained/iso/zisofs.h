// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>

#include "contained/iso/file_sections.h"
#include "contained/iso/rock_ridge.h"

namespace airlock::iso {

// Reads files that mkzftree has compressed: a header, a table with where each block of the file
// begins and ends among the data, and the blocks, each for itself. EIO where the data contradicts
// what the record says, EOPNOTSUPP for later kinds of compression.
Outcome<void> read_compressed(const MediumReader& medium, const FileSections& sections,
                              const Compression& compression, std::uint64_t offset,
                              std::span<std::byte> into);

}  // namespace airlock::iso
