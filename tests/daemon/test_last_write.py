# SPDX-License-Identifier: GPL-2.0-or-later
"""One write or flush of the device fails, once, at any position: airlockd reports "safe" only if all is there.

AIRLOCK_EVERY_FAULT=1 tries every position instead of a few.
"""
import os
import pathlib
import subprocess
import sys

import harness
import pytest
from machine import ALICE, VOLUME, Machine, Refused

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "check"))
from odd_media import odd_medium  # noqa: E402

FILES = 20
EVERY = "AIRLOCK_EVERY_FAULT" in os.environ
# The first writes are data, the last ones mark the medium as clean.
POSITIONS = range(1, 200) if EVERY else (1, 2, 3, 5, 9)
CONTENT = "".join(f"{number}: all of this must be there\n" for number in range(400))
NO_OPTIONS = "(@a{sv} {},)"


MAKE = {"ext4": ["mke2fs", "-q", "-F", "-t", "ext4", "-L", "STICK"], "vfat": ["mkfs.fat", "-F32", "-s1", "-n", "STICK"]}


def make_image(path, kind):
    harness.run(["truncate", "-s", "64M", path])
    harness.run([*MAKE[kind], path])
    return path


def make_files(machine, place, certainly=True):
    source = machine.scratch / "content"
    source.write_text(CONTENT)
    source.chmod(0o644)
    done = machine.run_as(ALICE, ["sh", "-c", f"cd {place} && for i in $(seq {FILES}); do cat {source} > file$i; done"])
    assert done.returncode == 0 or not certainly, done.stdout


def everything_is_there(scratch, medium, kind):
    """Checks the contents of the medium itself, with programs that share no code with the drivers."""
    copy = scratch / "pulled.img"
    medium.copy(copy)
    for number in range(1, FILES + 1):
        read = (["debugfs", "-R", f"cat /file{number}", copy] if kind == "ext4"
                else ["mtype", "-i", copy, f"::file{number}"])
        done = subprocess.run(read, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
        if done.stdout != CONTENT:
            return False
    return True


def unmount_by_call(machine, path, volume):
    """The report to the person: whether it is safe, and in which words."""
    try:
        machine.call_as(ALICE, path, VOLUME, "Unmount", NO_OPTIONS)
    except Refused as refused:
        assert refused.name.endswith("Io"), refused.message
        assert "lost" in refused.message or "could not" in refused.message, refused.message
        return False
    return machine.volumes()[path]["LastUnmount"]["outcome"] == "safe"


def unmount_with_airlockctl(machine, path, volume):
    done = machine.run_as(ALICE, [harness.built("cli/ctl/airlockctl"), "unmount", volume["Id"]], env=machine.environment)
    assert (done.returncode == 0) == ("safe to remove" in done.stdout), done.stdout
    assert done.returncode in (0, 7), done.stdout
    return done.returncode == 0


def unmount_with_umount(machine, path, volume):
    harness.run(["umount", volume["MountPoint"]])
    harness.wait_until(lambda: machine.volumes()[path]["State"] == "available", 20, "the end")
    return machine.volumes()[path]["LastUnmount"]["outcome"] == "safe"


def eject(machine, path, volume):
    done = machine.run_as(ALICE, [harness.built("cli/ctl/airlockctl"), "eject", volume["Id"]], env=machine.environment)
    assert (done.returncode == 0) == ("safe to remove" in done.stdout), done.stdout
    return done.returncode == 0


WAYS = {"call": unmount_by_call, "airlockctl": unmount_with_airlockctl, "umount": unmount_with_umount, "eject": eject}


@pytest.mark.parametrize("kind", ["ext4", "vfat"])
@pytest.mark.parametrize("what", ["write", "flush"])
@pytest.mark.parametrize("way", WAYS)
def test_safe_is_said_only_if_everything_is_there(scratch, kind, what, way):
    safe = unsafe = 0
    for position in POSITIONS:
        folder = scratch / f"at-{position}"
        folder.mkdir()
        scratch.chmod(0o755)
        image = make_image(folder / "stick.img", kind)
        with odd_medium(image, folder / "odd") as medium, Machine(folder) as machine:
            machine.sit_down(ALICE)
            machine.allow("eject")
            stick = machine.stick_of(medium.medium).plug()
            path, volume = machine.wait_for_state(stick, "mounted")
            make_files(machine, volume["MountPoint"])
            medium.fail_one(what, position)
            said_safe = WAYS[way](machine, path, volume)
            struck = medium.failed()
            assert not said_safe or everything_is_there(folder, medium, kind), f"a lie at {what} {position}"
            # No warning without a reason.
            assert said_safe or struck, f"warned without a reason at {what} {position}: {machine.volumes()[path]}"
            safe, unsafe = safe + said_safe, unsafe + (not said_safe)
        if not struck:
            break
    assert unsafe > 0, "no fault did anything: the test tests nothing"


@pytest.mark.parametrize("kind", ["ext4", "vfat"])
def test_a_commit_that_failed_long_before_is_told_at_the_end(scratch, kind):
    image = make_image(scratch / "stick.img", kind)
    with odd_medium(image, scratch / "odd") as medium, Machine(scratch) as machine:
        machine.sit_down(ALICE)
        stick = machine.stick_of(medium.medium).plug()
        path, volume = machine.wait_for_state(stick, "mounted")
        medium.fail_one("flush", 1)
        make_files(machine, volume["MountPoint"], certainly=False)
        # A commit in the background; the writing program has ended by then.
        harness.wait_until(medium.failed, 20, "the flush that fails")
        assert unmount_by_call(machine, path, volume) is False
        assert machine.volumes()[path]["LastUnmount"]["outcome"] == "incomplete"


@pytest.mark.parametrize("what", ["write", "flush"])
def test_of_an_image_as_well(scratch, what):
    image = make_image(scratch / "stick.img", "ext4")
    unsafe = 0
    with odd_medium(image, scratch / "odd") as medium, Machine(scratch) as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-image")
        for position in (1, 2, 4):
            with machine.image_opener(ALICE, medium.medium) as path:
                place = machine.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
                volume = machine.volumes()[path]
                make_files(machine, volume["MountPoint"])
                medium.fail_one(what, position)
                said_safe = unmount_by_call(machine, path, volume)
                medium.well()
                assert not said_safe or everything_is_there(scratch, medium, "ext4"), (place, position)
                unsafe += not said_safe
    assert unsafe > 0, "no fault did anything: the test tests nothing"
