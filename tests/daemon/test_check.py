# SPDX-License-Identifier: GPL-2.0-or-later
"""Checking, repairing and naming media that are not mounted."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import threading
import time

import harness
import pytest
from machine import ALICE, BOB, JOB, VOLUME, Machine, Refused

NO_OPTIONS = "(@a{sv} {},)"


@pytest.fixture
def quiet(scratch):
    """A machine where nothing is mounted by itself, and its person may repair."""
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("repair", "mount-removable", "mount-image")
        yield machine


def available(machine, stick):
    return machine.wait_for_state(stick, "available")[0]


def check(machine, path, method="Check"):
    """As the person at the machine."""
    return machine.call_as(ALICE, path, VOLUME, method, NO_OPTIONS)


def plain_image(machine, name, mkfs):
    image = machine.scratch / name
    harness.run(["truncate", "-s", "16M", image])
    harness.run([*mkfs, image])
    return image


def damaged(machine, label="HURT"):
    """A root directory whose entries are gone for good, files that are not."""
    stick = machine.make_stick(label, {"kept.txt": "still here", "other.txt": "this too"})
    harness.run(["debugfs", "-w", "-R", "unlink kept.txt", stick.image])
    return stick


def test_a_clean_stick_is_clean(quiet):
    stick = quiet.make_stick().plug()
    path = available(quiet, stick)
    result = check(quiet, path)
    assert result["verdict"] == "clean" and result["operation"] == "check"
    assert result["checker"].startswith("e2fsck 1.") and result["when"] > 0
    volume = quiet.volume_of(stick)[1]
    assert volume["LastCheck"]["verdict"] == "clean" and volume["State"] == "available"
    assert any("Pass 5" in line for line in quiet.call_as(ALICE, path, VOLUME, "GetCheckLog"))
    assert not quiet.jobs()


def test_a_damaged_stick_is_told_repaired_and_its_files_are_there(quiet):
    stick = damaged(quiet).plug()
    path = available(quiet, stick)
    before = stick.image.read_bytes()
    found = check(quiet, path)
    assert found["verdict"] == "errors" and found["findings"] > 0 and not found["changed"], found
    assert stick.image.read_bytes() == before, "a check wrote to the medium"
    repaired = check(quiet, path, "Repair")
    assert repaired["verdict"] == "clean" and repaired["changed"], repaired
    assert check(quiet, path)["verdict"] == "clean"
    harness.e2fsck_clean(stick.image)
    place = quiet.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
    assert quiet.read_as(ALICE, f"{place}/other.txt") == "this too"
    assert not quiet.volume_of(stick)[1]["MountedReadOnly"]


@pytest.mark.parametrize("mkfs", [["mkfs.fat"], ["mkfs.exfat"]], ids=lambda words: words[0])
def test_what_has_no_driver_yet_is_checked_all_the_same(quiet, mkfs):
    stick = quiet.stick_of(plain_image(quiet, "other.img", mkfs)).plug()
    path = available(quiet, stick)
    assert check(quiet, path)["verdict"] == "clean"
    quiet.call_as(ALICE, path, VOLUME, "SetLabel", "('HOLIDAY', @a{sv} {})")
    assert quiet.volume_of(stick)[1]["Label"] == "HOLIDAY"
    if mkfs == ["mkfs.fat"]:
        with open(stick.device, "r+b") as device:
            device.seek(37)
            device.write(b"\1")
        assert check(quiet, path)["verdict"] == "dirty"
        assert check(quiet, path, "Repair")["verdict"] == "clean"


def test_labels_are_checked_before_anything_is_written(quiet):
    stick = quiet.make_stick("BEFORE").plug()
    path = available(quiet, stick)
    for label in ("far too long for this type", "-L", "a\\nb"):
        with pytest.raises(Refused) as refused:
            quiet.call_as(ALICE, path, VOLUME, "SetLabel", f"('{label}', @a{{sv}} {{}})")
        assert refused.value.name == "InvalidArgument"
    quiet.call_as(ALICE, path, VOLUME, "SetLabel", "('Grüße', @a{sv} {})")
    assert quiet.volume_of(stick)[1]["Label"] == "Grüße"
    harness.e2fsck_clean(stick.image)


def test_a_mounted_stick_is_left_alone(quiet):
    stick = quiet.make_stick().plug()
    path = available(quiet, stick)
    quiet.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
    for method in ("Check", "Repair"):
        with pytest.raises(Refused) as refused:
            check(quiet, path, method)
        assert refused.value.name == "Busy" and "unmount" in refused.value.message


def test_a_stick_somebody_uses_is_busy(quiet):
    stick = quiet.make_stick().plug()
    path = available(quiet, stick)
    holder = os.open(stick.device, os.O_RDONLY | os.O_EXCL)
    try:
        with pytest.raises(Refused) as refused:
            check(quiet, path)
        assert refused.value.name == "Busy"
    finally:
        os.close(holder)
    assert check(quiet, path)["verdict"] == "clean"


def test_repair_takes_permission_and_others_are_kept_out(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        stick = machine.make_stick().plug()
        path = available(machine, stick)
        for person, method in ((ALICE, "Repair"), (BOB, "Check"), (BOB, "Repair")):
            with pytest.raises(Refused) as refused:
                machine.call_as(person, path, VOLUME, method, NO_OPTIONS)
            assert refused.value.name == "NotPermitted", (person, method)
        assert machine.volume_of(stick)[1]["LastCheck"] == {}


def test_an_image_file_is_checked_the_same_way(quiet):
    stick = quiet.make_stick("IMAGE")
    os.chmod(stick.image, 0o600)
    os.chown(stick.image, ALICE[0], ALICE[0])
    with quiet.image_opener(ALICE, stick.image, "ro") as path:
        assert check(quiet, path)["verdict"] == "clean"
        with pytest.raises(Refused) as refused:
            check(quiet, path, "Repair")
        assert refused.value.name == "ReadOnly"


# A checker that does what the medium says, in the place of e2fsck: it may run as long as it likes.

@pytest.fixture
def odd(scratch, monkeypatch):
    folder = scratch / "checkers"
    folder.mkdir()
    shutil.copy(harness.built("tests/sandbox/check/odd-checker"), folder / "e2fsck")
    monkeypatch.setenv("AIRLOCK_CHECKER_DIR", str(folder))
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("repair", "mount-removable")
        yield machine


def odd_stick(machine, wish, label="ODD"):
    """The boot sector of ext is free for anything."""
    stick = machine.make_stick(label)
    with open(stick.image, "r+b") as image:
        image.write(wish.encode() + bytes(64))
    return stick.plug()


class Asking(threading.Thread):
    """A call that takes its time."""

    def __init__(self, machine, path, method="Check"):
        super().__init__(daemon=True)
        self.machine, self.path, self.method = machine, path, method
        self.outcome = None
        self.start()

    def run(self):
        try:
            self.outcome = check(self.machine, self.path, self.method)
        except Refused as refused:
            self.outcome = refused


def living(machine):
    """What the daemon still has to bury does not count."""
    def state(pid):
        with contextlib.suppress(OSError):
            return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return "Z"
    return [pid for pid in machine.children() if state(pid) != "Z"]


def wait_for_checkers(machine, count):
    def running():
        jobs = [job for job in machine.jobs().values() if job["Operation"] in ("check", "repair")]
        spinning = subprocess.run(["pgrep", "-c", "-P", ",".join(map(str, workers(machine))) or "0"],
                                  stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        return len(jobs) == count and int(spinning or 0) >= count
    harness.wait_until(running, 20, f"{count} checkers to run")


def workers(machine):
    """The processes airlock-check runs as."""
    found = []
    for child in machine.children():
        listed = subprocess.run(["pgrep", "-P", str(child)], stdout=subprocess.PIPE, text=True, check=False)
        found += [int(pid) for pid in listed.stdout.split()]
    return found


def test_a_check_can_be_cancelled(odd):
    stick = odd_stick(odd, "spin")
    path = available(odd, stick)
    asking = Asking(odd, path)
    wait_for_checkers(odd, 1)
    assert "checked" in odd.volume_of(stick)[1]["StateReason"]
    with pytest.raises(Refused) as refused:
        odd.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
    assert refused.value.name == "Busy"
    begin = time.monotonic()
    [job] = odd.jobs()
    odd.call_as(ALICE, job, JOB, "Cancel", NO_OPTIONS)
    asking.join(10)
    assert asking.outcome.name == "Cancelled"
    harness.wait_until(lambda: not living(odd), 5, "the checker to end")
    assert time.monotonic() - begin < 3
    # Nobody holds it any more.
    os.close(os.open(stick.device, os.O_RDONLY | os.O_EXCL))
    assert not odd.jobs()


def test_a_stick_pulled_during_its_check_leaves_nothing(odd):
    stick = odd_stick(odd, "spin")
    path = available(odd, stick)
    asking = Asking(odd, path)
    wait_for_checkers(odd, 1)
    begin = time.monotonic()
    stick.pull()
    odd.wait_gone(stick)
    asking.join(10)
    assert isinstance(asking.outcome, Refused)
    harness.wait_until(lambda: not living(odd), 5, "the checker to end")
    assert time.monotonic() - begin < 4
    assert not odd.jobs()


def test_two_checks_at_once_do_not_mind_each_other(odd):
    first, second = odd_stick(odd, "spin", "ONE"), odd_stick(odd, "code 0", "TWO")
    path = available(odd, first)
    other = available(odd, second)
    asking = Asking(odd, path)
    wait_for_checkers(odd, 1)
    assert check(odd, other)["verdict"] == "clean"
    with pytest.raises(Refused) as refused:
        check(odd, path)
    assert refused.value.name == "Busy"
    [job] = odd.jobs()
    odd.call_as(ALICE, job, JOB, "Cancel", NO_OPTIONS)
    asking.join(10)


def test_a_lying_checker_is_told_and_the_medium_is_no_better_for_it(odd):
    stick = odd_stick(odd, "code 1")
    path = available(odd, stick)
    assert check(odd, path)["verdict"] == "checker-died"
    # "I corrected it": the check after the repair says otherwise.
    assert check(odd, path, "Repair")["verdict"] == "checker-died"
