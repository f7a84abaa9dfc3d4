# SPDX-License-Identifier: GPL-2.0-or-later
"""The desktop's ways to a stick: udisks, gio, umount, and the contents of LUKS."""
import pytest

import images
from machine import DEADLINE, wait_until
from steps import AT_THE_MACHINE, KINDS, STICKS, expect_nothing_left, fill, listing, wait_for_state


def mount(machine, device, **how):
    """Returns the folder of the mount."""
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


def ask_udisks(machine, thing, method, *arguments):
    words = " ".join(f"'{argument}'" for argument in arguments)
    return machine.run(f"gdbus call --system -d org.freedesktop.UDisks2 -o /org/freedesktop/UDisks2/{thing}"
                       f" -m org.freedesktop.UDisks2.{method} {words}", allowed=None)


def test_what_is_mounted_is_neither_formatted_nor_ejected(machine, make_image):
    stick = machine.plug(make_image("ext4"))
    name = stick.device.removeprefix("/dev/")
    place = mount(machine, stick.device)
    fill(machine, place)
    before = listing(machine, place)
    drive = machine.text(f"busctl get-property org.freedesktop.UDisks2 /org/freedesktop/UDisks2/block_devices/{name}"
                         " org.freedesktop.UDisks2.Block Drive").split('"')[1].removeprefix("/org/freedesktop/UDisks2/")
    formatted = ask_udisks(machine, f"block_devices/{name}", "Block.Format", "vfat", "{}")
    ejected = ask_udisks(machine, drive, "Drive.Eject", "{}")
    assert formatted.code != 0 and "busy" in formatted.text, formatted
    assert ejected.code != 0 and "DeviceBusy" in ejected.text, ejected
    assert listing(machine, place) == before
    unmount(machine, stick.device)
    expect_nothing_left(machine, place)


@pytest.mark.parametrize("kind", KINDS)
def test_gio_mounts_and_unmounts(machine, make_image, kind):
    stick = machine.plug(make_image(kind))
    wait_until(lambda: machine.succeeds(f"gio mount -l -i | grep -q {stick.device}", **AT_THE_MACHINE), DEADLINE,
               "gio to see the stick")
    machine.run(f"gio mount -d {stick.device}", **AT_THE_MACHINE)
    (place, found, _), = machine.mounts(stick.device)
    assert found == f"fuseblk.airlock.{kind}"
    fill(machine, place)
    machine.run(f"gio mount -u {place}", **AT_THE_MACHINE)
    expect_nothing_left(machine, place)


@pytest.mark.parametrize("who", [{}, AT_THE_MACHINE], ids=["root", "user"])
def test_umount_of_what_udisks_mounted(machine, make_image, who):
    stick = machine.plug(make_image("ext4"))
    place = mount(machine, stick.device)
    fill(machine, place)
    machine.run(f"umount {place}", **who)
    expect_nothing_left(machine, place)
    assert listing(machine, mount(machine, stick.device))


@pytest.mark.parametrize("who", [{}, AT_THE_MACHINE], ids=["root", "user"])
def test_umount_of_what_airlockd_mounted(machine, automount, make_image, who):
    stick = machine.plug(make_image("vfat"))
    place = wait_for_state(machine, stick.device, "mounted")["MountPoint"]
    fill(machine, place)
    machine.run(f"umount {place}", **who)
    expect_nothing_left(machine, place)
    assert listing(machine, mount(machine, stick.device))


def test_what_airlockd_mounted_udisks_unmounts_for_who_may_unmount_others(machine, automount, make_image):
    """udisks keeps a list of its mounts and their users, and does not know of other mounts."""
    stick = machine.plug(make_image("exfat"))
    place = wait_for_state(machine, stick.device, "mounted")["MountPoint"]
    told = machine.run(f"udisksctl mount -b {stick.device}", **AT_THE_MACHINE, allowed=1).text
    assert "already mounted" in told and place in told
    told = machine.run(f"udisksctl unmount -b {stick.device}", **AT_THE_MACHINE, allowed=1).text
    assert "Not authorized" in told and machine.mounts(stick.device)
    machine.run(f"udisksctl unmount -b {stick.device}")
    expect_nothing_left(machine, place)


def expect_one_mount(machine, device):
    place = wait_for_state(machine, device, "mounted")["MountPoint"]
    (where, kind, _), = machine.mounts(device)
    assert where == place and kind.startswith("fuseblk.airlock.")
    assert len(machine.drivers()) == 1
    machine.run(f"touch '{place}/file' && airlockctl unmount {device}", **AT_THE_MACHINE)
    expect_nothing_left(machine, place)


# Like a desktop's automounter: it asks udisks as soon as there is a stick.
AGENT = "until test -b {0}; do sleep 0.1; done; sleep {1}; udisksctl mount -b {0}"


@pytest.mark.parametrize("delay", [0, 1, 2])
def test_one_mount_results_of_two_who_mount(machine, automount, make_image, delay):
    device = "/dev/sda"
    agent = machine.start(AGENT.format(device, delay), **AT_THE_MACHINE)
    machine.plug(make_image("ext4"), wait=False)
    # udisks has no proper answer if another mount begins just before its own.
    told = agent.wait(allowed=None)
    assert told.code == 0 or "Error mounting" in told.text, told
    expect_one_mount(machine, device)


def test_who_comes_second_is_told_that_it_is_mounted(machine, automount, make_image):
    stick = machine.plug(make_image("ext4"))
    place = wait_for_state(machine, stick.device, "mounted")["MountPoint"]
    told = machine.run(f"udisksctl mount -b {stick.device}", **AT_THE_MACHINE, allowed=1).text
    assert "AlreadyMounted" in told and place in told
    expect_one_mount(machine, stick.device)


def test_airlockd_leaves_alone_what_udisks_mounted(machine, make_image):
    stick = machine.plug(make_image("ext4"))
    mount(machine, stick.device)
    machine.run("systemctl restart airlockd && airlockctl automount on")
    expect_one_mount(machine, stick.device)


def test_two_sticks_of_one_label(machine, make_image, tmp_path):
    first = make_image("ext4")
    sticks = [machine.plug(first), machine.plug(images.copy(tmp_path / "second", first))]
    places = [mount(machine, stick.device) for stick in sticks]
    assert len(set(places)) == 2
    for stick in sticks:
        unmount(machine, stick.device)


@pytest.mark.parametrize("kind", KINDS)
def test_a_write_protected_stick(machine, make_image, kind):
    stick = machine.plug(make_image(kind), read_only=True)
    place = mount(machine, stick.device)
    machine.run(f"touch {place}/file", **AT_THE_MACHINE, allowed=1)
    unmount(machine, stick.device)
    expect_nothing_left(machine, place)


def test_a_partition_beside_one_without_a_driver(machine, make_image, tmp_path):
    parts = [make_image("vfat", size=48), images.empty(tmp_path / "other", 128)]
    stick = machine.plug(images.partitioned(tmp_path / "whole", parts))
    machine.run(f"mkfs.btrfs -q -L OTHER {stick.partition(2)}; udevadm trigger --settle -c change {stick.partition(2)}")
    place = mount(machine, stick.partition(1))
    machine.run(f"udisksctl mount -b {stick.partition(2)}", **AT_THE_MACHINE)
    assert machine.mounts(stick.partition(2))[0][1] == "btrfs"
    for number in (1, 2):
        unmount(machine, stick.partition(number))
    expect_nothing_left(machine, place)


# Few iterations, because they are slow on an emulated machine.
MAKE_LUKS = """
printf secret >/tmp/key
cryptsetup luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 {device} /tmp/key
cryptsetup open --key-file /tmp/key {device} inside
mkfs.ext4 -q -L INSIDE /dev/mapper/inside
udevadm settle
cryptsetup close inside
chmod 644 /tmp/key
"""


def test_what_luks_hides_is_mounted_contained(machine, tmp_path):
    stick = machine.plug(images.empty(tmp_path / "luks", 64))
    machine.run("set -e\n" + MAKE_LUKS.format(device=stick.device))
    machine.unplug(stick)
    stick = machine.plug(stick.image)
    wait_until(lambda: machine.succeeds(f"udisksctl info -b {stick.device} | grep -q Encrypted"), DEADLINE,
               "udisks to see that it is encrypted")
    told = machine.text(f"udisksctl unlock -b {stick.device} --key-file /tmp/key", **AT_THE_MACHINE)
    inside = told.split(" as ")[1].rstrip(".")
    place = mount(machine, inside)
    fill(machine, place)
    before = listing(machine, place)
    unmount(machine, inside)
    expect_nothing_left(machine, place)
    machine.run(f"udisksctl lock -b {stick.device}", **AT_THE_MACHINE)
    machine.run(f"udisksctl unlock -b {stick.device} --key-file /tmp/key", **AT_THE_MACHINE)
    assert listing(machine, mount(machine, inside)) == before
