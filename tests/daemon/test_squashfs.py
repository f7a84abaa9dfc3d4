# SPDX-License-Identifier: GPL-2.0-or-later
"""airlockd mounts squashfs like any other format: its row is all that airlockd knows of it."""
import os

import pytest

import harness
from machine import ALICE, DEADLINE, VOLUME, Machine


@pytest.fixture
def machine(scratch):
    with Machine(scratch) as made:
        made.sit_down(ALICE)
        yield made


def make_image(machine):
    source = machine.scratch / "source"
    (source / "folder").mkdir(parents=True)
    (source / "folder" / "hello.txt").write_text("hello")
    (source / "large").write_bytes(os.urandom(100_000))
    image = machine.scratch / "squashfs.img"
    harness.run(["mksquashfs", source, image, "-noappend", "-quiet", "-no-progress", "-comp", "zstd"])
    return image


def check_content(machine, place):
    assert machine.read_as(ALICE, f"{place}/folder/hello.txt") == "hello"
    assert "Read-only file system" in machine.run_as(ALICE, ["touch", f"{place}/new"]).stdout


def test_a_stick_is_mounted_read_and_unmounted(machine):
    stick = machine.stick_of(make_image(machine)).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    assert (volume["Type"], volume["Driver"]) == ("squashfs", "airlock-squashfs")
    assert volume["ReadOnlyReason"] == "the driver squashfs can only read"
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
    with open(image, "r+b") as file:
        file.seek(20)
        file.write(b"\2")  # a compressor that nobody reads
    stick = machine.stick_of(image).plug()
    harness.wait_until(lambda: "it is compressed with lzma" in machine.volume_of(stick)[1]["StateReason"], DEADLINE,
                       "the reason")
