# SPDX-License-Identifier: GPL-2.0-or-later
"""The kinds of ext filesystem in the tests, and what each of them can store."""

import dataclasses
import os

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass(frozen=True)
class Kind:
    name: str
    mkfs: tuple
    block_size: int = 4096
    inode_size: int = 256
    mkfs_type: str = "ext4"
    extents: bool = True

    @property
    def exact_maps(self):
        """Whether the kernel and Airlock report the same holes. In files without extents the kernel
        reports data as a hole until it is written back, and a whole page as data afterwards; it
        gives a block to all data that no longer fits into the inode; and if blocks are smaller than
        a page, a FUSE client writes back the whole page around a change. oprunner checks that data
        is never reported as a hole.

        """
        return self.extents and self.block_size >= PAGE and "inline_data" not in self.mkfs

    @property
    def kernel_keeps_data(self):
        """Linux 6.18 loses some data in files that began inside their inode: after the next mount it
        reads something else than before."""
        return "inline_data" not in self.mkfs


def _kind(name, *mkfs, **what):
    block_size = what.get("block_size", 4096)
    inode_size = what.get("inode_size", 256)
    sizes = ("-b", str(block_size), "-I", str(inode_size))
    return Kind(name, (*sizes, *mkfs), **what)


# The kinds that a read-write mount must get exactly right.
KINDS = (
    _kind("ext2-1k", mkfs_type="ext2", block_size=1024, inode_size=128, extents=False),
    _kind("ext2-4k", mkfs_type="ext2", extents=False),
    _kind("ext3", mkfs_type="ext3", extents=False),
    _kind("ext4"),
    _kind("ext4-1k", block_size=1024),
    _kind("ext4-no-extents", "-O", "^extent,^64bit", extents=False),
    _kind("ext4-inline-data", "-O", "inline_data", inode_size=512),
    _kind("ext4-checksums-64bit", "-O", "metadata_csum,64bit"),
    _kind("ext4-checksums-32bit", "-O", "metadata_csum,^64bit"),
    _kind("ext4-group-checksums", "-O", "^metadata_csum,uninit_bg"),
    _kind("ext4-no-dir-index", "-O", "^dir_index"),
    _kind("ext4-no-journal", "-O", "^has_journal"),
    _kind("ext4-large-dir", "-O", "large_dir", block_size=1024),
)
