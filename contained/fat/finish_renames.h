// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>

#include "contained/runtime/block_io.h"

namespace airlock::fat {

// Takes away the old names of files whose renaming was interrupted after they had got their new
// ones; see RenameNote. Before a checker looks, to which they are two files with the same clusters.
// Says how many. Does nothing to a volume that was left in good order, that must not be written, or
// that can't be understood; the mark of a volume in use stays. Reads no more than the directories
// of a sound volume of that size can hold; EUCLEAN where they share clusters.
Outcome<std::size_t> finish_renames(BlockIo& io);

}  // namespace airlock::fat
