// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

#include "contained/runtime/block_io.h"

namespace airlock::fat {

// Removes the old names of files if a power cut interrupted their renaming after the new names were
// written; see RenameNote. Runs before a checker, to which these are two files with the same
// clusters. Returns how many it removed. Changes nothing on a volume that is clean, that must not
// be written, or that cannot be understood; the mark of a volume in use stays. Reads no more than
// the directories of a sound volume of that size can hold; EUCLEAN if they share clusters.
Outcome<std::size_t> finish_renames(BlockIo& io);

}  // namespace airlock::fat
