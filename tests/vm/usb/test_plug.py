# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick is plugged in, and airlockd mounts it for the one who sits there."""
import pytest

import images
from machine import DEADLINE, wait_until
from steps import (AT_THE_MACHINE, KINDS, expect_nothing_left, explained, fill, listing, wait_for_mount,
                   wait_for_state, wait_until_forgotten)


def unmount(machine, device):
    machine.run(f"airlockctl unmount {device}", **AT_THE_MACHINE)


def is_active(machine):
    return machine.succeeds("systemctl -q is-active airlockd")


def test_plugging_in_starts_airlockd_and_it_ends_when_nothing_is_left_to_do(machine, settings, make_image):
    settings('automount = "on"\nidle-exit = 1\n')
    assert not is_active(machine)
    image = make_image("vfat")
    for _ in range(2):
        # Nobody asks it anything, because the bus would start it as well.
        stick = machine.plug(image, wait=False)
        wait_until(lambda: machine.text("findmnt -rno TARGET -t fuseblk.airlock.vfat || :"), DEADLINE, "the mount")
        assert is_active(machine)
        assert ".device" in machine.text("systemctl show -P WantedBy airlockd")
        machine.run("umount /run/media/user/STICK")
        machine.unplug(stick)
        wait_until(lambda: not is_active(machine), DEADLINE, "airlockd to end")


def test_a_driver_of_airlock_s_own_sandbox(machine, settings, make_image):
    settings('automount = "on"\n[drivers]\norder = ["builtin"]\n')
    stick = machine.plug(make_image("ext4"))
    volume = wait_for_state(machine, stick.device, "mounted")
    assert volume["DriverOrigin"] == "builtin"
    fill(machine, volume["MountPoint"])
    unmount(machine, stick.device)
    expect_nothing_left(machine, volume["MountPoint"])
