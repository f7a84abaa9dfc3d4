# SPDX-License-Identifier: GPL-2.0-or-later
"""Two seats at one machine, a person at each: whose sticks are whose, and what needs more rights."""
import contextlib
import os
import pathlib

import harness
import pytest
from machine import ALICE, BOB, VOLUME, Machine, Refused

NO_OPTIONS = "(@a{sv} {},)"
UDEV = pathlib.Path("/run/udev")


class Seats:
    """Assigns a device to a seat: by a rule of udevd or, if none runs, by its database entry."""

    def __init__(self, stack):
        self.stack = stack
        self.udevd = (UDEV / "control").exists()
        if not self.udevd:
            # A private one: another test may get the number of a loop device before this entry is removed.
            UDEV.mkdir(exist_ok=True)
            harness.run(["mount", "-t", "tmpfs", "none", UDEV])
            stack.callback(harness.run, ["umount", "-l", UDEV])
        self.folder = UDEV / ("rules.d" if self.udevd else "data")
        self.folder.mkdir(exist_ok=True)

    def put(self, stick, seat):
        number = os.stat(stick.device).st_rdev
        if self.udevd:
            self.write("99-airlock-seat-of-a-test.rules", f'KERNEL=="{stick.name}", ENV{{ID_SEAT}}="{seat}"\n')
            harness.run(["udevadm", "control", "--reload"])
        else:
            self.write(f"b{os.major(number)}:{os.minor(number)}", f"I:1\nE:ID_SEAT={seat}\n")
        pathlib.Path(f"/sys/block/{stick.name}/uevent").write_text("change")

    def write(self, name, text):
        (self.folder / name).write_text(text)
        self.stack.callback((self.folder / name).unlink)


@pytest.fixture
def seats():
    with contextlib.ExitStack() as stack:
        yield Seats(stack)


def seat_of(machine, stick):
    found = machine.volume_of(stick)
    return found and found[1]["Seat"]


@contextlib.contextmanager
def two_sticks(scratch, seats, **options):
    """One at each seat, plugged in before any person sat down."""
    with Machine(scratch, **options) as machine:
        here = machine.make_stick("HERE", {"of": "alice"}).plug()
        there = machine.make_stick("THERE", {"of": "bob"}).plug()
        seats.put(there, "seat1")
        harness.wait_until(lambda: seat_of(machine, there) == "seat1", harness.PATIENCE, "the second seat")
        yield machine, here, there


def test_each_seat_gets_what_is_plugged_in_there(scratch, seats):
    with two_sticks(scratch, seats) as (machine, here, there):
        machine.sit_down(BOB, session="2", seat="seat1")
        _, his = machine.wait_for_state(there, "mounted")
        assert machine.volume_of(here)[1]["State"] == "waiting", "nobody sits there"
        machine.sit_down(ALICE)
        _, hers = machine.wait_for_state(here, "mounted")
        assert (hers["MountedFor"], his["MountedFor"]) == (ALICE[0], BOB[0])
        assert machine.read_as(ALICE, f"{hers['MountPoint']}/of") == "alice"
        assert machine.read_as(BOB, f"{his['MountPoint']}/of") == "bob"
        assert machine.run_as(ALICE, ["cat", f"{his['MountPoint']}/of"]).returncode != 0


def test_a_locked_seat_does_not_hold_up_the_other(scratch, seats):
    with two_sticks(scratch, seats) as (machine, here, there):
        machine.sit_down(ALICE)
        machine.set_session("1", LockedHint=True)
        machine.sit_down(BOB, session="2", seat="seat1")
        machine.wait_for_state(there, "mounted")
        locked = machine.make_stick("LATE").plug()
        machine.wait_for_state(locked, "waiting")
        machine.set_session("1", LockedHint=False)
        machine.wait_for_state(locked, "mounted")
        machine.wait_for_state(here, "mounted")


def test_media_of_another_seat_take_another_permission(scratch, seats):
    with two_sticks(scratch, seats, automount="off") as (machine, here, there):
        machine.sit_down(ALICE)
        machine.sit_down(BOB, session="2", seat="seat1")
        for stick in (here, there):
            machine.wait_for_state(stick, "available")
        path = machine.volume_of(there)[0]
        machine.allow("mount-removable", "repair", "eject")
        for method in ("Mount", "Check", "Repair", "Eject"):
            with pytest.raises(Refused) as refused:
                machine.call_as(ALICE, path, VOLUME, method, NO_OPTIONS)
            assert refused.value.name == "NotPermitted", method
        assert not machine.mounts()
        # The person at that seat may use it, but not hers.
        machine.call_as(BOB, path, VOLUME, "Mount", NO_OPTIONS)
        machine.call_as(BOB, path, VOLUME, "Unmount", NO_OPTIONS)
        with pytest.raises(Refused):
            machine.call_as(BOB, machine.volume_of(here)[0], VOLUME, "Mount", NO_OPTIONS)
        # An administrator may allow it.
        machine.allow("mount-other-seat")
        machine.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
        assert machine.volume_of(there)[1]["MountedFor"] == ALICE[0]
        with pytest.raises(Refused):
            machine.call_as(BOB, path, VOLUME, "Unmount", NO_OPTIONS)


def test_who_leaves_a_seat_keeps_the_mounts_and_the_next_gets_what_comes(scratch, seats):
    with two_sticks(scratch, seats) as (machine, here, there):
        machine.sit_down(ALICE)
        machine.wait_for_state(here, "mounted")
        machine.set_session("1", Active=False, State="online")
        machine.sit_down(BOB, session="2")
        next_one = machine.make_stick("NEXT").plug()
        _, volume = machine.wait_for_state(next_one, "mounted")
        assert volume["MountedFor"] == BOB[0]
        assert machine.volume_of(here)[1]["MountedFor"] == ALICE[0]
        assert machine.volume_of(there)[1]["State"] == "waiting", "nobody sits at the second seat"
