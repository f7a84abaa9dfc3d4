// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "contained/runtime/block_io.h"
#include "lib/protocol/probe_record.h"

namespace airlock::probe {

// Whether a filesystem was left in order, from the few bytes in which ext, FAT, exFAT, NTFS and a
// suspended swap say so. Everything else is kUnknown, and so is a filesystem that contradicts
// itself on the way to those bytes: a wrong "clean" would be worse than no word. Reads a few
// kilobytes at most.
MediumState state_of(BlockIo& medium, std::string_view type);

// NTFS keeps its flag in a file, so it has a file of its own here.
MediumState ntfs_state(BlockIo& medium);

}  // namespace airlock::probe
