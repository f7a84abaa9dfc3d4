# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick that another program mounts without a driver of ours: the kernel reads it, and everybody is told."""
import contextlib
import json
import subprocess

import harness
import pytest
from machine import ALICE, DEADLINE, VOLUME, Machine, Refused, settings_for


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
            assert told() == {"mount-point": str(place), "type": "ext4", "read-only": True, "setting": "warn"}
            shown = ctl(machine, "list")
            assert f"NOT contained: mounted on {place} as ext4 by another program" in shown, shown
            assert f"mounted on {place} as ext4" in ctl(machine, "info", "HOLIDAY")
            said = machine.log()
            assert f'is mounted on "{place}" as "ext4" by another program: it is NOT contained' in said
        harness.wait_until(lambda: not told(), DEADLINE, "the end of the mount to be told")
        assert "NOT contained" not in ctl(machine, "list")


def say_uncontained(machine, word, *more):
    lines = [f'uncontained = "{word}"', *more, settings_for(machine.scratch, machine.automount)]
    machine.write_settings("\n".join(lines))

    def said():
        return json.loads(ctl(machine, "status", "--json"))["Settings"]["uncontained"] == word

    harness.wait_until(said, DEADLINE, "the settings to be read")


def warnings(machine):
    return [line for line in machine.log().splitlines() if "NOT contained" in line]


def test_what_the_settings_allow_is_listed_without_alarm(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        say_uncontained(machine, "allow")
        stick = machine.make_stick("HOLIDAY").plug()
        machine.wait_for_state(stick, "available")
        place = scratch / "by hand"

        def setting():
            return machine.volume_of(stick)[1]["Uncontained"].get("setting")

        with mounted_by_the_kernel(stick.device, place):
            harness.wait_until(lambda: setting() == "allow", DEADLINE, "the mount to be told")
            shown = ctl(machine, "list")
            assert f"mounted on {place} as ext4 by another program" in shown and "NOT contained" not in shown, shown
            assert not warnings(machine)
            # From then on it is one to warn of.
            say_uncontained(machine, "refuse")
            harness.wait_until(lambda: setting() == "refuse", DEADLINE, "the setting to be noticed")
            assert "NOT contained" in ctl(machine, "list")
            line, = warnings(machine)
            assert "which the settings refuse" in line


def test_what_nobody_contains_is_refused_if_the_settings_say_so(scratch):
    with Machine(scratch, automount="on") as machine:
        machine.sit_down(ALICE)
        say_uncontained(machine, "refuse", "drivers.disabled = ['ext']")
        stick = machine.make_stick("LOCKED").plug()
        _, volume = machine.wait_for_state(stick, "refused")
        assert "uncontained" in volume["StateReason"] and "airlock.toml:1" in volume["DecidedBy"]
        with pytest.raises(Refused) as refused:
            machine.call_as(ALICE, machine.volume_of(stick)[0], VOLUME, "Mount", "(@a{sv} {},)")
        assert refused.value.name == "Unsupported" and 'uncontained = "refuse"' in refused.value.message
        assert "uncontained" in ctl(machine, "explain", stick.device)
        # The same medium is left to others as soon as they may have it.
        say_uncontained(machine, "warn", "drivers.disabled = ['ext']")
        machine.wait_for_state(stick, "available")


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
