// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "contained/runtime/medium_reader.h"
#include "lib/base/error.h"

namespace airlock::iso {

// A medium has the same files in up to two trees of directories: that of the primary volume
// descriptor, and one with longer names for Windows.
struct Tree {
  std::uint32_t block_size = 0;
  std::uint64_t size = 0;  // of the volume, in bytes
  std::uint64_t root = 0;  // where the root directory begins
};

struct Trees {
  Tree primary;
  std::optional<Tree> joliet;
};

// Reads the volume descriptors, from sector 16 on. The sentence of the error is for the user.
Result<Trees> read_descriptors(const MediumReader& medium);

}  // namespace airlock::iso
