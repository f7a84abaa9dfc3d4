# SPDX-License-Identifier: GPL-2.0-or-later
"""A user without any rights sends the daemon arbitrary calls."""
import pathlib
import subprocess

import harness
import pytest
from machine import ALICE, PYTHON, VOLUME, Machine

STRANGER = pathlib.Path(harness.__file__).with_name("bus_stranger.py")
KEPT = ("State", "StateReason", "MountPoint", "MountedFor", "ReadOnly", "Label", "LastCheck", "Driver")


@pytest.fixture
def quiet_machine(scratch):
    """Nothing is mounted without a request, and no user may request it."""
    with Machine(scratch, automount="off") as made:
        made.sit_down(ALICE)
        yield made


def throw(machine, seed, path):
    done = subprocess.run([PYTHON, STRANGER, "throw", machine.address, str(seed), path],
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr + machine.log()[-4000:]


def what_is_kept(machine, stick):
    path, properties = machine.volume_of(stick)
    return path, {name: properties.get(name) for name in KEPT}


@pytest.mark.parametrize("seed", [1, 2])
def test_random_calls_change_nothing(quiet_machine, seed):
    machine = quiet_machine
    mounted, resting = (machine.make_stick(label, size="8M").plug() for label in ("ONE", "TWO"))
    path, _ = machine.wait_for_state(mounted, "available")
    place = machine.call(path, VOLUME, "Mount", "(@a{sv} {},)")
    other_path, _ = machine.wait_for_state(resting, "available")
    before = [what_is_kept(machine, stick) for stick in (mounted, resting)]

    throw(machine, seed, path)
    throw(machine, seed, other_path)

    assert machine.daemon.poll() is None
    assert [what_is_kept(machine, stick) for stick in (mounted, resting)] == before
    assert machine.mounts() == [place] and not machine.jobs()
    machine.call(path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert machine.stop_daemon() == 0
