// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// The one way to include libext2fs: its header of 1.47.2 defines `clamp` as a macro, which breaks
// the standard library's headers after it and std::clamp everywhere.
#include <ext2fs/ext2fs.h>  // these build on each other, in this order

#include <ext2fs/ext2_ext_attr.h>
#include <ext2fs/ext3_extents.h>
#undef clamp
