# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick that another program mounts without a driver of ours: the kernel reads it, and everybody is told."""
import contextlib
import subprocess

import harness
from machine import ALICE, DEADLINE, Machine


@contextlib.contextmanager
def mounted_by_the_kernel(device, place, *options):
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "ext4", *options, device, place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def ctl(machine, *words):
    return subprocess.run([harness.built("cli/ctl/airlockctl"), *words], user=ALICE[0], group=ALICE[0], extra_groups=[],
                          env=machine.environment, capture_output=True, text=True, timeout=harness.PATIENCE,
                          check=True).stdout


def test_a_mount_of_the_kernel_is_called_not_contained(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        stick = machine.make_stick("HOLIDAY").plug()
        _, volume = machine.wait_for_state(stick, "available")
        assert volume["Uncontained"] == {}
        place = scratch / "by hand"

        def told():
            return machine.volume_of(stick)[1]["Uncontained"]

        with mounted_by_the_kernel(stick.device, place, "-o", "ro"):
            harness.wait_until(told, DEADLINE, "the mount to be told")
            assert told() == {"mount-point": str(place), "type": "ext4", "read-only": True}
            shown = ctl(machine, "list")
            assert f"NOT contained: mounted on {place} as ext4 by another program" in shown, shown
            assert f"mounted on {place} as ext4" in ctl(machine, "info", "HOLIDAY")
            said = machine.log()
            assert f'is mounted on "{place}" as "ext4" by another program: it is NOT contained' in said
        harness.wait_until(lambda: not told(), DEADLINE, "the end of the mount to be told")
        assert "NOT contained" not in ctl(machine, "list")


def test_a_mount_that_was_there_first_is_found(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        stick = machine.make_stick("EARLY").plug()
        machine.wait_for_state(stick, "available")
        with mounted_by_the_kernel(stick.device, scratch / "early"):
            machine.stop_daemon()
            machine.start_daemon()
            harness.wait_until(lambda: (machine.volume_of(stick) or ({}, {}))[1].get("Uncontained"), DEADLINE,
                               "the mount to be found")


def test_a_mount_of_ours_is_contained(machine):
    stick = machine.make_stick("OURS").plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    assert volume["Uncontained"] == {}
