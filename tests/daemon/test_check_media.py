# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of media that answer with errors, slowly, or no longer."""
import contextlib
import pathlib
import re
import sys
import time

import harness
import pytest
from machine import ALICE, JOB, VOLUME, Asking, Machine, Refused

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "check"))
import fat_media  # noqa: E402
from odd_media import odd_medium  # noqa: E402

NO_OPTIONS = "(@a{sv} {},)"
ALWAYS = '\n[[rule]]\nname = "r"\nmatch.type = "ext4"\ncheck = "always"\n'
SIZE = 32 << 20
WHOLE_SECOND = 1.0
ATTEMPTS = 3


def make_image(scratch, name="odd.img"):
    """Four groups, whose tables a checker reads to the last inode."""
    content = scratch / f"{name}.content"
    content.mkdir()
    (content / "hello.txt").write_text("hello")
    return harness.make_image(scratch / name, ["-b", "1024", "-O", "^metadata_csum,^uninit_bg", "-L", "ODD",
                                               "-d", content], "32M")


def lonely_inode_table(image):
    """Its place: only a checker reads it."""
    report = harness.run(["dumpe2fs", image]).stdout
    first, last = re.findall(r"Inode table at (\d+)-(\d+)", report)[1]
    return int(first) << 10, (int(last) - int(first) + 1) << 10


@contextlib.contextmanager
def odd_stick(scratch, settings="", automount="on"):
    image = make_image(scratch)
    with odd_medium(image, scratch / "odd") as medium, \
            Machine(scratch, automount=automount, settings=settings) as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable")
        yield machine, machine.stick_of(medium.medium), medium, lonely_inode_table(image)


def test_a_medium_full_of_read_errors_is_only_read(scratch):
    with odd_stick(scratch, ALWAYS, automount="off") as (machine, stick, medium, table):
        stick.plug()
        path, _ = machine.wait_for_state(stick, "available")
        medium.fail(*table)
        machine.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
        volume = machine.volume_of(stick)[1]
        assert volume["MountedReadOnly"] and "can't be read" in volume["ReadOnlyReason"], volume["ReadOnlyReason"]
        assert volume["LastCheck"]["verdict"] == "unreadable", volume["LastCheck"]
        assert machine.read_as(ALICE, f"{volume['MountPoint']}/hello.txt") == "hello"


def test_a_check_tells_that_a_medium_can_t_be_read(scratch):
    with odd_stick(scratch, automount="off") as (machine, stick, medium, table):
        stick.plug()
        path, _ = machine.wait_for_state(stick, "available")
        assert machine.call_as(ALICE, path, VOLUME, "Check", NO_OPTIONS)["verdict"] == "clean"
        # The kernel would not read again what it has in its cache.
        harness.run(["blockdev", "--flushbufs", stick.device])
        medium.fail(*table)
        found = machine.call_as(ALICE, path, VOLUME, "Check", NO_OPTIONS)
        assert found["verdict"] == "unreadable" and "can't be read" in found["summary"], found
        medium.well()
        assert machine.call_as(ALICE, path, VOLUME, "Check", NO_OPTIONS)["verdict"] == "clean"


def test_a_fat_whose_table_can_t_be_read_is_told(scratch):
    image = scratch / "fat.img"
    harness.run(["truncate", "-s", "32M", image])
    harness.run(["mkfs.fat", "-F16", image])
    with odd_medium(image, scratch / "odd") as medium, Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable")
        stick = machine.stick_of(medium.medium).plug()
        path, _ = machine.wait_for_state(stick, "available")
        medium.fail(32768, 16384)
        found = machine.call_as(ALICE, path, VOLUME, "Check", NO_OPTIONS)
        assert found["verdict"] == "unreadable", found


def test_a_medium_that_is_too_slow_is_only_read(scratch):
    with odd_stick(scratch, "\n[deadlines]\ncheck = 1\n" + ALWAYS) as (machine, stick, medium, table):
        medium.slow(*table, 2000)
        begin = time.monotonic()
        stick.plug()
        _, volume = machine.wait_for_state(stick, "mounted")
        assert time.monotonic() - begin > 1
        assert volume["MountedReadOnly"] and "too long" in volume["ReadOnlyReason"], volume["ReadOnlyReason"]
        assert machine.read_as(ALICE, f"{volume['MountPoint']}/hello.txt") == "hello"


@pytest.mark.parametrize("name", ["crossed-chains", "chain-out-of-range", "size-too-large"])
def test_a_damaged_fat_is_only_read_until_it_is_repaired(scratch, name):
    damaged = fat_media.Fat(scratch / "fat.img")
    damaged.DAMAGE[name](damaged)
    damaged.save()
    with Machine(scratch, settings=ALWAYS.replace("ext4", "vfat")) as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable", "repair")
        stick = machine.stick_of(damaged.path).plug()
        path, volume = machine.wait_for_state(stick, "mounted")
        assert volume["MountedReadOnly"] and volume["LastCheck"]["verdict"] == "errors"
        assert volume["ReadOnlyReason"].startswith("the check before mounting says: "), volume["ReadOnlyReason"]
        kept = fat_media.KEPT.decode()
        assert machine.read_as(ALICE, f"{volume['MountPoint']}/kept.txt") == kept
        machine.call_as(ALICE, path, VOLUME, "Unmount", NO_OPTIONS)
        assert machine.call_as(ALICE, path, VOLUME, "Repair", NO_OPTIONS)["verdict"] == "clean"
        place = machine.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
        assert not machine.volume_of(stick)[1]["MountedReadOnly"]
        assert machine.read_as(ALICE, f"{place}/kept.txt") == kept


def slow_check(machine, stick, medium):
    """A check that takes a while, because each answer of the medium does."""
    medium.well()
    stick.plug()
    path, _ = machine.wait_for_state(stick, "available")
    harness.run(["blockdev", "--flushbufs", stick.device])
    medium.slow(0, SIZE, 200)
    asking = Asking(machine, path, "Check")
    harness.wait_until(lambda: machine.jobs() and machine.living(), harness.PATIENCE, "the check to run")
    return asking


def time_until_over(machine, asking, end):
    with harness.watching() as watch:
        end()
        harness.wait_until(lambda: not machine.jobs() and not machine.living(), harness.PATIENCE, "the check to end")
    asking.join(harness.PATIENCE)
    assert isinstance(asking.outcome, Refused), "it was over before it could be stopped"
    return watch


def assert_within_a_second(attempt):
    """A busy machine may miss it once."""
    watches = []
    while not watches or (not watches[-1].keeps(WHOLE_SECOND) and len(watches) < ATTEMPTS):
        watches.append(attempt())
    assert watches[-1].keeps(WHOLE_SECOND), [str(watch) for watch in watches]


def test_a_check_of_a_slow_medium_is_cancelled_within_a_second(scratch):
    with odd_stick(scratch, automount="off") as (machine, stick, medium, _):
        def attempt():
            asking = slow_check(machine, stick, medium)
            [job] = machine.jobs()
            passed = time_until_over(machine, asking, lambda: machine.call(job, JOB, "Cancel", NO_OPTIONS))
            assert asking.outcome.name == "Cancelled"
            stick.unplug()
            machine.wait_gone(stick)
            return passed
        assert_within_a_second(attempt)


def test_a_check_of_a_slow_medium_ends_within_a_second_when_it_is_pulled(scratch):
    with odd_stick(scratch, automount="off") as (machine, stick, medium, _):
        good = (scratch / "odd.img").read_bytes()

        def attempt():
            (scratch / "odd.img").write_bytes(good)
            asking = slow_check(machine, stick, medium)
            passed = time_until_over(machine, asking, stick.pull)
            machine.wait_gone(stick)
            return passed
        assert_within_a_second(attempt)
