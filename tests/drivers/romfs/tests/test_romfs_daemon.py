# SPDX-License-Identifier: GPL-2.0-or-later
"""airlockd mounts the example's format like any other: its row is all that airlockd knows of it."""
import os

import pytest

import harness
from machine import ALICE, DEADLINE, VOLUME, Machine, Refused
from romfs_image import Image


def make_image(machine):
    source = machine.scratch / "source"
    (source / "folder").mkdir(parents=True)
    (source / "folder" / "hello.txt").write_text("hello")
    (source / "large").write_bytes(bytes(10_000))  # libblkid takes no notice of a device of one KiB
    return Image(source, label="ROMSTICK").write_to(machine.scratch / "romfs.img")


@pytest.fixture
def machine(scratch, drivers):
    with Machine(scratch, program="tests/drivers/airlockd", environment={"AIRLOCK_DRIVER_DIR": str(drivers)}) as made:
        made.sit_down(ALICE)
        yield made


def check_content(machine, place):
    assert machine.read_as(ALICE, f"{place}/folder/hello.txt") == "hello"
    assert "Read-only file system" in machine.run_as(ALICE, ["touch", f"{place}/new"]).stdout


def wait_for_reason(machine, stick, words):
    """Of a stick that is left alone; returns its path."""
    def told():
        found = machine.volume_of(stick)
        return found if found and words in found[1]["StateReason"] else None
    path, volume = harness.wait_until(told, DEADLINE, words)
    assert volume["State"] == "available"
    return path


def test_a_stick_is_mounted_read_and_unmounted(machine):
    stick = machine.stick_of(make_image(machine)).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    assert (volume["Type"], volume["Label"], volume["Driver"]) == ("romfs", "ROMSTICK", "airlock-romfs")
    assert volume["MountedReadOnly"]
    assert volume["ReadOnlyReason"] == "the driver romfs can only read"
    assert os.path.basename(volume["MountPoint"]) == "ROMSTICK"
    check_content(machine, volume["MountPoint"])
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert machine.volume_of(stick)[1]["LastUnmount"]["outcome"] == "safe"


def test_an_image_of_a_user_is_mounted(machine):
    machine.allow("mount-image")
    image = make_image(machine)
    os.chown(image, *[ALICE[0]] * 2)
    with machine.image_opener(ALICE, image) as path:
        check_content(machine, machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)"))
        machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")


def test_a_damaged_stick_says_why(machine):
    image = make_image(machine)
    damaged = bytearray(image.read_bytes())
    damaged[100] ^= 1
    image.write_bytes(damaged)
    wait_for_reason(machine, machine.stick_of(image).plug(), 'the driver says "the checksum of its superblock is wrong"')


def test_the_airlockd_that_is_installed_does_not_know_it(scratch, drivers):
    with Machine(scratch, environment={"AIRLOCK_DRIVER_DIR": str(drivers)}) as machine:
        machine.sit_down(ALICE)
        stick = machine.stick_of(make_image(machine)).plug()
        path = wait_for_reason(machine, stick, 'there is no driver for "romfs"')
        with pytest.raises(Refused, match="romfs"):
            machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
