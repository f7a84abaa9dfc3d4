// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/ext/libext2fs.h"
#include "contained/runtime/block_io.h"
#include "lib/base/c_ptr.h"
#include "lib/base/error.h"

namespace airlock::ext {

using FilesystemHandle = CPtr<struct_ext2_filsys, ext2fs_free>;

// Opens a volume with libext2fs over our medium: the library's own I/O managers open paths, and
// the one for descriptors loses access flags. The handle gives superblock, group descriptors,
// geometry and checksums; it only ever reads. Writing is the business of Volume.
Result<FilesystemHandle> open_filesystem(BlockIo& io);

}  // namespace airlock::ext
