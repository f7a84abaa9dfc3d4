#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares filesystems in one run and prints ratios; README.md beside this file explains it.

Exit codes: 0 all rows measured (and with --check every bar cleared), 1 a row failed or a bar was
missed, 2 wrong usage, 77 this machine cannot hold the measurement.
"""

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import report
from groups import Sizes
from medium import Medium
from families import FAMILIES
from peers import default_build, make_peer, require_program
from rows import select
from runner import Runner
from system import MIB, SettingMissing, StepFailed
from tree import write_source_tree

# Hides these mounts from an airlockd of this machine: mount.airlock would hand them over to it.
os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent/no-bus-for-tests"
SOURCE = Path(__file__).resolve().parents[2]
SKIPPED = 77
PROGRAMS = ("losetup", "blockdev", "mount", "umount", "tar", "find", "du")
# Room beside the large file for the tree and the filesystem's own structures.
IMAGE_OVERHEAD = 384 * MIB
ARCHIVE_SIZE = 96 * MIB
FULL = Sizes(data=1024 * MIB, dirty=256 * MIB, files=10_000, many_files=65_534, tree_files=2000,
             operations=16_384, synchronous=2000)
QUICK = Sizes(data=16 * MIB, dirty=8 * MIB, files=200, many_files=4000, tree_files=120,
              operations=512, synchronous=50)


@dataclass
class Setup:
    medium: Medium
    workload: str
    archive: Path
    sizes: Sizes
    rounds: int
    cores: set[int] | None


def parse_options():
    parser = argparse.ArgumentParser(description="Compare filesystems and print ratios.")
    parser.add_argument("family", nargs="?", default="ext4", choices=FAMILIES,
                        help="what is measured (ext4)")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (5, or 1 with --quick)")
    parser.add_argument("--size", type=int, metavar="MIB", help="size of the large file (1024)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: is the harness alive?")
    parser.add_argument("--peers", type=split_list, metavar="A,B",
                        help="; ".join(f"{family.name}: {','.join(family.peers)}"
                                       for family in FAMILIES.values()) + "; all by default")
    parser.add_argument("--rows", type=split_list, default=[], metavar="A,B",
                        help="rows or groups of rows, or all; default: all but latency")
    parser.add_argument("--pin", action="store_true", help="everything on one core: steadier")
    parser.add_argument("--check", action="store_true", help="fail where airlock misses its bar")
    parser.add_argument("--json", metavar="FILE", help="write every figure there too")
    parser.add_argument("--build", type=Path, default=default_build(SOURCE),
                        help="build folder (AIRLOCK_BUILD, else build)")
    parser.add_argument("--workload", type=Path, help="the load program, if not in the build")
    return check_options(parser, parser.parse_args())


def split_list(text):
    return [word for word in text.split(",") if word]


def check_options(parser, options):
    options.family = FAMILIES[options.family]
    try:
        options.rows = select(options.rows, options.family.rows)
        wanted = options.family.peers if options.peers is None else options.peers
        options.peers = [make_peer(name, options.family, options.build.resolve())
                         for name in dict.fromkeys(wanted)]
    except ValueError as error:
        parser.error(str(error))
    names = {peer.name for peer in options.peers}
    if not names:
        parser.error("no peers")
    if options.check and not {"airlock", *options.family.references} <= names:
        parser.error(f"--check compares airlock with {' and '.join(options.family.references)}; "
                     "all must be among the peers")
    if options.rounds is None:
        options.rounds = 1 if options.quick else 5
    if options.rounds < 1 or (options.size is not None and options.size < 1):
        parser.error("--rounds and --size start at 1")
    options.sizes = sizes_for(options)
    options.workload = options.workload or options.build / "tests" / "bench" / "workload"
    return options


def sizes_for(options):
    sizes = QUICK if options.quick else replace(FULL, **options.family.sizes)
    if options.size is None:
        return sizes
    return replace(sizes, data=options.size * MIB)


def require_setting(options):
    if os.geteuid() != 0:
        raise SettingMissing("needs root: it mounts and attaches a loop device")
    for peer in options.peers:
        require_program(peer)
    for program in (options.family.format[0], *PROGRAMS):
        require_tool(program)
    if not os.access(options.workload, os.X_OK):
        raise SettingMissing(f"{options.workload} is not built")


def require_tool(program):
    if not any(os.access(Path(folder) / program, os.X_OK) for folder in os.get_exec_path()):
        raise SettingMissing(f"{program} is not there")


def measure(options):
    sizes = options.sizes
    cores = {min(os.sched_getaffinity(0))} if options.pin else None
    if cores:
        os.sched_setaffinity(0, cores)  # child processes inherit it
    image_size = max(sizes.data, sizes.dirty) + IMAGE_OVERHEAD
    beside = ARCHIVE_SIZE + options.family.large_takes
    with Medium(options.family, image_size, beside) as medium:
        archive = medium.directory / "source.tar"
        write_source_tree(archive, sizes.tree_files, symlinks=options.family.symlinks)
        setup = Setup(medium, str(options.workload.resolve()), archive, sizes, options.rounds,
                      cores)
        return Runner(options.rows, options.peers, setup).run()


def settings_of(options):
    return {"filesystem": options.family.name, "peers": [peer.name for peer in options.peers],
            "rounds": options.rounds, "pinned": options.pin, "kernel": os.uname().release,
            **asdict(options.sizes)}


def present(options, results):
    settings = settings_of(options)
    print(", ".join(f"{name} {value}" for name, value in settings.items() if name != "peers"))
    print("\n".join([*report.table_lines(results), *report.memory_lines(results)]))
    if options.json:
        text = json.dumps(report.record(results, settings), indent=1, ensure_ascii=False)
        Path(options.json).write_text(text + "\n", encoding="utf-8")


def verdict(options, results):
    failures = list(results.failed_entries(options.rounds))
    for row, peer, reason in failures:
        print(f"FAILED {row.name}, {peer.name}: {reason}")
    references = options.family.references
    missed = list(report.missed_bars(results, references=references)) if options.check else []
    for line in missed:
        print(f"MISSED {line}")
    if options.check:
        for line in report.behind_without_bar(results, references=references):
            print(f"note, no bar: {line}")
        print("check: " + ("failed" if failures or missed else "every bar cleared"))
    return 1 if failures or missed else 0


def end_on_signal(number, _frame):
    # One is enough: tidying up follows, and a second signal must not interrupt it.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main():
    options = parse_options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end_on_signal)
    try:
        require_setting(options)
        results = measure(options)
    except SettingMissing as missing:
        print(f"bench: {missing}", file=sys.stderr)
        return SKIPPED
    except StepFailed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    present(options, results)
    return verdict(options, results)


if __name__ == "__main__":
    sys.exit(main())
