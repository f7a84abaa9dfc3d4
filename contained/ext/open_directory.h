// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "contained/ext/directory.h"
#include "contained/ext/inode_blocks.h"
#include "contained/ext/volume.h"

namespace airlock::ext {

// A directory inode, its blocks and the view of them; lives for one call. It lets others have the
// lock meanwhile if it is given the operation, and the inode is void then.
struct OpenDirectory {
  OpenDirectory(Volume& volume, const Inode& inode, Volume::Operation* pausing = nullptr)
      : blocks(volume, inode, pausing),
        names(volume.directory_format(), blocks, inode.number(), volume.inode_seed(inode)) {}
  DirectoryInode blocks;
  Directory names;
};

// What a name of this inode says.
Entry entry_to(const Inode& inode);

}  // namespace airlock::ext
