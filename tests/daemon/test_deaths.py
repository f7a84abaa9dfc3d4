# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way a driver can end, and what the person is told. The medium of another mount never
notices."""
import os
import signal
import time

from machine import ALICE, VOLUME


def test_a_killed_driver_is_a_dead_mount_within_a_second(machine):
    """From outside a driver hears no other signal: it is the first process of its own world. The
    signals it may raise itself, and all other ends, are in tests/mount/mounting_watch_test.cc."""
    other = machine.make_stick("OTHER").plug()
    stick = machine.make_stick("VICTIM").plug()
    _, neighbour = machine.wait_for_state(other, "mounted")
    _, volume = machine.wait_for_state(stick, "mounted")
    begin = time.monotonic()
    os.kill(volume["DriverPid"], signal.SIGKILL)
    _, dead = machine.wait_for_state(stick, "dead", deadline=5)
    assert time.monotonic() - begin < 1
    assert "SIGKILL" in dead["Death"]["cause"] and dead["Death"]["signal"] == signal.SIGKILL
    assert dead["Death"]["kind"] == "signal" and dead["Death"]["when"] > 0
    assert machine.read_as(ALICE, f"{neighbour['MountPoint']}/hello.txt") == "hello"
    assert machine.volume_of(other)[1]["State"] == "mounted"


def test_the_log_of_a_dead_driver_can_be_read(machine):
    stick = machine.make_stick().plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    os.kill(volume["DriverPid"], signal.SIGKILL)
    machine.wait_for_state(stick, "dead")
    lines = machine.call_as(ALICE, path, VOLUME, "GetLog")
    assert isinstance(lines, list)
    journal = machine.log()
    assert "SIGKILL" in journal and "airlock-ext" in journal


def test_a_driver_that_is_stopped_is_found_out_and_killed(scratch):
    from machine import Machine
    with Machine(scratch, settings='\n[deadlines]\nheartbeat = 1\nsilence = 2\n') as machine:
        machine.sit_down(ALICE)
        stick = machine.make_stick().plug()
        _, volume = machine.wait_for_state(stick, "mounted")
        os.kill(volume["DriverPid"], signal.SIGSTOP)
        begin = time.monotonic()
        # Somebody has to ask for something, or nobody can tell.
        asking = machine.start_as(ALICE, ["ls", f"{volume['MountPoint']}/nothing"])
        _, dead = machine.wait_for_state(stick, "dead", deadline=15)
        assert dead["Death"]["kind"] == "hang"
        assert time.monotonic() - begin < 6
        assert asking.wait(10) != 0


def test_the_containment_of_a_live_driver_can_be_read(machine):
    stick = machine.make_stick().plug()
    path, _ = machine.wait_for_state(stick, "mounted")
    report = machine.call_as(ALICE, path, VOLUME, "GetContainment")
    assert "capabilities       none" in report and "seccomp            filtering" in report
