# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps behind the rows. Each group starts on a fresh, mounted filesystem with cold caches.

A group is a generator of (row, value): the values it yielded before a failure stay, and the runner
knows which rows are missing.
"""

from dataclasses import dataclass

from rows import ROWS, STICK_ROWS
from system import STEP_TIMEOUT, run

SEED = 20


@dataclass(frozen=True)
class Sizes:
    """How much work the rows do."""

    data: int  # bytes of the large file
    dirty: int  # bytes not yet written when umount begins
    files: int  # in one directory
    many_files: int  # in a very large one
    tree_files: int
    operations: int  # random requests of each job
    synchronous: int  # requests with their own fdatasync


class Bench:
    """The load programs, aimed at one mount."""

    def __init__(self, mount, sizes, archive):
        self.mount = mount
        self.sizes = sizes
        self.archive = archive
        self.mount_seconds = 0.0
        self.large = mount.directory / "large"
        self.many = mount.directory / "many"
        self.tree = mount.directory / "source"
        self.family = mount.medium.family

    def load(self, *words):
        text = run([self.mount.workload, *words], STEP_TIMEOUT)
        return {name: float(value) for name, value in map(str.split, text.splitlines())}

    def megabytes_per_second(self, *words):
        figures = self.load(*words)
        return figures["bytes"] / figures["seconds"] / 1e6

    def thousands_per_second(self, *words):
        figures = self.load(*words)
        return figures["operations"] / figures["seconds"] / 1e3

    def milliseconds(self, *words):
        return self.load(*words)["seconds"] * 1e3


def measure_mount(bench):
    yield "mount", bench.mount_seconds * 1e3
    if bench.mount.driver:
        yield "resident_idle", bench.mount.driver.memory()["resident"]


def measure_sequential(bench):
    yield "seqwrite", bench.megabytes_per_second("seqwrite", bench.large, bench.sizes.data)
    bench.mount.remount()
    yield "seqread_cold", bench.megabytes_per_second("seqread", bench.large)
    yield "seqread_warm", bench.megabytes_per_second("seqread", bench.large)


def measure_random(bench):
    bench.load("seqwrite", bench.large, bench.sizes.data)
    for jobs in (1, 4):
        bench.mount.remount()
        yield f"randread{jobs}", bench.thousands_per_second(
            "randread", bench.large, bench.sizes.operations, jobs, SEED + jobs)
    for jobs in (1, 4):
        bench.mount.remount()
        yield f"randwrite{jobs}", bench.thousands_per_second(
            "randwrite", bench.large, bench.sizes.operations, jobs, SEED + jobs)
    bench.mount.remount()
    yield "syncwrite", bench.thousands_per_second(
        "syncwrite", bench.large, bench.sizes.synchronous, 1, SEED)


def measure_files(bench):
    count = bench.sizes.files
    yield "create", bench.milliseconds("create", bench.many, count)
    yield "stat", bench.milliseconds("stat", bench.many, count)
    bench.mount.remount()
    yield "stat_cold", bench.milliseconds("stat", bench.many, count)
    yield "unlink", bench.milliseconds("unlink", bench.many, count)


def measure_tree(bench):
    tree = bench.tree
    # Without owners and modes, tar must not complain about each file.
    plain = [] if bench.family.symlinks else ["--no-same-owner", "--no-same-permissions", "--touch"]
    yield "untar", bench.milliseconds("run", "tar", "-x", *plain, "-f", bench.archive, "-C",
                                      bench.mount.directory)
    for name, command in (("find", ["find", tree]), ("du", ["du", "-s", tree])):
        bench.mount.remount()
        yield f"{name}_cold", bench.milliseconds("run", *command)
        yield f"{name}_warm", bench.milliseconds("run", *command)
    yield "rm", bench.milliseconds("run", "rm", "-rf", tree)


def measure_unmount(bench):
    bench.mount.sync()
    bench.load("dirty", bench.large, bench.sizes.dirty)
    returned, released = bench.mount.unmount()
    yield "umount", returned * 1e3
    yield "release", released * 1e3


def measure_latency(bench):
    for name, microseconds in bench.load("latency", bench.mount.directory).items():
        yield f"latency_{name}", microseconds


def measure_large(bench):
    bench.mount.unmount()
    with bench.mount.medium.large() as large, bench.mount.elsewhere(large) as mount:
        large.make_cold()
        yield "mount_large", mount.mount() * 1e3
        mount.unmount()


def measure_many(bench):
    figures = bench.load("create-many", bench.many, bench.sizes.many_files)
    yield "create_many", figures["seconds"] * 1e3
    yield "create_growth", figures["last"] / figures["first"]


GROUPS = {
    "mount": measure_mount,
    "sequential": measure_sequential,
    "random": measure_random,
    "files": measure_files,
    "tree": measure_tree,
    "unmount": measure_unmount,
    "large": measure_large,
    "many": measure_many,
    "latency": measure_latency,
}


def rows_of(group):
    return list(dict.fromkeys(row.name for row in (*ROWS, *STICK_ROWS) if row.group == group))
