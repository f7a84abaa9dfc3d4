# SPDX-License-Identifier: GPL-2.0-or-later
"""UDF on a stick, and a disc that also has ISO 9660: airlockd mounts both as UDF, and says if that side is broken."""
import os

import pytest

import harness
from machine import ALICE, DEADLINE, VOLUME, Machine

BLOCK = 2048


@pytest.fixture
def machine(scratch):
    with Machine(scratch) as made:
        made.sit_down(ALICE)
        yield made


def make_bridge(machine):
    source = machine.scratch / "source"
    (source / "A folder").mkdir(parents=True)
    (source / "A folder" / "hello.txt").write_text("hello")
    image = machine.scratch / "disc.iso"
    harness.run(["genisoimage", "-quiet", "-udf", "-R", "-J", "-V", "HOLIDAY", "-o", image, source])
    return image


def check_volume(volume):
    assert (volume["Type"], volume["Label"], volume["Driver"]) == ("udf", "HOLIDAY", "airlock-udf")
    assert volume["ReadOnlyReason"] == "the driver udf can only read"
    assert os.path.basename(volume["MountPoint"]) == "HOLIDAY"


def test_a_bridge_on_a_stick_is_mounted_as_udf(machine):
    stick = machine.stick_of(make_bridge(machine)).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    check_volume(volume)
    assert machine.read_as(ALICE, f"{volume['MountPoint']}/A folder/hello.txt") == "hello"
    assert "Read-only file system" in machine.run_as(ALICE, ["touch", f"{volume['MountPoint']}/new"]).stdout
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert machine.volume_of(stick)[1]["LastUnmount"]["outcome"] == "safe"


def test_a_stick_of_mkudffs_is_mounted(machine):
    image = machine.scratch / "stick"
    harness.run(["mkudffs", "-b", "512", "-l", "HOLIDAY", "--new-file", image, "40000"])
    check_volume(machine.wait_for_state(machine.stick_of(image).plug(), "mounted")[1])


def test_a_broken_udf_side_says_why(machine):
    image = make_bridge(machine)
    # The tag of its file set, which is the first block of its partition.
    content = bytearray(image.read_bytes())
    partition = next(block for block in range(32, 64) if content[block * BLOCK:block * BLOCK + 2] == b"\5\0")
    start = int.from_bytes(content[partition * BLOCK + 188:partition * BLOCK + 192], "little")
    content[start * BLOCK + 16] ^= 1
    image.write_bytes(content)
    stick = machine.stick_of(image).plug()
    reason = "its file set descriptor cannot be read; the medium has ISO 9660 too"
    harness.wait_until(lambda: reason in machine.volume_of(stick)[1]["StateReason"], DEADLINE, "the reason")
