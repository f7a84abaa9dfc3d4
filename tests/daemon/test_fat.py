# SPDX-License-Identifier: GPL-2.0-or-later
"""A FAT stick is mounted like any other: its row in the table of drivers is all airlockd knows."""
import harness
from machine import ALICE, VOLUME, Stick


def make_stick(machine, label):
    image = machine.scratch / "fat.img"
    harness.run(["truncate", "-s", "40M", image])
    harness.run(["mkfs.fat", "-F32", "-s1", "-n", label, image])
    return Stick(machine, image)


def test_a_fat_stick_is_mounted_written_and_unmounted(machine):
    stick = make_stick(machine, "CAMERA").plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    place = volume["MountPoint"]
    assert (volume["Type"], volume["Label"], volume["Driver"]) == ("vfat", "CAMERA", "airlock-fat")
    written = machine.run_as(ALICE, ["sh", "-c", f"echo picture > '{place}/a long name.jpeg'"])
    assert written.returncode == 0, written.stdout
    assert machine.read_as(ALICE, f"{place}/A LONG NAME.JPEG") == "picture\n"
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    # At this very moment, without a further flush by anybody.
    copy = machine.scratch / "copy.img"
    copy.write_bytes(stick.image.read_bytes())
    harness.run(["fsck.fat", "-n", copy])
