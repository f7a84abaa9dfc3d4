#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""./dev bench check [ROUNDS]: the cost of the decision about a check, for a cleanly unmounted stick.

Two equal sticks, mounted and unmounted in turn through airlockd: the settings say "never check" for
one, and "check if it is not clean" for the other. Both are clean, so the difference is the whole
decision: the probe's report about the condition, the policy, and the steps before the mount. Prints
the medians and their difference, and fails above the limit.
"""
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/daemon"), str(ROOT / "tests/integration")]
INSIDE = "AIRLOCK_CHECK_BENCH_INSIDE"

import harness  # noqa: E402
import machine as machines  # noqa: E402
import show  # noqa: E402
from machine import ALICE, VOLUME  # noqa: E402

LIMIT_MS = 5.0
SETTINGS = """
[[rule]]
name = "nobody checks this one"
match.label = "NEVER"
check = "never"

[[rule]]
name = "this one is checked when it is not clean"
match.label = "DIRTY"
check = "when-dirty"
"""


def one_mount(machine, path):
    begin = time.monotonic()
    machine.call(path, VOLUME, "Mount", "(@a{sv} {},)")
    passed = (time.monotonic() - begin) * 1000
    machine.call(path, VOLUME, "Unmount", "(@a{sv} {},)")
    return passed


def measure(machine, rounds):
    paths = {}
    for label in ("NEVER", "DIRTY"):
        stick = machine.make_stick(label, size="64M").plug()
        paths[label] = machine.wait_for_state(stick, "available")[0]
        one_mount(machine, paths[label])  # loads programs and rules into memory
    times = {label: [] for label in paths}
    for number in range(rounds):
        # The second one may have an advantage.
        for label in sorted(paths, reverse=number % 2 == 0):
            times[label].append(one_mount(machine, paths[label]))
    for path in paths.values():
        assert machine.volumes()[path]["LastCheck"] == {}, "a clean stick was checked"
    return times


def main():
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "yes"
        os.execvp(show.OWN_NAMESPACES[0], [*show.OWN_NAMESPACES, sys.executable, __file__, *sys.argv[1:]])
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with harness.scratch_directory() as scratch, \
            machines.Machine(scratch, automount="off", settings=SETTINGS) as machine:
        machine.sit_down(ALICE)
        times = measure(machine, rounds)
    never, dirty = (statistics.median(times[label]) for label in ("NEVER", "DIRTY"))
    # Round by round, so that other load of the machine cancels out.
    cost = statistics.median(b - a for a, b in zip(times["NEVER"], times["DIRTY"]))
    print(f"mount of a clean stick, ms, {rounds} rounds: check = \"never\" {never:.1f}, "
          f"check = \"when-dirty\" {dirty:.1f}")
    print(f"the whole check decision: {cost:.2f} ms (limit {LIMIT_MS:.0f})")
    if cost > LIMIT_MS:
        raise SystemExit(f"bench check: over the limit of {LIMIT_MS:.0f} ms")


if __name__ == "__main__":
    main()
