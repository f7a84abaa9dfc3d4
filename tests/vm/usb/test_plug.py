# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick is plugged in, and airlockd mounts it for the person at the seat."""
import pytest

import images
from machine import DEADLINE, wait_until
from steps import (AT_THE_MACHINE, KINDS, STICKS, expect_nothing_left, explained, fill, listing, wait_for_mount,
                   wait_for_state, wait_until_forgotten)


def unmount(machine, device):
    assert "safe to remove" in machine.run(f"airlockctl unmount {device}", **AT_THE_MACHINE).text


EVERY_WAY = [pytest.param(kind, how, marks=[pytest.mark.every_time] if (kind, how) in STICKS else [])
             for kind in KINDS for how in ("usb-storage", "usb-uas")]


@pytest.mark.parametrize("kind, how", EVERY_WAY)
def test_what_is_written_is_there_when_it_is_plugged_in_again(machine, automount, make_image, kind, how):
    image = make_image(kind)
    stick = machine.plug(image, how)
    place = wait_for_mount(machine, stick.device)
    assert place == "/run/media/user/STICK"
    (_, found, options), = machine.mounts(stick.device)
    assert found == f"fuseblk.airlock.{kind}" and {"nosuid", "nodev", "noexec"} <= set(options.split(","))
    fill(machine, place)
    before = listing(machine, place)
    assert len(before.splitlines()) == 2
    unmount(machine, stick.device)
    expect_nothing_left(machine, place)
    machine.unplug(stick)
    wait_until_forgotten(machine, stick.device)

    again = machine.plug(image, how)
    assert listing(machine, wait_for_mount(machine, again.device)) == before


def is_active(machine):
    return machine.succeeds("systemctl -q is-active airlockd")


def test_plugging_in_starts_airlockd_and_it_ends_when_nothing_is_left_to_do(machine, settings, make_image):
    settings('automount = "on"\nidle-exit = 1\n')
    assert not is_active(machine)
    image = make_image("vfat")
    for _ in range(2):
        # No call to airlockd here, because the bus would start it as well.
        stick = machine.plug(image, wait=False)
        wait_until(lambda: machine.text("findmnt -rno TARGET -t fuseblk.airlock.vfat || :"), DEADLINE, "the mount")
        assert is_active(machine)
        assert ".device" in machine.text("systemctl show -P WantedBy airlockd")
        machine.run("umount /run/media/user/STICK")
        machine.unplug(stick)
        wait_until(lambda: not is_active(machine), DEADLINE, "airlockd to end")


def test_nobody_is_logged_in(machine, automount, make_image):
    machine.run("systemctl stop getty@tty1; loginctl terminate-user user")
    wait_until(lambda: not machine.session_of("user"), DEADLINE, "the session to end")
    stick = machine.plug(make_image("ext4"))
    assert "nobody is logged in" in wait_for_state(machine, stick.device, "waiting")["StateReason"]
    machine.run("systemctl start getty@tty1")
    wait_for_mount(machine, stick.device)


def test_a_driver_of_airlock_s_own_sandbox(machine, settings, make_image):
    settings('automount = "on"\n[drivers]\norder = ["builtin"]\n')
    stick = machine.plug(make_image("ext4"))
    volume = wait_for_state(machine, stick.device, "mounted")
    assert volume["DriverOrigin"] == "builtin"
    fill(machine, volume["MountPoint"])
    unmount(machine, stick.device)
    expect_nothing_left(machine, volume["MountPoint"])


# Debian's kernel does not yet report how another process's child ended: systemd has to say it.
@pytest.mark.every_time
def test_how_a_driver_of_systemd_s_died_is_known(machine, automount, make_image):
    stick = machine.plug(make_image("ext4"))
    volume = wait_for_state(machine, stick.device, "mounted")
    assert volume["Driver"].endswith(".service")
    machine.run(f"kill -SEGV {volume['DriverPid']}")
    assert "SIGSEGV" in wait_for_state(machine, stick.device, "dead")["StateReason"]
    machine.run(f"airlockctl recover {stick.device}", **AT_THE_MACHINE)
    unmount(machine, stick.device)
    expect_nothing_left(machine, volume["MountPoint"])


def test_two_sticks_of_one_label(machine, automount, make_image, tmp_path):
    first = make_image("vfat")
    sticks = [machine.plug(first), machine.plug(images.copy(tmp_path / "second", first))]
    places = [wait_for_mount(machine, stick.device) for stick in sticks]
    assert len(set(places)) == 2
    for number, place in enumerate(places):
        machine.run(f"echo {number} >{place}/number", **AT_THE_MACHINE)
    for number, place in enumerate(places):
        assert machine.text(f"cat {place}/number", **AT_THE_MACHINE) == str(number)
    # They are told apart, even with the same filesystem on both.
    machine.unplug(sticks[0])
    wait_until_forgotten(machine, sticks[0].device)
    assert machine.text(f"cat {places[1]}/number", **AT_THE_MACHINE) == "1"


@pytest.mark.parametrize("kind, how", STICKS)
def test_a_write_protected_stick(machine, automount, make_image, kind, how):
    image = make_image(kind)
    before = image.read_bytes()
    stick = machine.plug(image, how, read_only=True)
    volume = wait_for_state(machine, stick.device, "mounted")
    assert volume["MountedReadOnly"] and "write-protected" in volume["ReadOnlyReason"]
    machine.run(f"touch {volume['MountPoint']}/file", **AT_THE_MACHINE, allowed=1)
    unmount(machine, stick.device)
    assert image.read_bytes() == before


def test_two_signatures_are_touched_by_nobody(machine, automount, make_image):
    image = make_image("ext4")
    with open(make_image("vfat"), "rb") as fat, open(image, "r+b") as both:
        both.write(fat.read(512))
    before = image.read_bytes()
    stick = machine.plug(image)
    assert "several formats" in wait_for_state(machine, stick.device, "refused")["StateReason"]
    machine.run(f"airlockctl mount {stick.device}", **AT_THE_MACHINE, allowed=7)
    machine.run(f"udisksctl mount -b {stick.device}", **AT_THE_MACHINE, allowed=1)
    machine.unplug(stick)
    assert image.read_bytes() == before


@pytest.mark.parametrize("table", ["dos", pytest.param("gpt", marks=pytest.mark.every_time)])
def test_four_partitions(machine, automount, make_image, tmp_path, table):
    kinds = [*KINDS, "ext4"]
    parts = [make_image(kind, label=f"PART{number}", size=48) for number, kind in enumerate(kinds, 1)]
    stick = machine.plug(images.partitioned(tmp_path / "whole", parts, table))
    for number, kind in enumerate(kinds, 1):
        place = wait_for_mount(machine, stick.partition(number))
        assert place == f"/run/media/user/PART{number}"
        assert machine.mounts(stick.partition(number))[0][1] == f"fuseblk.airlock.{kind}"
        fill(machine, place)
    assert machine.volume(stick.device)["State"] == "ignored"
    machine.run(f"airlockctl eject {stick.partition(2)}", **AT_THE_MACHINE)
    for number in range(1, 5):
        expect_nothing_left(machine, f"/run/media/user/PART{number}")


def test_what_has_no_driver_is_left_to_udisks(machine, automount, tmp_path):
    stick = machine.plug(images.empty(tmp_path / "btrfs", 128))
    machine.run(f"mkfs.btrfs -q -L OTHER {stick.device}; udevadm trigger --settle -c change {stick.device}")
    machine.unplug(stick)
    wait_until_forgotten(machine, stick.device)
    stick = machine.plug(stick.image)
    assert "there is no driver" in wait_for_state(machine, stick.device, "available")["StateReason"]
    machine.run(f"udisksctl mount -b {stick.device}", **AT_THE_MACHINE)
    assert machine.mounts(stick.device)[0][1] == "btrfs"
    machine.run(f"udisksctl unmount -b {stick.device}", **AT_THE_MACHINE)


@pytest.mark.parametrize("how", ["usb-storage", "usb-uas"])
def test_powered_off_it_is_gone_from_the_bus(machine, automount, make_image, how):
    stick = machine.plug(make_image("ext4"), how)
    place = wait_for_mount(machine, stick.device)
    fill(machine, place)
    machine.run(f"airlockctl eject --power-off {stick.device}", **AT_THE_MACHINE)
    wait_until(lambda: not machine.succeeds(f"test -e {stick.device}"), DEADLINE, "the disk to go")
    assert not machine.succeeds(f"grep -q {stick.serial} /sys/bus/usb/devices/*/serial")
    expect_nothing_left(machine, place)


def pulled_while_mounted(machine, image):
    """Plugs in the same stick again."""
    stick = machine.plug(image)
    place = wait_for_mount(machine, stick.device)
    fill(machine, place)
    machine.run(f"sync {place}/folder/data {place}/folder {place}", **AT_THE_MACHINE)
    machine.unplug(stick)
    wait_until_forgotten(machine, stick.device)
    again = machine.plug(image)
    return again, wait_for_state(machine, again.device, "mounted")


def test_what_was_pulled_while_mounted_is_replayed_and_checked(machine, automount, make_image):
    _, volume = pulled_while_mounted(machine, make_image("ext4"))
    assert volume["LastCheck"], "nobody looked at it"
    assert not volume["MountedReadOnly"], volume["ReadOnlyReason"]
    assert "folder/data" in listing(machine, volume["MountPoint"])


@pytest.mark.parametrize("kind", ["vfat", "exfat"])
def test_what_has_no_journal_and_was_pulled_can_be_written_if_it_is_consistent_or_repaired(machine, automount,
                                                                                            make_image, kind):
    stick, volume = pulled_while_mounted(machine, make_image(kind))
    consistent = volume["LastCheck"]["verdict"] in ("clean", "dirty")
    assert volume["MountedReadOnly"] == (not consistent) == bool(volume["ReadOnlyReason"]), volume
    assert "folder/data" in listing(machine, volume["MountPoint"])
    unmount(machine, stick.device)
    machine.run(f"airlockctl repair --yes {stick.device} && airlockctl mount {stick.device}")
    volume = machine.volume(stick.device)
    assert volume["State"] == "mounted" and not volume["MountedReadOnly"], volume["ReadOnlyReason"]


def test_airlockd_says_why(machine, make_image):
    stick = machine.plug(make_image("ext4"))
    wait_for_state(machine, stick.device, "available")
    told = explained(machine, stick.device)
    assert told["decision"] == "leave" and "desktop" in told["reason"]
