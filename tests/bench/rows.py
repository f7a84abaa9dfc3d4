# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of rows: the name of each, which way is better, and the bar it has to clear.

A row belongs to the group of steps that measures it (groups.py); a group always runs as a whole,
because its later steps need the files of the earlier ones.
"""

from dataclasses import dataclass, replace

HIGHER = "higher"
LOWER = "lower"


@dataclass(frozen=True)
class Row:
    name: str
    group: str
    text: str
    unit: str
    better: str = LOWER
    # How many times faster than its reference the contained driver has to be; None: no such bar.
    bar: float | None = None
    # The largest value allowed, in the row's unit; None: no such bar.
    limit: float | None = None
    # Whether the limit is on the "median" or, if it must never be exceeded, on the "high".
    limit_on: str = "median"
    # The words for better and worse in the report.
    words: tuple[str, str] = ("faster", "slower")
    # Whether to measure airlock alone; the others might need hours.
    alone: bool = False


AHEAD = 1.0
DATA = 2.0
METADATA = 4.0
SMALLER = ("smaller", "larger")
RESIDENT_LIMIT = 20.0
FIRST_READDIR_LIMIT = 60.0

ROWS = (
    Row("mount", "mount", "mount request to first readdir", "ms", limit=FIRST_READDIR_LIMIT),
    Row("resident_idle", "mount", "resident, just mounted", "MiB", limit=RESIDENT_LIMIT,
        limit_on="high", words=SMALLER),
    Row("seqwrite", "sequential", "sequential write + fsync", "MB/s", HIGHER, DATA),
    Row("seqread_cold", "sequential", "sequential read, cold", "MB/s", HIGHER, DATA),
    # Answered from the page cache, by the same code for every peer, without a driver.
    Row("seqread_warm", "sequential", "sequential read, warm", "MB/s", HIGHER, AHEAD),
    Row("randread1", "random", "random 4k read, 1 job", "k/s", HIGHER, AHEAD),
    Row("randread4", "random", "random 4k read, 4 jobs", "k/s", HIGHER, AHEAD),
    Row("randwrite1", "random", "random 4k write, 1 job", "k/s", HIGHER, AHEAD),
    Row("randwrite4", "random", "random 4k write, 4 jobs", "k/s", HIGHER, AHEAD),
    Row("syncwrite", "random", "4k write + fdatasync", "k/s", HIGHER, AHEAD),
    Row("create", "files", "create files in one directory", "ms", bar=METADATA),
    Row("stat", "files", "stat them", "ms", bar=METADATA),
    Row("stat_cold", "files", "stat them, cold", "ms", bar=METADATA),
    Row("unlink", "files", "unlink them", "ms", bar=METADATA),
    Row("untar", "tree", "tar x of a source tree", "ms", bar=METADATA),
    Row("find_cold", "tree", "find, cold", "ms", bar=METADATA),
    Row("find_warm", "tree", "find, warm", "ms", bar=METADATA),
    Row("du_cold", "tree", "du, cold", "ms", bar=METADATA),
    Row("du_warm", "tree", "du, warm", "ms", bar=METADATA),
    Row("rm", "tree", "rm -rf", "ms", bar=AHEAD),
    # An early return with data still in memory is not a merit, so only the release has a bar.
    Row("umount", "unmount", "dirty: umount returns", "ms"),
    Row("release", "unmount", "dirty: device released", "ms", bar=AHEAD),
    Row("resident_end", "resident", "resident, end of run (largest)", "MiB", limit=RESIDENT_LIMIT,
        limit_on="high", words=SMALLER),
    Row("resident_peak", "resident", "resident, peak (largest)", "MiB", limit=RESIDENT_LIMIT,
        limit_on="high", words=SMALLER),
    Row("latency_getattr", "latency", "one getattr, not cached", "µs"),
    Row("latency_lookup_miss", "latency", "one lookup of no file", "µs"),
    Row("latency_create", "latency", "one create", "µs"),
    Row("latency_unlink", "latency", "one unlink", "µs"),
    Row("latency_read_4k", "latency", "one 4 KiB read", "µs"),
    Row("latency_read_1m", "latency", "one 1 MiB read", "µs"),
)

# For tuning, and never part of a verdict: only on request by name.
ON_REQUEST = ("latency",)


# FAT and exFAT: level with the best peer besides the kernel in moving bytes, where the loop device
# decides, and well ahead with names.
NEARLY_LEVEL = 0.9
TWICE = 2.0
LARGE_MOUNT_LIMIT = 100.0
GROWTH_LIMIT = 2.0


STICK_BARS = {"sequential": NEARLY_LEVEL, "files": TWICE, "tree": TWICE}
STICK_ROWS = (
    *(replace(row, bar=STICK_BARS.get(row.group),
              limit=FIRST_READDIR_LIMIT if row.name == "mount" else None)
      for row in ROWS if row.group in ("mount", "sequential", "files", "tree")),
    Row("mount_large", "large", "mount of an empty stick of 2 TB", "ms", limit=LARGE_MOUNT_LIMIT),
    Row("create_many", "many", "create 64k files in one directory", "ms", alone=True),
    Row("create_growth", "many", "the last 1000 of them to the first", "times",
        limit=GROWTH_LIMIT, alone=True),
)


def select(names, rows=ROWS):
    """The rows a user means by row names, group names, or "all"; the default set for nothing."""
    if not names:
        return [row for row in rows if row.group not in ON_REQUEST]
    known = {row.name for row in rows} | {row.group for row in rows} | {"all"}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"no such row: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return [row for row in rows if {"all", row.name, row.group} & set(names)]
