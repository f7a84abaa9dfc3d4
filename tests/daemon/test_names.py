# SPDX-License-Identifier: GPL-2.0-or-later
"""Labels are foreign text: whatever they contain, the folder is one plain name below the person's own."""
import os

import pytest
from machine import ALICE

# ext4 keeps 16 bytes.
HOSTILE = ["../../etc", "a\nb", "\u202egpj.exe", "  ", "..", ".", ".hidden", "-rf", "a/b", "$(reboot)",
           "\x1b[31mred", "x" * 16, "%n%s", "name\\x2f"]


@pytest.mark.parametrize("label", HOSTILE, ids=[repr(label) for label in HOSTILE])
def test_a_hostile_label_makes_a_plain_folder(machine, label):
    stick = machine.make_stick(label).plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    place = volume["MountPoint"]
    home = f"{machine.base}/{ALICE[1]}"
    assert os.path.dirname(place) == home and os.path.normpath(place) == place
    name = os.path.basename(place)
    assert name and name not in (".", "..") and not name.startswith(".")
    assert all(character.isprintable() for character in name)
    assert machine.read_as(ALICE, f"{place}/hello.txt") == "hello"


def test_two_sticks_of_one_name_get_two_folders(machine):
    sticks = [machine.make_stick("TWIN").plug() for _ in range(3)]
    places = {machine.wait_for_state(stick, "mounted")[1]["MountPoint"] for stick in sticks}
    assert len(places) == 3


def test_a_symlink_in_the_way_is_not_followed(machine):
    home = machine.base / ALICE[1]
    first = machine.make_stick("FIRST").plug()
    machine.wait_for_state(first, "mounted")
    outside = machine.scratch / "outside"
    outside.mkdir()
    os.symlink(outside, home / "SECOND")
    second = machine.make_stick("SECOND").plug()
    _, volume = machine.wait_for_state(second, "mounted")
    assert volume["MountPoint"] != str(home / "SECOND")
    assert not os.listdir(outside)
