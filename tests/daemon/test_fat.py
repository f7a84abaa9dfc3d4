# SPDX-License-Identifier: GPL-2.0-or-later
"""A FAT or exFAT stick is mounted like any other: airlockd knows only its row in the table of drivers."""
import pytest

import harness
from machine import ALICE, VOLUME, Machine, Refused, Stick


MAKE = {"vfat": ["mkfs.fat", "-F32", "-s1", "-n", "CAMERA"], "exfat": ["mkfs.exfat", "-L", "CAMERA"]}
CHECK = {"vfat": "fsck.fat", "exfat": "fsck.exfat"}


def make_stick(machine, kind):
    image = machine.scratch / "fat.img"
    harness.run(["truncate", "-s", "40M", image])
    harness.run([*MAKE[kind], image])
    return Stick(machine, image)


@pytest.mark.parametrize("kind", MAKE)
def test_a_fat_stick_is_mounted_written_and_unmounted(machine, kind):
    stick = make_stick(machine, kind).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    place = volume["MountPoint"]
    assert (volume["Type"], volume["Label"], volume["Driver"]) == (kind, "CAMERA", "airlock-fat")
    written = machine.run_as(ALICE, ["sh", "-c", f"echo picture > '{place}/a long name.jpeg'"])
    assert written.returncode == 0, written.stdout
    assert machine.read_as(ALICE, f"{place}/A LONG NAME.JPEG") == "picture\n"
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    # At this very moment, without a further flush.
    copy = machine.scratch / "copy.img"
    copy.write_bytes(stick.image.read_bytes())
    harness.run([CHECK[kind], "-n", copy])


MARK = {"vfat": (65, b"\1"), "exfat": (106, b"\2")}


def change(path, offset, data):
    with open(path, "r+b") as image:
        image.seek(offset)
        image.write(data)


@pytest.mark.parametrize("kind", MAKE)
def test_what_was_not_unmounted_and_is_consistent_is_mounted_to_be_written(machine, kind):
    stick = make_stick(machine, kind)
    change(stick.image, *MARK[kind])
    stick.plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    assert volume["LastCheck"]["verdict"] in ("clean", "dirty"), volume["LastCheck"]
    assert not volume["MountedReadOnly"], volume["ReadOnlyReason"]
    assert machine.run_as(ALICE, ["touch", f"{volume['MountPoint']}/new"]).returncode == 0


def test_space_that_was_lost_with_a_pulled_stick_keeps_nobody_from_writing(machine):
    stick = make_stick(machine, "vfat")
    boot = stick.image.read_bytes()[:512]
    reserved, length = int.from_bytes(boot[14:16], "little"), int.from_bytes(boot[36:40], "little")
    change(stick.image, *MARK["vfat"])
    for copy in range(boot[16]):
        change(stick.image, (reserved + copy * length) * 512 + 4 * 20, (0x0fffffff).to_bytes(4, "little"))
    stick.plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    assert volume["LastCheck"]["verdict"] == "dirty", volume["LastCheck"]
    assert "no file has 1 unused cluster" in volume["LastCheck"]["summary"]
    assert not volume["MountedReadOnly"], volume["ReadOnlyReason"]
    assert machine.run_as(ALICE, ["touch", f"{volume['MountPoint']}/new"]).returncode == 0
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    machine.allow("repair", "mount-removable")
    machine.call_as(ALICE, path, VOLUME, "Repair", "(@a{sv} {},)")
    harness.run(["fsck.fat", "-n", stick.image])


def test_a_fat_stick_has_local_time_and_the_masks_of_the_settings_and_the_caller(scratch):
    settings = "\n[[rule]]\nname = 'not to be run'\nmatch.type = 'vfat'\noptions = ['fmask=133']\n"
    with Machine(scratch, settings=settings, environment={"TZ": "XYZ-5:30"}) as machine:
        machine.sit_down(ALICE)
        stick = make_stick(machine, "vfat").plug()
        path, volume = machine.wait_for_state(stick, "mounted")
        place = volume["MountPoint"]
        done = machine.run_as(ALICE, ["touch", "-d", "2026-01-02 03:04:06Z", f"{place}/moment"])
        assert done.returncode == 0, done.stdout
        stat = ["stat", "-c", "%a %Y", f"{place}/moment"]
        assert machine.run_as(ALICE, stat).stdout.split() == ["644", "1767323046"]
        machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")

        with pytest.raises(Refused, match="fmask"):
            machine.call_as(ALICE, path, VOLUME, "Mount", "({'options': <'fmask=0'>},)")
        machine.allow("mount-removable")
        machine.call_as(ALICE, path, VOLUME, "Mount", "({'options': <'tz=UTC,dmask=022'>},)")
        assert machine.run_as(ALICE, stat).stdout.split() == ["644", str(1767323046 + 19800)]
        assert machine.run_as(ALICE, ["stat", "-c", "%a", place]).stdout.strip() == "755"
