# SPDX-License-Identifier: GPL-2.0-or-later
"""People's actions through udisks lead to contained mounts, and udisks works as they know it."""
import json
import subprocess

import pytest

from container import DEADLINE, wait_until

QUICK_SILENCE = "[deadlines]\nsilence = 2\nheartbeat = 1\n"


def mount(guest, device, allowed=0, options=""):
    return guest.run(f"udisksctl mount -b {device} {options}", user="user", allowed=allowed).text


def unmount(guest, device):
    guest.run(f"udisksctl unmount -b {device}", user="user")


def the_mount(guest, device):
    (place, kind, options), = guest.mounts(device)
    return place, kind, options.split(",")


def wait_for_state(guest, device, state):
    wait_until(lambda: (guest.volume(device) or {}).get("State") == state, DEADLINE,
               f"the volume to be {state}: {guest.volume(device)}")


def wait_until_at_rest(guest, device):
    # The guest's seat is empty, so media that airlockd could mount automatically wait.
    wait_until(lambda: (guest.volume(device) or {}).get("State") in ("available", "waiting"), DEADLINE,
               "the volume to be free again")


def expect_nothing_left(guest, device, place):
    wait_until(lambda: guest.drivers() == 0, DEADLINE, "the driver to end")
    assert guest.mounts(device) == []
    wait_until(lambda: guest.run(f"test ! -e '{place}'", allowed=None).code == 0, DEADLINE,
               "the folder to go")


def restart_airlockd(guest):
    # The tests cause this many starts in a minute.
    guest.run("systemctl reset-failed airlockd; systemctl restart airlockd")


@pytest.fixture
def settings(guest):
    """Writes the settings of a test, and removes them in the end."""
    path = "/etc/airlock/airlock.toml.d/test.toml"

    def write(text):
        guest.run(f"mkdir -p /etc/airlock/airlock.toml.d && printf '%s' '{text}' > {path}")
        restart_airlockd(guest)
    yield write
    guest.run(f"rm -f {path}")
    restart_airlockd(guest)


@pytest.mark.parametrize("kind", ["ext4", "vfat"])
def test_a_stick_is_mounted_contained_and_keeps_what_is_written(guest, make_image, kind):
    device = guest.plug(make_image(kind))
    told = mount(guest, device)
    place, found, options = the_mount(guest, device)
    assert place in told and found == f"fuseblk.airlock.{kind}"
    assert {"nosuid", "nodev", "noexec", "allow_other", "user_id=1000", "group_id=1000"} <= set(options)
    volume = guest.volume(device)
    assert volume["State"] == "mounted" and volume["MountedFor"] == 1000
    assert volume["MountPoint"] == place
    guest.run(f"echo kept > {place}/file && stat -c %U {place}/file | grep -qx user", user="user")
    assert guest.text(f"lsblk -no MOUNTPOINT {device}") == place
    unmount(guest, device)
    wait_until_at_rest(guest, device)
    expect_nothing_left(guest, device, place)
    mount(guest, device)
    assert guest.text(f"cat {the_mount(guest, device)[0]}/file", user="user") == "kept"
    unmount(guest, device)


def test_the_driver_is_airlockd_s_and_outlives_udisks(guest, make_image):
    device = guest.plug(make_image("ext4"))
    mount(guest, device)
    place = the_mount(guest, device)[0]
    driver = guest.volume(device, "DriverPid")
    assert "airlockd.service" in guest.text(f"cat /proc/{driver}/cgroup")
    guest.run("systemctl restart udisks2")
    assert guest.volume(device, "DriverPid") == driver
    guest.run(f"echo still > {place}/file", user="user")
    unmount(guest, device)
    expect_nothing_left(guest, device, place)


@pytest.mark.parametrize("how", ["systemctl restart airlockd", "systemctl kill --kill-whom=main -s KILL airlockd"])
def test_it_is_found_again_by_the_next_airlockd(guest, make_image, how):
    device = guest.plug(make_image("ext4"))
    mount(guest, device)
    place = the_mount(guest, device)[0]
    driver = guest.volume(device, "DriverPid")
    before = guest.text("systemctl show -P MainPID airlockd")
    guest.run(how)
    wait_until(lambda: guest.text("systemctl show -P MainPID airlockd") not in ("0", before), DEADLINE,
               "another airlockd")
    wait_for_state(guest, device, "mounted")
    assert guest.volume(device, "DriverPid") == driver
    guest.run(f"echo still > {place}/file", user="user")
    unmount(guest, device)
    wait_until_at_rest(guest, device)
    expect_nothing_left(guest, device, place)


@pytest.mark.parametrize("how", ["umount {place}", "airlockctl unmount {device}"])
def test_others_unmount_it_as_well(guest, make_image, how):
    device = guest.plug(make_image("ext4"))
    mount(guest, device)
    place = the_mount(guest, device)[0]
    guest.run(how.format(place=place, device=device))
    wait_until_at_rest(guest, device)
    expect_nothing_left(guest, device, place)
    mount(guest, device)
    unmount(guest, device)


@pytest.mark.parametrize("kind", ["ext4", "vfat"])
@pytest.mark.parametrize("asked", ["ext4", "ext2", "vfat", "auto"])
def test_nobody_gets_around_the_driver(guest, make_image, kind, asked):
    device = guest.plug(make_image(kind))
    guest.run(f"udisksctl mount -b {device} -t {asked}", user="user", allowed=None)
    assert all(found.startswith("fuseblk.airlock.") for _, found, _ in guest.mounts(device))


def test_options_of_the_caller_are_minded(guest, make_image):
    device = guest.plug(make_image("ext4"))
    mount(guest, device, options="-o ro")
    assert "ro" in the_mount(guest, device)[2]
    unmount(guest, device)
    mount(guest, device, options="-o exec")
    assert "noexec" not in the_mount(guest, device)[2]
    unmount(guest, device)
    for option in ("suid", "dev", "uid=0", "codepage=437"):
        mount(guest, device, options=f"-o {option}", allowed=1)
    assert guest.mounts(device) == []


def test_a_write_protected_stick_is_mounted_read_only(guest, make_image):
    device = guest.plug(make_image("ext4"), read_only=True)
    mount(guest, device)
    place, kind, options = the_mount(guest, device)
    assert kind == "fuseblk.airlock.ext4" and "ro" in options
    assert guest.volume(device, "ReadOnlyReason") == "the medium is write-protected"
    unmount(guest, device)
    expect_nothing_left(guest, device, place)


def test_two_sticks_of_one_label(guest, make_image, tmp_path):
    first = guest.plug(make_image("ext4"))
    image = tmp_path / "other"
    subprocess.run(["cp", make_image("ext4"), image], check=True)
    second = guest.plug(image)
    for device in (first, second):
        mount(guest, device)
    places = {the_mount(guest, device)[0] for device in (first, second)}
    assert len(places) == 2
    for device in (first, second):
        unmount(guest, device)
    wait_until(lambda: guest.drivers() == 0, DEADLINE, "the drivers to end")


def test_a_pulled_stick_leaves_nothing_behind(guest, make_image):
    device = guest.plug(make_image("ext4"))
    mount(guest, device)
    place = the_mount(guest, device)[0]
    holder = guest.start(f"echo $$ > /tmp/holder; exec sleep 600 < {place}", user="user")
    try:
        wait_until(lambda: guest.run("ls -l /proc/$(cat /tmp/holder)/fd/0 | grep -q media", allowed=None).code
                   == 0, DEADLINE, "somebody to use it")
        guest.yank(device)
        expect_nothing_left(guest, device, place)
        wait_until(lambda: guest.volume(device) is None, DEADLINE, "the volume to go")
    finally:
        guest.run("kill $(cat /tmp/holder)", allowed=None)
        holder.wait(DEADLINE)


def test_two_signatures_are_touched_by_nobody(guest, make_image):
    image = make_image("ext4")
    with open(make_image("vfat"), "rb") as fat, open(image, "r+b") as both:
        both.write(fat.read(512))
    before = image.read_bytes()
    device = guest.plug(image)
    told = guest.run(f"udisksctl mount -b {device}", user="user", allowed=1).text
    assert "filesystem" in told
    assert guest.volume(device, "State") in ("refused", "available", "waiting")
    guest.unplug(device)
    assert image.read_bytes() == before


def test_what_has_no_driver_is_mounted_as_before(guest, tmp_path):
    image = tmp_path / "btrfs"
    subprocess.run(["truncate", "-s", "128M", image], check=True)
    device = guest.plug(image)
    guest.run(f"mkfs.btrfs -q -L OTHER {device} && udevadm trigger --settle -c change {device}")
    wait_until(lambda: mount(guest, device, allowed=None).startswith("Mounted"), DEADLINE, "the mount")
    place, kind, _ = the_mount(guest, device)
    assert kind == "btrfs"
    unmount(guest, device)


def test_it_can_be_switched_off(guest, make_image):
    guest.run("mkdir -p /etc/airlock && touch /etc/airlock/no-udisks")
    try:
        device = guest.plug(make_image("ext4"))
        mount(guest, device)
        assert the_mount(guest, device)[1] == "ext4"
        unmount(guest, device)
    finally:
        guest.run("rm /etc/airlock/no-udisks")


def test_airlockd_leaves_it_to_the_desktop_and_says_so(guest, make_image, settings):
    device = guest.plug(make_image("ext4"))
    explained = json.loads(guest.text(f"airlockctl explain --json {device}"))
    assert explained["facts"]["mounted-by"] == "udisks"
    assert guest.mounts(device) == []
    properties = guest.text(f"udevadm info --query=property {device}")
    assert "UDISKS_AUTO=1" in properties and "AIRLOCK_MOUNTED_BY=udisks" in properties


def test_a_refusal_is_told(guest, make_image, settings):
    settings('[drivers]\ndisabled = ["ext"]\n')
    device = guest.plug(make_image("ext4"))
    wait_until_at_rest(guest, device)
    mount(guest, device, allowed=1)
    assert guest.mounts(device) == []
    reason = 'the driver ext for "ext4" is disabled in the settings'
    volume = guest.volume(device)
    assert volume["State"] == "refused" and reason in volume["StateReason"]
    assert reason in guest.text("journalctl -b -u airlockd --no-pager -o cat | grep 'mounting failed'")


def test_settings_can_make_it_read_only(guest, make_image, settings):
    settings("read-only = true\n")
    device = guest.plug(make_image("ext4"))
    mount(guest, device)
    assert "ro" in the_mount(guest, device)[2]
    unmount(guest, device)


@pytest.mark.parametrize("how", ["umount {place}", "udisksctl unmount -b {device}"])
def test_a_driver_that_does_not_answer_holds_nobody_up(guest, make_image, settings, tmp_path, how):
    settings(QUICK_SILENCE)
    device = guest.plug(make_image("ext4"))
    other = guest.plug(make_image("ext4", label="OTHER"))
    mount(guest, device)
    place = the_mount(guest, device)[0]
    guest.run(f"kill -STOP {guest.volume(device, 'DriverPid')}")
    leaving = guest.start(how.format(place=place, device=device))
    try:
        wait_until(lambda: guest.mounts(device) == [], DEADLINE, "the mount to leave the tree")
        mount(guest, other)
        assert leaving.wait(DEADLINE) is not None
    finally:
        leaving.kill()
        leaving.wait()
    wait_until_at_rest(guest, device)
    assert "may be lost" in guest.text("journalctl -b -u airlockd --no-pager -o cat")
    unmount(guest, other)
    wait_until(lambda: guest.drivers() == 0, DEADLINE, "the drivers to end")
