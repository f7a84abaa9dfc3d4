# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick with several partitions: it can only be pulled out as a whole."""
import contextlib
import errno

import harness
import partitions
import pytest
from loops import disk_sequence
from machine import ALICE, DEADLINE, VOLUME, Machine, Refused

MIB = 1 << 20
SIZE = 32
NO_OPTIONS = "(@a{sv} {},)"


class Part:
    def __init__(self, stick, number):
        self.stick, self.number = stick, number
        self.whole = stick.device
        self.device = f"{self.whole}p{number}"
        self.name = self.device.removeprefix("/dev/")

    def add(self):
        start = (1 + (self.number - 1) * SIZE) * MIB

        def added():
            try:
                partitions.add(self.whole, self.number, start, SIZE * MIB)
            except OSError as busy:
                if busy.errno != errno.EBUSY:
                    raise
                return False
            return True

        # Not while airlockd examines the whole device.
        harness.wait_until(added, DEADLINE, "the partition")

    def remove(self):
        # An eject detaches the file, and the kernel keeps the partitions for the next user of the device.
        if disk_sequence(self.whole) not in (None, self.stick.loop.sequence):
            return
        harness.run(["umount", "-l", self.device], allowed=None)
        with contextlib.suppress(OSError):  # already gone
            partitions.remove(self.whole, self.number)


@contextlib.contextmanager
def partitioned(machine):
    """Not every kernel scans loop devices for partitions, so the test tells it where they are."""
    images = [machine.make_stick(f"PART{number}", size=f"{SIZE}M").image for number in (1, 2)]
    image = machine.scratch / "whole.img"
    with open(image, "wb") as whole:
        whole.truncate((1 + len(images) * SIZE) * MIB)
        for number, part in enumerate(images):
            whole.seek((1 + number * SIZE) * MIB)
            whole.write(part.read_bytes())
    stick = machine.stick_of(image).plug()
    parts = [Part(stick, number) for number in (1, 2)]
    with contextlib.ExitStack() as stack:
        for part in parts:
            stack.callback(part.remove)
            part.add()
        yield parts


@pytest.fixture
def drive(scratch):
    """Two partitions, both mounted."""
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(Machine(scratch, automount="off"))
        machine.sit_down(ALICE)
        parts = stack.enter_context(partitioned(machine))
        for part in parts:
            path, _ = machine.wait_for_state(part, "available")
            machine.call(path, VOLUME, "Mount", NO_OPTIONS)
        yield machine, parts


def ctl(machine, *words):
    return harness.run([harness.built("cli/ctl/airlockctl"), *words], env=machine.environment).stdout


def reason(machine, part):
    return machine.wait_for_state(part, "available")[1]["StateReason"]


def test_it_can_be_removed_when_the_last_part_of_it_is_unmounted(drive):
    machine, (first, second) = drive
    said = f"unmounted, but {second.name} on the same drive is in use: do not unplug it yet"
    assert said in ctl(machine, "unmount", first.device)
    assert reason(machine, first) == said
    assert "safe to remove" in ctl(machine, "unmount", second.device)
    assert reason(machine, second).endswith("it can be removed safely")


def test_what_the_kernel_has_mounted_of_it_counts_as_well(drive, scratch):
    machine, (first, second) = drive
    machine.call(machine.volume_of(second)[0], VOLUME, "Unmount", NO_OPTIONS)
    (scratch / "by-hand").mkdir()
    harness.run(["mount", "-t", "ext4", second.device, scratch / "by-hand"])
    assert f"{second.name} on the same drive is in use" in ctl(machine, "unmount", first.device)
    assert machine.volume_of(first)[1]["LastUnmount"]["outcome"] == "drive-in-use"
    path, _ = machine.volume_of(first)
    with pytest.raises(Refused, match="in use"):
        machine.call(path, VOLUME, "Eject", NO_OPTIONS)


def test_an_eject_unmounts_all_of_it(drive):
    machine, (first, second) = drive
    machine.call(machine.volume_of(first)[0], VOLUME, "Eject", NO_OPTIONS)
    assert machine.mounts() == []
