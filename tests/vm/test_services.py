# SPDX-License-Identifier: GPL-2.0-or-later
"""Airlock under a real systemd: its start, its driver services, and how they end."""
import json
import pathlib
import re
import shlex
import subprocess

import pytest

from container import DEADLINE, wait_until

DYNAMIC_USERS = range(61184, 65520)
# These tests do not need udisks.
WITHOUT_UDISKS = "/etc/airlock/no-udisks"


@pytest.fixture
def services(guest):
    guest.run(f"mkdir -p /etc/airlock && touch {WITHOUT_UDISKS}")
    guest.run("systemctl start airlock-ext.socket airlock-fat.socket")
    yield guest
    guest.run(f"systemctl stop airlock-ext.socket airlock-fat.socket; rm {WITHOUT_UDISKS}")


def wait_for_state(guest, device, state):
    return wait_until(lambda: state == (guest.volume(device) or {}).get("State") and guest.volume(device),
                      DEADLINE, f"the volume to be {state}: {guest.volume(device)}")


def exposure(guest, unit):
    told = guest.text(f"systemd-analyze security --no-pager {unit}")
    return float(re.search(r"Overall exposure level for .*: ([0-9.]+)", told)[1])


@pytest.mark.parametrize("kind", ["ext4", "vfat"])
def test_a_mount_is_served_by_a_confined_service(services, make_image, kind):
    guest = services
    device = guest.plug(make_image(kind))
    guest.run(f"airlockctl mount {device}")
    volume = wait_for_state(guest, device, "mounted")
    assert volume["DriverOrigin"] == "/run/airlock/drivers"
    unit = volume["Driver"]
    assert unit.startswith(f"airlock-{'ext' if kind == 'ext4' else 'fat'}@")
    assert int(guest.text(f"stat -c %u /proc/{volume['DriverPid']}")) in DYNAMIC_USERS
    assert exposure(guest, unit) <= 0.2
    status = dict(line.split(":\t", 1) for line in guest.text(f"cat /proc/{volume['DriverPid']}/status").splitlines())
    assert {name: int(status[name], 16) for name in status if name.startswith("Cap")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0)
    # systemd's, and both of the driver's own.
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2") and int(status["Seccomp_filters"]) >= 3, status
    guest.run(f"airlockctl unmount {device}")
    wait_until(lambda: guest.run(f"systemctl is-active {unit}", allowed=None).code != 0, DEADLINE,
               "the service to end")


@pytest.mark.parametrize("signal", ["SEGV", "KILL"])
def test_the_cause_of_a_death_comes_from_the_unit(services, make_image, signal):
    guest = services
    device = guest.plug(make_image("ext4"))
    guest.run(f"airlockctl mount {device}")
    volume = wait_for_state(guest, device, "mounted")
    guest.run(f"kill -{signal} {volume['DriverPid']}")
    dead = wait_for_state(guest, device, "dead")
    assert f"SIG{signal}" in dead["StateReason"], dead["StateReason"]
    guest.run(f"airlockctl detach {device}")


def test_the_bus_starts_airlockd(guest):
    guest.run("systemctl stop airlockd")
    assert json.loads(guest.text("airlockctl list --json")) is not None
    assert guest.text("systemctl is-active airlockd") == "active"


# This does not show that systemd starts it: in a container systemd makes no units for devices.
def test_udev_asks_systemd_for_airlockd(guest, make_image):
    device = guest.plug(make_image("ext4"))
    told = guest.text(f"udevadm info --query=property {device}").splitlines()
    assert "SYSTEMD_WANTS=airlockd.service" in told
    assert any(line.startswith("CURRENT_TAGS=") and ":systemd:" in line for line in told)


def test_airlockd_is_no_more_open_than_it_was(guest):
    guest.run("systemctl start airlockd")
    assert exposure(guest, "airlockd.service") <= 5.6


@pytest.mark.parametrize("how", ["systemctl restart airlockd", "systemctl kill -s KILL airlockd"])
def test_a_mount_outlives_airlockd(services, make_image, how):
    guest = services
    device = guest.plug(make_image("ext4"))
    guest.run(f"airlockctl mount {device}")
    before = wait_for_state(guest, device, "mounted")
    guest.run(f"echo kept > {before['MountPoint']}/file")
    guest.run(how)
    after = wait_for_state(guest, device, "mounted")
    assert (after["DriverPid"], after["Driver"]) == (before["DriverPid"], before["Driver"])
    assert guest.text(f"cat {after['MountPoint']}/file") == "kept"
    guest.run(f"airlockctl unmount {device}")


def write(guest, path, content):
    guest.run(f"mkdir -p {pathlib.PurePath(path).parent} && printf %s {shlex.quote(content)} > {path}")


@pytest.fixture
def elsewhere(services):
    """A driver in the place of libfuse 3.19's services instead of Airlock's."""
    guest = services
    guest.run("systemctl stop airlock-ext.socket")
    service = guest.text("systemctl cat airlock-ext@.service | sed 's/^# .*//'")
    write(guest, "/run/systemd/system/foreign@.service", service)
    write(guest, "/run/systemd/system/foreign.socket",
          "[Socket]\nListenSequentialPacket=/run/filesystems/ext4\nAccept=yes\nSocketMode=0220\nRemoveOnStop=yes\n")
    guest.run("systemctl daemon-reload && systemctl start foreign.socket")
    yield guest
    guest.run("systemctl stop foreign.socket; rm /run/systemd/system/foreign*; systemctl daemon-reload")


def test_a_service_of_somebody_else_is_found_and_used(elsewhere, make_image):
    guest = elsewhere
    device = guest.plug(make_image("ext4"))
    guest.run(f"airlockctl mount {device}")
    volume = wait_for_state(guest, device, "mounted")
    assert volume["DriverOrigin"] == "/run/filesystems" and volume["Driver"].startswith("foreign@"), volume
    guest.run(f"echo kept > {volume['MountPoint']}/file")
    guest.run(f"airlockctl unmount {device}")


def other_client(guest, device):
    write(guest, "/run/other_client.py", (pathlib.Path(__file__).parent / "other_client.py").read_text())
    return f"mkdir -p /mnt && python3 /run/other_client.py /run/airlock/drivers/ext4 {device} /mnt "


@pytest.mark.parametrize("kind, options", [("fuse", ""), ("fuseblk", "-o blkdev")])
def test_any_client_of_the_protocol_can_use_ours(services, make_image, kind, options):
    guest = services
    image = make_image("ext4")
    device = guest.plug(image)
    guest.run(other_client(guest, device) + options)
    assert [mount[1] for mount in guest.mounts(device)] == [f"{kind}.ext4"]
    guest.run("echo kept > /mnt/file && cat /mnt/file && umount /mnt")
    wait_until(lambda: guest.drivers() == 0, DEADLINE, "the driver to end")
    guest.unplug(device)
    subprocess.run(["e2fsck", "-fn", image], check=True, stdout=subprocess.DEVNULL)
    told = subprocess.run(["debugfs", "-R", "cat file", image], check=True, capture_output=True, text=True).stdout
    assert told == "kept\n"


def test_what_slips_in_before_the_kernel_claims_the_device_is_noticed(services, make_image):
    guest = services
    device = guest.plug(make_image("ext4"))
    write_time = 1024 + 0x30
    done = guest.run(f"export MEDDLE_AT={write_time}; " + other_client(guest, device) + "-o blkdev", allowed=None)
    assert done.code == 1, done
    guest.run("umount /mnt")
    assert "another program changed the medium while it was being mounted" in guest.journal()
