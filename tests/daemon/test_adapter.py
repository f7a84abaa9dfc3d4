# SPDX-License-Identifier: GPL-2.0-or-later
"""airlockd and media that a program of the distribution serves: for users, without that program, and what it promises at the end."""
import os

import pytest

import harness
from machine import ALICE, DEADLINE, VOLUME, Machine, Refused, without_program

HELLO = "hello"


def make_ntfs(folder):
    image = folder / "ntfs.img"
    with open(image, "wb") as file:
        file.truncate(32 << 20)
    harness.run(["mkntfs", "-q", "-F", "-L", "WINDOWS", image])
    return image


def make_xfs(folder):
    image = folder / "xfs.img"
    with open(image, "wb") as file:
        file.truncate(300 << 20)
    (folder / "hello.txt").write_text(HELLO)
    (folder / "prototype").write_text(f"/nothing\n0 0\nd--755 0 0\nhello.txt ---644 0 0 {folder}/hello.txt\n$\n")
    harness.run(["mkfs.xfs", "-q", "-L", "XSTICK", "-p", folder / "prototype", image])
    return image


def outcome_of(machine, stick):
    return machine.volume_of(stick)[1]["LastUnmount"]["outcome"]


def test_a_stick_that_is_only_read_is_safe_to_remove(machine):
    stick = machine.stick_of(make_xfs(machine.scratch)).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    assert (volume["Type"], volume["Label"], volume["Driver"]) == ("xfs", "XSTICK", "airlock-adapter")
    assert volume["ReadOnlyReason"] == "the driver grub-mount can only read"
    assert machine.read_as(ALICE, f"{volume['MountPoint']}/hello.txt") == HELLO
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert outcome_of(machine, stick) == "safe"


def test_a_stick_with_ntfs_is_written_and_promises_nothing(machine):
    machine.allow("mount-removable")
    stick = machine.stick_of(make_ntfs(machine.scratch)).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    assert not volume["MountedReadOnly"], volume["ReadOnlyReason"]
    place = volume["MountPoint"]
    machine.run_as(ALICE, ["sh", "-c", f"echo {HELLO} >'{place}/new' && mkdir '{place}/folder'"])
    assert machine.read_as(ALICE, f"{place}/new") == HELLO + "\n"
    assert "daemon" in machine.run_as(ALICE, ["stat", "-c", "%U", f"{place}/new"]).stdout
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert outcome_of(machine, stick) == "unknown"
    machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
    assert machine.read_as(ALICE, f"{place}/new") == HELLO + "\n"
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")


def test_an_image_of_a_user_is_mounted(machine):
    machine.allow("mount-image")
    image = make_xfs(machine.scratch)
    os.chown(image, *[ALICE[0]] * 2)
    with machine.image_opener(ALICE, image) as path:
        place = machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
        assert machine.read_as(ALICE, f"{place}/hello.txt") == HELLO
        machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")


def test_a_killed_program_leaves_a_dead_mount(machine):
    stick = machine.stick_of(make_ntfs(machine.scratch)).plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    driver = volume["DriverPid"]
    with open(f"/proc/{driver}/task/{driver}/children", encoding="ascii") as children:
        os.kill(int(children.read()), 9)
    _, volume = machine.wait_for_state(stick, "dead")


def test_a_missing_program_is_named_and_the_medium_is_left_alone(scratch):
    image = make_ntfs(scratch)
    with without_program("ntfs-3g", scratch), Machine(scratch) as machine:
        machine.sit_down(ALICE)
        stick = machine.stick_of(image).plug()
        words = "install the package ntfs-3g to read this medium"

        def told():
            found = machine.volume_of(stick)
            return found if found and words in found[1]["StateReason"] else None
        path, volume = harness.wait_until(told, DEADLINE, words)
        assert volume["State"] == "available"
        with pytest.raises(Refused, match=words) as refused:
            machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
        assert refused.value.name == "Unsupported"
