# SPDX-License-Identifier: GPL-2.0-or-later
"""airlockd may be stopped, killed or upgraded at any moment: mounts live on and it finds them again."""
import os
import signal
import time

import harness
import pytest
from machine import ALICE, VOLUME, Machine


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_mounts_outlive_the_daemon_and_are_found_again(machine, how):
    stick = machine.make_stick("LASTING", {"file": "there"}).plug()
    _, before = machine.wait_for_state(stick, "mounted")
    machine.stop_daemon(how)
    place = before["MountPoint"]
    assert machine.read_as(ALICE, f"{place}/file") == "there"
    machine.start_daemon()
    path, after = machine.wait_for_state(stick, "mounted")
    harness.wait_until(lambda: machine.volume_of(stick)[1]["Label"] == "LASTING", harness.PATIENCE, "its label")
    for key in ("MountPoint", "DriverPid", "MountedFor", "Driver", "Type"):
        assert after[key] == before[key], key
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert not machine.mounts() and not os.path.exists(place)
    harness.e2fsck_clean(stick.image)


def test_a_driver_that_died_meanwhile_is_a_dead_mount(machine):
    machine.allow("mount-removable")
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    machine.stop_daemon(signal.SIGKILL)
    os.kill(volume["DriverPid"], signal.SIGKILL)
    machine.start_daemon()
    path, dead = machine.wait_for_state(stick, "dead")
    assert dead["Death"]["cause"]
    machine.call_as(ALICE, path, VOLUME, "Recover", "('read-write', @a{sv} {})")
    _, again = machine.wait_for_state(stick, "mounted")
    assert not again["MountedReadOnly"], again["ReadOnlyReason"]


def test_a_driver_that_dies_after_the_restart_is_noticed(machine):
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    machine.stop_daemon(signal.SIGKILL)
    machine.start_daemon()
    machine.wait_for_state(stick, "mounted")
    with harness.within(1.5):
        os.kill(volume["DriverPid"], signal.SIGKILL)
        machine.wait_for_state(stick, "dead")


def test_a_stick_pulled_meanwhile_leaves_nothing(machine):
    stick = machine.make_stick().plug()
    machine.wait_for_state(stick, "mounted")
    machine.stop_daemon(signal.SIGKILL)
    stick.pull()
    machine.start_daemon()
    harness.wait_until(lambda: not machine.mounts(), harness.PATIENCE, "the mount to go")
    harness.wait_until(lambda: not machine.places(), harness.PATIENCE, "the folder to go")


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2])
def test_killed_at_any_moment_of_a_mount(machine, delay):
    stick = machine.make_stick("MOMENT", size="8M").plug()
    time.sleep(delay)
    machine.stop_daemon(signal.SIGKILL)
    machine.start_daemon()
    path, _ = machine.wait_for_state(stick, "mounted")
    assert len(machine.mounts()) == 1
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert not machine.mounts()
    harness.e2fsck_clean(stick.image)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.06, 0.1, 0.2])
def test_pulled_at_any_moment_of_a_mount(machine, delay):
    stick = machine.make_stick("MOMENT", size="8M").plug()
    time.sleep(delay)
    stick.pull()
    harness.wait_until(lambda: machine.volume_of(stick) is None and not machine.mounts(), 15,
                       "the stick to be gone")
    harness.wait_until(lambda: not machine.children(), harness.PATIENCE, "its processes to end")


def test_leftovers_of_a_crash_are_swept_at_the_start(machine):
    stick = machine.make_stick("LEFT").plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    machine.stop_daemon(signal.SIGKILL)
    harness.run(["umount", volume["MountPoint"]])
    theirs = machine.base / ALICE[1] / "theirs"
    theirs.mkdir()
    assert os.path.exists(volume["MountPoint"])
    machine.start_daemon()
    harness.wait_until(lambda: not os.path.exists(volume["MountPoint"])
                       or volume["MountPoint"] in machine.mounts(), harness.PATIENCE, "the folder to be swept")
    assert theirs.exists(), "what is not ours stays"


def test_it_exits_when_there_is_nothing_to_do(scratch):
    with Machine(scratch) as machine:
        machine.stop_daemon()
        machine.start_daemon("--idle-exit", "1")
        # Loop devices of the machine itself may keep it running; only a daemon without volumes may exit.
        if not machine.volumes():
            assert machine.daemon.wait(harness.PATIENCE) == 0
            machine.daemon = None
