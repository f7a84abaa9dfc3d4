# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be measured: a filesystem, how it is made, who serves it, and which rows it is about."""

from dataclasses import dataclass, field

from rows import ROWS, STICK_ROWS, Row
from system import MIB


@dataclass(frozen=True)
class Family:
    name: str
    type: str  # what mount.airlock calls it
    driver: str
    format: tuple[str, ...]  # the device comes behind it
    format_large: tuple[str, ...]  # of a sparse medium of two terabytes
    peers: tuple[str, ...]
    references: tuple[str, ...]  # whom the bars are about, each of them
    rows: tuple[Row, ...]
    symlinks: bool = True  # also owners and modes of its own
    # Of the full sizes, where the slowest peer would need hours; see Sizes.
    sizes: dict[str, int] = field(default_factory=dict)
    large_takes: int = 0  # bytes a large one has after it was made


FAMILIES = {family.name: family for family in (
    Family("ext4", "airlock.ext4", "airlock-ext",
           ("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"),
           (), ("kernel", "fuse2fs", "airlock"), ("fuse2fs",), ROWS),
    # What keeping an order costs where no journal does it.
    Family("ext4-plain", "airlock.ext4", "airlock-ext",
           ("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=0,nodiscard"),
           (), ("kernel", "fuse2fs", "airlock"), ("fuse2fs",), ROWS),
    # mkfs.fat writes the tables in full: one of them, and large clusters, are quickly written.
    Family("fat", "airlock.vfat", "airlock-fat", ("mkfs.fat", "-F32"),
           ("mkfs.fat", "-F32", "-s128", "-f1"), ("fusefat", "airlock"), ("fusefat",), STICK_ROWS,
           symlinks=False, sizes={"data": 128 * MIB, "files": 300}, large_takes=160 * MIB),
    Family("exfat", "airlock.exfat", "airlock-fat", ("mkfs.exfat",), ("mkfs.exfat",),
           ("exfat-fuse", "airlock"), ("exfat-fuse",), STICK_ROWS, symlinks=False,
           large_takes=96 * MIB),
)}
