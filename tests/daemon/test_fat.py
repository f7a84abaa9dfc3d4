# SPDX-License-Identifier: GPL-2.0-or-later
"""A FAT or exFAT stick is mounted like any other: its row in the table of drivers is all airlockd knows."""
import pytest

import harness
from machine import ALICE, VOLUME, Stick


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
    # At this very moment, without a further flush by anybody.
    copy = machine.scratch / "copy.img"
    copy.write_bytes(stick.image.read_bytes())
    harness.run([CHECK[kind], "-n", copy])
