# SPDX-License-Identifier: GPL-2.0-or-later
"""airlockd watches the mounts of mount(8): it lists them, reports their death and unmounts them like any other."""
import os
import pathlib
import signal
import socket
import subprocess

import harness
import pytest
from machine import ALICE, VOLUME, Machine, Refused, tiny_drivers


@pytest.fixture
def machine(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        yield machine


class ByHand:
    """A mount that root makes at a folder of their own."""

    def __init__(self, machine, source):
        self.machine = machine
        self.source = str(source)
        self.place = machine.scratch / "by-hand"
        self.place.mkdir(exist_ok=True)

    def mount(self, options="uid=1", environment=None, allowed=0):
        done = subprocess.run(
            [harness.built("cli/mount.airlock"), self.source, self.place, "-v", "-t", "airlock.ext4",
             "-o", options],
            env={"AIRLOCK_DRIVER_DIR": str(harness.built("contained/airlock-ext").parent),
                 "AIRLOCK_MOUNT_BUS": str(harness.built("cli/airlock-mount-bus")),
                 **(self.machine.environment if environment is None else environment)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=harness.PATIENCE, check=False)
        assert done.returncode == allowed, done.stdout
        return done.stdout

    def volume(self):
        """The object of the volume mounted here, and its properties; None if there is none."""
        found = [(path, volume) for path, volume in self.machine.volumes().items()
                 if volume["MountPoint"] == str(self.place)]
        assert len(found) <= 1
        return found[0] if found else None

    def is_image(self):
        return not self.source.startswith("/dev/loop")

    def mounted(self):
        return str(self.place) in harness.mount_targets()


@pytest.fixture(params=["device", "image"])
def by_hand(machine, request):
    stick = machine.make_stick("HANDMADE", {"file": "there"})
    if request.param == "device":
        stick.plug()
        machine.wait_for_state(stick, "available")
        return ByHand(machine, stick.device)
    return ByHand(machine, stick.image)


def test_it_is_a_volume_and_unmounted_like_one(machine, by_hand):
    by_hand.mount()
    path, volume = by_hand.volume()
    assert volume["State"] == "mounted" and volume["MountedFor"] == ALICE[0]
    assert volume["Driver"] == "airlock-ext" and volume["DriverOrigin"] == "builtin"
    assert pathlib.Path(f"/proc/{volume['DriverPid']}/comm").read_text().startswith("airlock-ext")
    assert machine.read_as(ALICE, by_hand.place / "file") == "there"
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert not by_hand.mounted()
    assert by_hand.place.is_dir(), "the folder is not airlockd's to remove"


def test_its_driver_s_death_is_told(machine, by_hand):
    by_hand.mount()
    path, volume = by_hand.volume()
    with harness.within(1.5):
        os.kill(volume["DriverPid"], signal.SIGKILL)
        harness.wait_until(lambda: by_hand.volume()[1]["State"] == "dead", harness.PATIENCE, "the death to be told")
    machine.allow("mount-removable")
    with pytest.raises(Refused) as refused:
        machine.call_as(ALICE, path, VOLUME, "Recover", "('read-write', @a{sv} {})")
    assert refused.value.name == "Unsupported" and "mount(8)" in refused.value.message
    machine.call_as(ALICE, path, VOLUME, "Detach", "(@a{sv} {},)")
    assert not by_hand.mounted() and by_hand.place.is_dir()
    by_hand.mount(options="uid=1,ro")
    assert by_hand.volume()[1]["State"] == "mounted"


def test_what_the_driver_says_is_kept(machine, by_hand, scratch):
    with open(by_hand.source, "r+b") as medium:
        medium.write(b"serve\0")
    by_hand.mount(environment={**machine.environment, **tiny_drivers(scratch)})
    path, volume = by_hand.volume()
    # A look-up of the name is the command to this driver.
    machine.run_as(ALICE, ["stat", by_hand.place / "say-hello"])

    def said():
        return {line for line in machine.call(path, VOLUME, "GetLog") if "hello" in line}
    harness.wait_until(said, harness.PATIENCE, "what the driver says to be heard")
    assert said() == {"airlock-ext: hello"}
    os.kill(volume["DriverPid"], signal.SIGKILL)
    harness.wait_until(lambda: by_hand.volume()[1]["State"] == "dead", harness.PATIENCE, "the death to be told")
    assert said() == {"airlock-ext: hello"}, "its last words count when it is dead"


def test_umount_8_ends_the_story(machine, by_hand):
    by_hand.mount()
    harness.run(["umount", by_hand.place])
    harness.wait_until(lambda: by_hand.volume() is None, harness.PATIENCE, "the unmount to be seen")
    assert by_hand.place.is_dir()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_the_next_airlockd_finds_it(machine, by_hand, how):
    by_hand.mount()
    before = by_hand.volume()[1]
    machine.stop_daemon(how)
    machine.start_daemon()
    path, after = by_hand.volume()
    for key in ("State", "DriverPid", "MountedFor", "Driver"):
        assert after[key] == before[key], key
    try:
        machine.call(path, VOLUME, "Unmount", "(@a{sv} {},)")
    except Refused as told:  # no process has the image itself open any more
        assert by_hand.is_image() and told.name == "Io" and "kept" in told.message
    assert not by_hand.mounted() and by_hand.place.is_dir()


def test_without_airlockd_it_mounts_all_the_same(machine, by_hand):
    machine.stop_daemon()
    assert "does not watch" in by_hand.mount()
    assert by_hand.mounted()
    harness.run(["umount", by_hand.place])
    if by_hand.is_image():  # the driver first writes the rest, and then releases it
        harness.run(["flock", by_hand.source, "true"])
    said = by_hand.mount(environment={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nobody/listens/here"})
    assert "no system bus" in said and by_hand.mounted()
    harness.run(["umount", by_hand.place])


def test_an_airlockd_that_hangs_holds_up_no_mount(machine, by_hand):
    machine.daemon.send_signal(signal.SIGSTOP)
    with harness.within(8):
        try:
            assert "no answer" in by_hand.mount()
        finally:
            machine.daemon.send_signal(signal.SIGCONT)
    assert by_hand.mounted()


def test_a_bus_that_hangs_holds_up_no_mount(machine, by_hand):
    """It accepts the connection and stays silent."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(machine.scratch / "silent"))
        silent.listen()
        with harness.within(10):
            said = by_hand.mount(environment={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={machine.scratch}/silent"})
    assert "does not watch" in said and by_hand.mounted()
    harness.run(["umount", by_hand.place])


def test_a_mount_that_fails_is_nobody_s(machine, by_hand):
    by_hand.mount(options="uid=1,nonsense", allowed=32)
    assert by_hand.volume() is None


def test_for_udisks_airlockd_makes_the_mount(machine, by_hand):
    if by_hand.is_image():
        return  # udisks supports only block devices
    by_hand.mount(options="rw,uhelper=udisks2,nodev,nosuid,uid=1,gid=1,airlock")
    path, volume = by_hand.volume()
    assert volume["State"] == "mounted" and volume["MountedFor"] == ALICE[0]
    status = pathlib.Path(f"/proc/{volume['DriverPid']}/status").read_text()
    assert f"PPid:\t{machine.daemon.pid}\n" in status
    harness.wait_until(lambda: machine.living() == [volume["DriverPid"]], harness.PATIENCE,
                       "the keeper of the mount point to end")
    assert machine.read_as(ALICE, by_hand.place / "file") == "there"
    harness.run(["umount", by_hand.place])
    harness.wait_until(lambda: by_hand.volume() is None, harness.PATIENCE, "the unmount to be seen")
    assert by_hand.place.is_dir()
    told = by_hand.mount(options="uhelper=udisks2,uid=1,nonsense", allowed=32)
    assert "nonsense" in told and not by_hand.mounted()


def test_for_udisks_nobody_mounts_without_airlockd(machine, by_hand):
    nobody = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nobody/listens/here"}
    assert "no system bus" in by_hand.mount(options="uhelper=udisks2", environment=nobody, allowed=32)
    assert not by_hand.mounted()


def test_others_cannot_hand_over_anything(machine, by_hand):
    by_hand.mount(environment={})
    with pytest.raises(Refused) as refused:
        machine.call_as(ALICE, "/org/airlock1", "org.airlock1.Manager", "AdoptMount",
                        "(uint64 1, uint64 1, {handover}, 'x', 'builtin', uint32 1)",
                        image=[str(by_hand.place), "ro"])
    assert refused.value.name == "NotPermitted"
    assert by_hand.volume() is None
    harness.run(["umount", by_hand.place])
