# SPDX-License-Identifier: GPL-2.0-or-later
"""What people do through udisks ends in contained mounts, with real USB sticks too."""
import pytest

from machine import DEADLINE, wait_until
from steps import AT_THE_MACHINE, STICKS, expect_nothing_left, fill, listing


def mount(machine, device, **how):
    """Its folder."""
    machine.run(f"udisksctl mount -b {device}", **AT_THE_MACHINE, **how)
    (place, kind, _), = machine.mounts(device)
    assert kind.startswith("fuseblk.airlock.")
    return place


def unmount(machine, device):
    machine.run(f"udisksctl unmount -b {device}", **AT_THE_MACHINE)


@pytest.mark.parametrize("kind, how", STICKS)
def test_mounted_unmounted_and_powered_off(machine, make_image, kind, how):
    image = make_image(kind)
    stick = machine.plug(image, how)
    place = mount(machine, stick.device)
    assert machine.volume(stick.device)["MountedFor"] == 1000
    fill(machine, place)
    before = listing(machine, place)
    refused = machine.run(f"udisksctl power-off -b {stick.device}", **AT_THE_MACHINE, allowed=1)
    assert "mounted" in refused.text
    unmount(machine, stick.device)
    expect_nothing_left(machine, place)
    machine.run(f"udisksctl power-off -b {stick.device}", **AT_THE_MACHINE)
    wait_until(lambda: not machine.succeeds(f"test -e {stick.device}"), DEADLINE, "the disk to go")
    machine.unplug(stick)
    again = machine.plug(image, how)
    assert listing(machine, mount(machine, again.device)) == before


MAKE_LUKS = """
printf secret >/tmp/key
cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 {device} /tmp/key
cryptsetup open --key-file /tmp/key {device} inside
mkfs.ext4 -q -L INSIDE /dev/mapper/inside
udevadm settle
cryptsetup close inside
chmod 644 /tmp/key
"""
