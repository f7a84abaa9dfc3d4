# SPDX-License-Identifier: GPL-2.0-or-later
"""The families to measure: a filesystem, how it is made, its drivers, and its rows."""

from dataclasses import dataclass, field

from rows import ROWS, STICK_ROWS, Row
from system import MIB


@dataclass(frozen=True)
class Family:
    name: str
    type: str  # its name for mount.airlock
    driver: str
    format: tuple[str, ...]  # the device follows
    format_large: tuple[str, ...]  # for a sparse medium of two terabytes
    peers: tuple[str, ...]
    references: tuple[str, ...]  # the peers that the bars refer to, each of them
    rows: tuple[Row, ...]
    symlinks: bool = True  # and stores owners and modes
    # Instead of the full sizes, if the slowest peer would need hours; see Sizes.
    sizes: dict[str, int] = field(default_factory=dict)
    large_takes: int = 0  # bytes in use by a large one after it was made


FAMILIES = {family.name: family for family in (
    Family("ext4", "airlock.ext4", "airlock-ext",
           ("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard"),
           (), ("kernel", "fuse2fs", "airlock"), ("fuse2fs",), ROWS),
    # The cost of ordered writes without a journal.
    Family("ext4-plain", "airlock.ext4", "airlock-ext",
           ("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=0,nodiscard"),
           (), ("kernel", "fuse2fs", "airlock"), ("fuse2fs",), ROWS),
    # mkfs.fat writes the complete tables: a single one and large clusters make that fast.
    Family("fat", "airlock.vfat", "airlock-fat", ("mkfs.fat", "-F32"),
           ("mkfs.fat", "-F32", "-s128", "-f1"), ("fusefat", "airlock"), ("fusefat",), STICK_ROWS,
           symlinks=False, sizes={"data": 128 * MIB, "files": 300}, large_takes=160 * MIB),
    Family("exfat", "airlock.exfat", "airlock-fat", ("mkfs.exfat",), ("mkfs.exfat",),
           ("exfat-fuse", "airlock"), ("exfat-fuse",), STICK_ROWS, symlinks=False,
           large_takes=96 * MIB),
)}
