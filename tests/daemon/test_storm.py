# SPDX-License-Identifier: GPL-2.0-or-later
"""Many things at once, without leftovers: descriptors, memory, folders, mounts, processes."""
import os
import pathlib
import random
import select
import threading
import time

import harness
import pytest
from machine import ALICE, VOLUME, Refused, ticking


def descriptors(machine):
    return len(os.listdir(f"/proc/{machine.daemon.pid}/fd"))


def resident_kib(machine):
    status = pathlib.Path(f"/proc/{machine.daemon.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def settled(machine):
    def left():
        return machine.mounts(), machine.jobs(), [(pid, harness.process_name(pid))
                                                  for pid in machine.children()]
    try:
        harness.wait_until(lambda: not any(left()), harness.PATIENCE, "everything to be over")
    except harness.HarnessError as late:
        about = [line for line in machine.log().splitlines() if "reaped orphan" not in line]
        raise harness.HarnessError("\n".join([f"{late}: {left()}", str(machine.volumes()), *about[-60:]])) from late


def test_fifty_sticks_at_once(machine):
    sticks = [machine.make_stick(f"N{number}", size="4M", files={"n": str(number)}) for number in range(50)]
    before = descriptors(machine)
    # Each mount starts two processes in namespaces of their own; the machine is busy, not the daemon.
    with ticking(machine, limit=1.0):
        for stick in sticks:
            stick.plug()
        for stick in sticks:
            machine.wait_for_state(stick, "mounted", deadline=2 * harness.PATIENCE)
    for number, stick in enumerate(sticks):
        place = machine.volume_of(stick)[1]["MountPoint"]
        assert machine.read_as(ALICE, f"{place}/n") == str(number)
    assert len(machine.mounts()) == 50
    for stick in sticks:
        stick.pull()
    harness.wait_until(lambda: all(machine.volume_of(stick) is None for stick in sticks), harness.PATIENCE, "all to go")
    settled(machine)
    assert descriptors(machine) <= before + 2
    harness.wait_until(lambda: not machine.places(), harness.PATIENCE, "the folders to go")


def test_a_storm_of_a_thousand_events_leaves_nothing(machine):
    images = [machine.make_stick(f"W{number}", size="4M") for number in range(4)]
    keep = {stick: stick.image.read_bytes() for stick in images}
    chance = random.Random(20)

    def weather(stick, count):
        for _ in range(count):
            stick.image.write_bytes(keep[stick])
            stick.plug()
            time.sleep(chance.choice((0, 0, 0.005, 0.03, 0.1)))
            if chance.random() < 0.3:
                stick.unmount_by_hand()
            stick.pull()
    # One round, so that every part of the daemon has run once.
    for stick in images:
        weather(stick, 2)
    settled(machine)
    before, memory = descriptors(machine), resident_kib(machine)
    threads = [threading.Thread(target=weather, args=(stick, 125)) for stick in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * harness.PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    settled(machine)
    ours = {stick.device for stick in machine.sticks}
    harness.wait_until(lambda: not [v for v in machine.volumes().values() if v["Device"] in ours], 30,
                       "the volumes to go")
    assert descriptors(machine) <= before + 2
    assert resident_kib(machine) < memory + 2048
    assert not list((machine.base / ALICE[1]).glob("*"))


def test_many_callers_of_one_volume_get_one_answer_each(machine):
    stick = machine.make_stick().plug()
    path, _ = machine.wait_for_state(stick, "mounted")
    outcomes = []

    def unmount():
        try:
            outcomes.append(machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)"))
        except Refused as refused:
            outcomes.append(refused.name)
    threads = [threading.Thread(target=unmount) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(harness.PATIENCE)
    assert len(outcomes) == 8
    assert [outcome for outcome in outcomes if outcome == []], outcomes
    assert not machine.mounts()


def wake_ups(machine):
    status = pathlib.Path(f"/proc/{machine.daemon.pid}/status").read_text()
    return int(status.split("voluntary_ctxt_switches:")[1].split()[0])


class Surroundings:
    """Foreign devices and mounts come and go, and each change rightly wakes airlockd."""

    def __init__(self):
        self.table = open("/proc/self/mountinfo", encoding="utf-8")
        self.poll = select.poll()
        self.poll.register(self.table, select.POLLPRI)
        self.told = None

    def changed(self):
        told = pathlib.Path("/sys/kernel/uevent_seqnum").read_text()
        before, self.told = self.told, told
        return bool(self.poll.poll(0)) or told != before


@pytest.mark.parametrize("seconds", [60])
def test_idle_it_sleeps(machine, seconds):
    """With a stick that is plugged in but not mounted, and without any call."""
    machine.set_session("1", LockedHint=True)
    stick = machine.make_stick().plug()
    machine.wait_for_state(stick, "waiting")
    time.sleep(2)
    surroundings, slice_length, quiet, since_change = Surroundings(), 0.5, 0, 0
    for _ in range(int(3 * seconds / slice_length)):
        before = wake_ups(machine)
        time.sleep(slice_length)
        woken = wake_ups(machine) - before
        since_change = 0 if surroundings.changed() else since_change + 1
        if since_change > 2:
            assert woken == 0
            quiet += slice_length
        if quiet >= seconds:
            break
    assert quiet >= 10, "this machine never rests"
    assert resident_kib(machine) < 12 * 1024
