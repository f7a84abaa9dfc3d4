// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <ext2fs/ext2_fs.h>

#include <cstdint>

namespace airlock::ext {

// The superblock lies in two sectors of 512 bytes: all that ever changes in the first, its checksum
// at the end of the second. Written with a new checksum it could be torn into one that nobody opens
// any more, and small volumes have no other. So the checksum stays what it is, and a field that
// nobody reads takes what makes it right: that of snapshots, which never came to be and whose
// volumes are only read. Then one sector changes, and that arrives whole or not at all.
void keep_superblock_checksum(ext2_super_block& super);

std::uint32_t superblock_checksum(const ext2_super_block& super);

}  // namespace airlock::ext
