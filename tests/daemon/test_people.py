# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what: sessions, seats, locked screens and every kind of answer from polkit."""
import subprocess
import time

import harness
import pytest
from machine import (ALICE, BOB, MANAGER, MANAGER_PATH, PROPERTIES, VOLUME, Asking, Machine, Refused,
                     ticking)


def waiting(machine):
    """How many volumes wait, by airlockd's count: it includes loop devices of other programs."""
    return machine.call(MANAGER_PATH, PROPERTIES, "Get", f"('{MANAGER}', 'Waiting')")


def wait_until_counted(machine):
    """Waits until the count is right. Volumes are listed one by one, and foreign ones come and go meanwhile."""
    def counted():
        states = [volume["State"] for volume in machine.volumes().values()]
        return states.count("waiting") == waiting(machine)
    harness.wait_until(counted, harness.PATIENCE, "every volume that waits to be counted")


def test_nobody_there_nothing_is_mounted_until_somebody_comes(scratch):
    with Machine(scratch) as machine:
        stick = machine.make_stick("EARLY").plug()
        machine.wait_for_state(stick, "waiting")
        wait_until_counted(machine)
        assert not machine.mounts() and waiting(machine) >= 1
        machine.sit_down(ALICE)
        _, volume = machine.wait_for_state(stick, "mounted")
        assert volume["MountedFor"] == ALICE[0]
        harness.wait_until(lambda: waiting(machine) == 0, harness.PATIENCE, "nothing to wait any more")


def test_a_locked_screen_holds_new_sticks_and_unlocking_mounts_them(machine):
    machine.set_session("1", LockedHint=True)
    sticks = [machine.make_stick(f"L{number}", size="8M").plug() for number in range(3)]
    for stick in sticks:
        machine.wait_for_state(stick, "waiting")
    wait_until_counted(machine)
    assert waiting(machine) >= 3 and not machine.mounts()
    machine.set_session("1", LockedHint=False)
    for stick in sticks:
        machine.wait_for_state(stick, "mounted")


def test_a_mount_that_exists_stays_when_the_screen_is_locked(machine):
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    machine.set_session("1", LockedHint=True)
    time.sleep(0.3)
    assert machine.read_as(ALICE, f"{volume['MountPoint']}/hello.txt") == "hello"


def test_an_inactive_session_gets_nothing(scratch):
    with Machine(scratch) as machine:
        machine.sit_down(ALICE, active=False)
        stick = machine.make_stick().plug()
        machine.wait_for_state(stick, "waiting")
        machine.set_session("1", Active=True, State="active")
        machine.wait_for_state(stick, "mounted")


def test_the_mount_of_one_person_is_closed_to_the_other(machine):
    stick = machine.make_stick(files={"secret": "of alice"}).plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    seen = machine.run_as(BOB, ["cat", f"{volume['MountPoint']}/secret"])
    assert seen.returncode != 0 and "of alice" not in seen.stdout
    assert machine.run_as(BOB, ["ls", f"{machine.base}/{ALICE[1]}"]).returncode != 0


def test_unmounting_for_somebody_else_needs_to_be_allowed(machine):
    stick = machine.make_stick().plug()
    path, _ = machine.wait_for_state(stick, "mounted")
    with pytest.raises(Refused) as refused:
        machine.call_as(BOB, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert refused.value.name == "NotPermitted"
    assert machine.mounts()
    machine.allow("unmount-others")
    machine.call_as(BOB, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert not machine.mounts()


def test_what_polkit_refuses_is_not_mounted(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        stick = machine.make_stick().plug()
        path, _ = machine.wait_for_state(stick, "available")
        with pytest.raises(Refused) as refused:
            machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
        assert refused.value.name == "NotPermitted"
        assert not machine.mounts() and machine.volume_of(stick)[1]["State"] == "available"


def test_a_hung_polkit_blocks_nobody_else(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.polkit("SimulateHang", "(true,)")
        stick = machine.make_stick().plug()
        path, _ = machine.wait_for_state(stick, "available")
        asking = Asking(machine, path, "Mount")
        with ticking(machine):
            time.sleep(1.5)
            other = machine.make_stick("OTHER").plug()
            machine.wait_for_state(other, "available")
        assert asking.outcome is None
        # This permission comes too late for the pending question.
        machine.allow("mount-removable")
        machine.polkit("SimulateHang", "(false,)")
        machine.polkit("AllowUnknown", "(true,)")
        machine.polkit("ReleaseHangingCalls", "()")
        asking.join(harness.PATIENCE)
        assert isinstance(asking.outcome, Refused), "the answer of before was no"
        place = machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
        assert place in machine.mounts()


def test_a_stick_pulled_while_polkit_thinks_is_answered_once(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.polkit("SimulateHang", "(true,)")
        stick = machine.make_stick().plug()
        path, _ = machine.wait_for_state(stick, "available")
        asking = Asking(machine, path, "Mount")
        time.sleep(1)
        stick.pull()
        asking.join(harness.PATIENCE)
        assert isinstance(asking.outcome, Refused)
        assert asking.outcome.name in ("NotFound", "PeerGone", "Io"), asking.outcome
        machine.wait_gone(stick)


def test_a_caller_that_leaves_while_polkit_thinks_gets_no_mount(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.polkit("SimulateHang", "(true,)")
        machine.polkit("AllowUnknown", "(true,)")
        stick = machine.make_stick().plug()
        path, _ = machine.wait_for_state(stick, "available")
        with pytest.raises(subprocess.TimeoutExpired):
            machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)", timeout=1)
        machine.polkit("ReleaseHangingCalls", "()")
        time.sleep(0.5)
        assert not machine.mounts() and not machine.jobs()


def test_without_polkit_only_root_may(scratch):
    with Machine(scratch, automount="off", polkit=False) as machine:
        machine.sit_down(ALICE)
        stick = machine.make_stick().plug()
        path, _ = machine.wait_for_state(stick, "available")
        with pytest.raises(Refused) as refused:
            machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
        assert refused.value.name == "NotPermitted" and "polkit" in refused.value.message
        assert machine.call(path, VOLUME, "Mount", "(@a{sv} {},)") in machine.mounts()


def test_without_logind_nothing_is_mounted_by_itself(scratch):
    with Machine(scratch, logind=False) as machine:
        stick = machine.make_stick().plug()
        machine.wait_for_state(stick, "waiting")
        assert not machine.mounts()


def test_automount_can_be_switched_off_and_on(machine):
    machine.allow("change-settings")
    machine.call_as(ALICE, MANAGER_PATH, MANAGER, "SetAutomount", "('off', @a{sv} {})")
    stick = machine.make_stick().plug()
    machine.wait_for_state(stick, "available")
    with pytest.raises(Refused) as refused:
        machine.call_as(ALICE, MANAGER_PATH, MANAGER, "SetAutomount", "('perhaps', @a{sv} {})")
    assert refused.value.name == "InvalidArgument"
    harness.wait_until(lambda: not machine.jobs(), harness.PATIENCE, "the jobs to end")
