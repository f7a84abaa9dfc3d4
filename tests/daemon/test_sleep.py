# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that sleeps: airlockd writes media out before, and examines them again afterwards."""
import fcntl
import os
import pathlib
import signal
import sys

import harness
from gi.repository import GLib
from machine import ALICE, Machine

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "check"))
from odd_media import odd_medium  # noqa: E402

LOGIND = "org.freedesktop.login1"
LOGIND_PATH = "/org/freedesktop/login1"
LOGIND_MANAGER = f"{LOGIND}.Manager"
LOOP_CHANGE_FD = 0x4C06
# logind continues after five seconds, whatever inhibits it.
LOGINDS_PATIENCE = 5
SIZE = 64 << 20


def inhibitors(machine):
    found = machine.bus.call_sync(LOGIND, LOGIND_PATH, LOGIND_MANAGER, "ListInhibitors", None,
                                  GLib.VariantType("(a(ssssuu))"), 0, 5000, None).unpack()[0]
    return [(what, who, mode) for what, who, _, mode, *_ in found]


def wait_until_held(machine):
    harness.wait_until(lambda: inhibitors(machine) == [("sleep", "Airlock", "delay")], harness.PATIENCE,
                       "logind to be told to wait")


def wait_until_released(machine):
    harness.wait_until(lambda: not inhibitors(machine), harness.PATIENCE, "logind to be told to go on")


def prepare_for_sleep(machine, sleeping):
    text = str(sleeping).lower()
    machine.mock(LOGIND, LOGIND_PATH, "UpdateProperties",
                 f"('{LOGIND_MANAGER}', {{'PreparingForSleep': <{text}>}})")
    machine.mock(LOGIND, LOGIND_PATH, "EmitSignal",
                 f"('{LOGIND_MANAGER}', 'PrepareForSleep', 'b', [<{text}>])")


def write_and_sleep(machine, place):
    written = machine.run_as(ALICE, ["sh", "-c", f"echo before the night > {place}/note"])
    assert written.returncode == 0, written.stdout
    prepare_for_sleep(machine, True)


def test_the_machine_sleeps_when_everything_is_on_the_media(scratch):
    image = harness.make_image(scratch / "slow.img", ["-L", "SLOW"], "64M")
    with odd_medium(image, scratch / "odd") as medium, Machine(scratch) as machine:
        machine.sit_down(ALICE)
        wait_until_held(machine)
        stick = machine.stick_of(medium.medium).plug()
        _, volume = machine.wait_for_state(stick, "mounted")
        medium.slow(0, SIZE, 10)
        write_and_sleep(machine, volume["MountPoint"])
        wait_until_released(machine)
        # As if it were pulled out now.
        copy = scratch / "pulled.img"
        medium.copy(copy)
        harness.run(["e2fsck", "-fy", copy], allowed=(0, 1))
        assert harness.run(["debugfs", "-R", "cat note", copy]).stdout.endswith("before the night\n")
        assert "not everything is on the medium" not in machine.log()
        medium.well()
        prepare_for_sleep(machine, False)
        wait_until_held(machine)
        assert machine.volume_of(stick)[1]["State"] == "mounted"
        assert machine.read_as(ALICE, f"{volume['MountPoint']}/note") == "before the night\n"


def test_nothing_is_mounted_while_the_machine_falls_asleep(machine):
    wait_until_held(machine)
    prepare_for_sleep(machine, True)
    wait_until_released(machine)
    stick = machine.make_stick().plug()
    machine.wait_for_state(stick, "waiting")
    prepare_for_sleep(machine, False)
    machine.wait_for_state(stick, "mounted")


def test_a_driver_that_stands_still_keeps_nobody_awake(machine):
    wait_until_held(machine)
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    os.kill(volume["DriverPid"], signal.SIGSTOP)
    try:
        with harness.within(LOGINDS_PATIENCE + 2):
            prepare_for_sleep(machine, True)
            wait_until_released(machine)
    finally:
        os.kill(volume["DriverPid"], signal.SIGCONT)
    harness.wait_until(lambda: "not everything is on the medium" in machine.log(), harness.PATIENCE,
                       "the log to say so")


def test_what_was_rewritten_elsewhere_meanwhile_is_looked_at_again(scratch):
    """Without any event from the kernel, as when a stick is back in its place before the machine wakes up."""
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        wait_until_held(machine)
        stick = machine.make_stick("BEFORE", size="16M").plug()
        path, volume = machine.wait_for_state(stick, "available")
        assert volume["Label"] == "BEFORE"
        prepare_for_sleep(machine, True)
        wait_until_released(machine)
        harness.run(["tune2fs", "-L", "AFTER", stick.image])
        prepare_for_sleep(machine, False)
        harness.wait_until(lambda: (machine.volume_of(stick) or ("", {"Label": ""}))[1]["Label"] == "AFTER", 10,
                           "the new label")
        assert machine.volume_of(stick)[0] == path


def test_a_stick_that_was_exchanged_meanwhile_is_gone_and_the_other_is_there(scratch):
    with Machine(scratch) as machine:
        machine.sit_down(ALICE)
        wait_until_held(machine)
        stick = machine.make_stick("EVENING", {"which": "first"}, size="16M")
        other = machine.make_stick("MORNING", {"which": "second"}, size="16M")
        stick.plug(read_only=True)
        _, volume = machine.wait_for_state(stick, "mounted")
        prepare_for_sleep(machine, True)
        wait_until_released(machine)
        machine.daemon.send_signal(signal.SIGSTOP)  # everything sleeps
        try:
            with open(other.image, "rb") as backing, open(stick.device, "rb") as device:
                fcntl.ioctl(device, LOOP_CHANGE_FD, backing.fileno())
            stick.loop.changed_to(other.image)
        finally:
            machine.daemon.send_signal(signal.SIGCONT)
        prepare_for_sleep(machine, False)
        harness.wait_until(lambda: not os.path.exists(volume["MountPoint"]), harness.PATIENCE, "the first to go")
        _, second = machine.wait_for_state(stick, "mounted")
        assert second["Label"] == "MORNING"
        assert machine.read_as(ALICE, f"{second['MountPoint']}/which") == "second"


def test_a_logind_that_comes_back_is_told_again(machine):
    wait_until_held(machine)
    machine.restart_mock("logind", LOGIND)
    wait_until_held(machine)
