# SPDX-License-Identifier: GPL-2.0-or-later
"""A disc as an image or on a stick: airlockd mounts it read-only and says why."""
import os

import pytest

import harness
import partitions
from machine import ALICE, DEADLINE, VOLUME
from test_drive import Part

BLOCK = 2048
HELLO = "hello"


def make_image(machine, *words):
    source = machine.scratch / "source"
    (source / "A folder").mkdir(parents=True)
    (source / "A folder" / "hello.txt").write_text(HELLO)
    image = machine.scratch / "disc.iso"
    harness.run(["xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "HOLIDAY", *words, "-o", image, source])
    return image


def ctl(machine, *words):
    return machine.run_as(ALICE, [harness.built("cli/ctl/airlockctl"), *words], env=machine.environment)


def check_content(machine, place):
    assert machine.read_as(ALICE, f"{place}/A folder/hello.txt") == HELLO
    assert "Read-only file system" in machine.run_as(ALICE, ["touch", f"{place}/new"]).stdout


def check_volume(machine, volume):
    assert (volume["Type"], volume["Label"], volume["Driver"]) == ("iso9660", "HOLIDAY", "airlock-iso")
    assert volume["MountedReadOnly"]
    assert volume["ReadOnlyReason"] == "the driver iso can only read"
    assert os.path.basename(volume["MountPoint"]) == "HOLIDAY"
    check_content(machine, volume["MountPoint"])


def test_a_stick_with_an_image_of_a_disc_is_mounted_read_and_unmounted(machine):
    stick = machine.stick_of(make_image(machine)).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    check_volume(machine, volume)
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert machine.volume_of(stick)[1]["LastUnmount"]["outcome"] == "safe"


def test_a_user_without_privileges_mounts_an_image(machine):
    machine.allow("mount-image")
    image = make_image(machine)
    os.chown(image, *[ALICE[0]] * 2)
    done = ctl(machine, "mount", image)
    assert done.returncode == 0, done.stdout
    place = machine.base / "alice" / "HOLIDAY"
    places = [volume["MountPoint"] for volume in machine.volumes().values() if volume["MountPoint"]]
    assert len(places) == 1, (places, place)
    check_content(machine, places[0])
    done = ctl(machine, "unmount", image)
    assert done.returncode == 0, done.stdout


# Where the partition begins: with the stick, as isohybrid makes it, or behind the table.
@pytest.mark.parametrize("begin", (0, 16 * BLOCK))
def test_the_partition_of_a_hybrid_is_mounted(machine, begin):
    image = make_image(machine, "--protective-msdos-label", "-partition_offset", str(begin // BLOCK))
    stick = machine.stick_of(image).plug()
    machine.wait_for_state(stick, "mounted")
    path, _ = machine.volume_of(stick)
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    part = Part(stick, 1)
    try:
        harness.wait_until(lambda: added(stick, begin, image), DEADLINE, "the partition")
        _, volume = machine.wait_for_state(part, "mounted")
        check_volume(machine, volume)
    finally:
        part.remove()


def added(stick, begin, image):
    try:
        partitions.add(stick.device, 1, begin, image.stat().st_size - begin)
    except OSError:
        return False
    return True
