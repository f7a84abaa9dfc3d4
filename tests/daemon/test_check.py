# SPDX-License-Identifier: GPL-2.0-or-later
"""Checking, repairing and naming media that are not mounted."""
import os
import shutil
import signal
import subprocess

import harness
import pytest
from machine import ALICE, BOB, JOB, VOLUME, Asking, Machine, Refused

NO_OPTIONS = "(@a{sv} {},)"


@pytest.fixture
def quiet(scratch):
    """A machine that mounts nothing automatically, and whose person may repair."""
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
    """A root directory whose entries are lost, and files that are not."""
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
def test_fat_is_checked_named_and_repaired_the_same_way(quiet, mkfs):
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


def test_an_image_file_that_can_be_written_is_repaired(quiet):
    stick = damaged(quiet, "IMAGE")
    os.chmod(stick.image, 0o600)
    os.chown(stick.image, ALICE[0], ALICE[0])
    with quiet.image_opener(ALICE, stick.image) as path:
        assert check(quiet, path)["verdict"] == "errors"
        repaired = check(quiet, path, "Repair")
        assert repaired["verdict"] == "clean" and repaired["changed"], repaired
        place = quiet.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
        assert quiet.read_as(ALICE, f"{place}/other.txt") == "this too"
        quiet.call_as(ALICE, path, VOLUME, "Unmount", NO_OPTIONS)
    harness.e2fsck_clean(stick.image)


# A checker in the place of e2fsck whose behaviour the medium chooses: it may run as long as it likes.

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
    """Writes the wish into the boot sector, which ext does not use."""
    stick = machine.make_stick(label)
    with open(stick.image, "r+b") as image:
        image.write(wish.encode() + bytes(64))
    return stick.plug()


def wait_for_checkers(machine, count):
    def running():
        jobs = [job for job in machine.jobs().values() if job["Operation"] in ("check", "repair")]
        spinning = subprocess.run(["pgrep", "-c", "-P", ",".join(map(str, workers(machine))) or "0"],
                                  stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        return len(jobs) == count and int(spinning or 0) >= count
    harness.wait_until(running, harness.PATIENCE, f"{count} checkers to run")


def workers(machine):
    """The processes of airlock-check."""
    found = []
    for child in machine.children():
        listed = subprocess.run(["pgrep", "-P", str(child)], stdout=subprocess.PIPE, text=True, check=False)
        found += [int(pid) for pid in listed.stdout.split()]
    return found


def test_no_checker_starts_for_one_who_may_not_mount(odd):
    """Even for a medium at the caller's own seat: polkit decides."""
    stick = odd_stick(odd, "spin")
    path = available(odd, stick)
    odd.allow()
    for method, arguments in (("Check", NO_OPTIONS), ("GetCheckLog", "()")):
        with pytest.raises(Refused) as refused:
            odd.call_as(ALICE, path, VOLUME, method, arguments)
        assert refused.value.name == "NotPermitted", method
    odd.allow("repair")
    with pytest.raises(Refused) as refused:
        odd.call_as(ALICE, path, VOLUME, "Repair", NO_OPTIONS)
    assert refused.value.name == "NotPermitted"
    wait_for_checkers(odd, 0)


def test_a_check_can_be_cancelled(odd):
    stick = odd_stick(odd, "spin")
    path = available(odd, stick)
    asking = Asking(odd, path, "Check")
    wait_for_checkers(odd, 1)
    assert "checked" in odd.volume_of(stick)[1]["StateReason"]
    with pytest.raises(Refused) as refused:
        odd.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
    assert refused.value.name == "Busy"
    with harness.within(3):
        [job] = odd.jobs()
        odd.call_as(ALICE, job, JOB, "Cancel", NO_OPTIONS)
        asking.join(harness.PATIENCE)
        assert asking.outcome.name == "Cancelled"
        harness.wait_until(lambda: not odd.living(), harness.PATIENCE, "the checker to end")
    # No process holds it any more.
    os.close(os.open(stick.device, os.O_RDONLY | os.O_EXCL))
    assert not odd.jobs()


def test_a_stick_pulled_during_its_check_leaves_nothing(odd):
    stick = odd_stick(odd, "spin")
    path = available(odd, stick)
    asking = Asking(odd, path, "Check")
    wait_for_checkers(odd, 1)
    with harness.within(4):
        stick.pull()
        odd.wait_gone(stick)
        asking.join(harness.PATIENCE)
        assert isinstance(asking.outcome, Refused)
        harness.wait_until(lambda: not odd.living(), harness.PATIENCE, "the checker to end")
    assert not odd.jobs()


def test_two_checks_at_once_do_not_mind_each_other(odd):
    first, second = odd_stick(odd, "spin", "ONE"), odd_stick(odd, "code 0", "TWO")
    path = available(odd, first)
    other = available(odd, second)
    asking = Asking(odd, path, "Check")
    wait_for_checkers(odd, 1)
    assert check(odd, other)["verdict"] == "clean"
    with pytest.raises(Refused) as refused:
        check(odd, path)
    assert refused.value.name == "Busy"
    [job] = odd.jobs()
    odd.call_as(ALICE, job, JOB, "Cancel", NO_OPTIONS)
    asking.join(harness.PATIENCE)


def test_a_lying_checker_is_told_and_the_medium_is_no_better_for_it(odd):
    stick = odd_stick(odd, "code 1")
    path = available(odd, stick)
    assert check(odd, path)["verdict"] == "checker-died"
    # "I corrected it": the check after the repair says otherwise.
    assert check(odd, path, "Repair")["verdict"] == "checker-died"


# Before mounting

def listing(place, run):
    """Every file with its content."""
    find = "find . -path ./lost+found -prune -o -type f -print | sort | xargs -r md5sum"
    return run(["sh", "-c", f"cd {place} && {find}"]).stdout


def kernel_written(scratch):
    """A copy of a stick that a kernel was writing to, with a journal to replay and files only in it,
    and the kernel's own result. Made before there is an airlockd that sees the loop devices."""
    image = harness.make_image(scratch / "live.src", ["-L", "LIVE"], "64M")
    place = scratch / "live.mnt"
    place.mkdir()
    harness.run(["mount", "-o", "loop,nosuid,nodev,commit=300", image, place])
    copy, twin = scratch / "live.img", scratch / "twin.img"
    try:
        for number in range(200):
            folder = place / f"folder{number % 7}"
            folder.mkdir(exist_ok=True)
            (folder / f"file{number}").write_text(f"number {number}\n" * (number + 1))
        (place / "folder3").rename(place / "renamed")
        # The medium then has the journal, and little else.
        descriptor = os.open(place / "renamed", os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        shutil.copy(image, copy)
    finally:
        harness.run(["umount", place])
    shutil.copy(copy, twin)
    harness.run(["mount", "-o", "loop,nosuid,nodev", twin, place])
    try:
        return copy, listing(place, harness.run)
    finally:
        harness.run(["umount", place])


def test_a_journal_is_replayed_as_the_kernel_would_and_it_is_mounted_read_write(scratch):
    image, kernels = kernel_written(scratch)
    with Machine(scratch) as machine:
        machine.sit_down(ALICE)
        stick = machine.stick_of(image).plug()
        _, volume = machine.wait_for_state(stick, "mounted")
        assert not volume["MountedReadOnly"] and volume["ReadOnlyReason"] == ""
        check = volume["LastCheck"]
        assert check["operation"] == "mount" and check["verdict"] == "clean" and check["changed"], check
        assert "replayed" in check["summary"]
        ours = listing(volume["MountPoint"], lambda command: machine.run_as(ALICE, command))
        assert ours == kernels and "renamed" in ours


def test_a_clean_stick_is_not_kept_waiting(machine):
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    assert volume["LastCheck"] == {} and not volume["MountedReadOnly"]


def test_recovering_a_dead_mount_replays_and_is_read_write_again(machine):
    machine.allow("mount-removable")
    stick = machine.make_stick(files={"kept": "still here"}).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    place = volume["MountPoint"]
    machine.run_as(ALICE, ["sh", "-c", f"echo more > {place}/more; sync {place}/more"])
    os.kill(volume["DriverPid"], signal.SIGKILL)
    machine.wait_for_state(stick, "dead")
    machine.call_as(ALICE, path, VOLUME, "Recover", "('read-write', @a{sv} {})")
    after = machine.volume_of(stick)[1]
    assert not after["MountedReadOnly"], after["ReadOnlyReason"]
    assert machine.read_as(ALICE, f"{place}/kept") == "still here"
    assert machine.read_as(ALICE, f"{place}/more") == "more\n"
    assert machine.run_as(ALICE, ["touch", f"{place}/new"]).returncode == 0
    machine.call_as(ALICE, path, VOLUME, "Unmount", NO_OPTIONS)
    harness.e2fsck_clean(stick.image)


def test_a_dead_mount_that_was_detached_is_replayed_at_the_next(machine):
    machine.allow("mount-removable")
    stick = machine.make_stick().plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    os.kill(volume["DriverPid"], signal.SIGKILL)
    machine.wait_for_state(stick, "dead")
    machine.call_as(ALICE, path, VOLUME, "Detach", NO_OPTIONS)
    machine.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
    assert not machine.volume_of(stick)[1]["MountedReadOnly"]


def test_errors_make_it_read_only_with_the_reason_until_it_is_repaired(machine):
    machine.allow("mount-removable", "repair")
    stick = damaged(machine)
    harness.run(["debugfs", "-w", "-R", "ssv state 0", stick.image])
    stick.plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    assert volume["MountedReadOnly"] and "check" in volume["ReadOnlyReason"], volume["ReadOnlyReason"]
    assert volume["LastCheck"]["verdict"] == "errors"
    assert machine.read_as(ALICE, f"{volume['MountPoint']}/other.txt") == "this too"
    machine.call_as(ALICE, path, VOLUME, "Unmount", NO_OPTIONS)
    assert check(machine, path, "Repair")["verdict"] == "clean"
    machine.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
    assert not machine.volume_of(stick)[1]["MountedReadOnly"]


def test_without_a_journal_what_is_consistent_is_marked_so(machine):
    stick = machine.make_stick(kind="ext2")
    harness.run(["debugfs", "-w", "-R", "ssv state 0", stick.image])
    stick.plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    assert not volume["MountedReadOnly"], volume["ReadOnlyReason"]


@pytest.mark.parametrize("when", ["never", "always"])
def test_the_settings_say_when(scratch, when):
    image, _ = kernel_written(scratch)
    with Machine(scratch, settings=f'\n[[rule]]\nname = "r"\nmatch.type = "ext4"\ncheck = "{when}"\n') as machine:
        machine.sit_down(ALICE)
        clean = machine.make_stick("CLEAN").plug()
        dirty = machine.stick_of(image).plug()
        _, one = machine.wait_for_state(clean, "mounted")
        _, other = machine.wait_for_state(dirty, "mounted")
        checked = [volume["LastCheck"].get("verdict") for volume in (one, other)]
        if when == "always":
            assert checked == ["clean", "clean"] and not other["MountedReadOnly"]
        else:
            assert checked == [None, None]
            assert other["MountedReadOnly"] and "journal" in other["ReadOnlyReason"]


ALWAYS = '\n[[rule]]\nname = "r"\nmatch.type = "ext4"\ncheck = "always"\n'


@pytest.fixture
def odd_always(scratch, monkeypatch, request):
    """Automount, and a checker whose behaviour the medium chooses, before every mount."""
    folder = scratch / "checkers"
    folder.mkdir()
    shutil.copy(harness.built("tests/sandbox/check/odd-checker"), folder / "e2fsck")
    monkeypatch.setenv("AIRLOCK_CHECKER_DIR", str(folder))
    with Machine(scratch, settings=getattr(request, "param", "") + ALWAYS) as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable")
        yield machine


@pytest.mark.parametrize("odd_always", ["\n[deadlines]\ncheck = 1\n"], indirect=True)
def test_a_check_that_takes_too_long_makes_it_read_only(odd_always):
    stick = odd_stick(odd_always, "spin")
    _, volume = odd_always.wait_for_state(stick, "mounted")
    assert volume["MountedReadOnly"] and "too long" in volume["ReadOnlyReason"]


def test_a_checker_that_dies_makes_it_read_only(odd_always):
    stick = odd_stick(odd_always, "crash")
    _, volume = odd_always.wait_for_state(stick, "mounted")
    assert volume["MountedReadOnly"] and "SIGSEGV" in volume["ReadOnlyReason"]


def mounting_checker(machine, stick):
    def running():
        found = machine.volume_of(stick)
        return found and "checked" in found[1]["StateReason"] and workers(machine)
    harness.wait_until(running, harness.PATIENCE, "the check to run")


def wait_until_nothing_is_left(machine):
    harness.wait_until(lambda: not machine.living(), harness.PATIENCE, "the checker to end")
    person = machine.base / ALICE[1]
    harness.wait_until(lambda: not person.exists() or not os.listdir(person), harness.PATIENCE, "the folder to go")
    assert not machine.mounts()


def test_the_check_before_a_mount_can_be_skipped_in_one_step(odd_always):
    stick = odd_stick(odd_always, "spin")
    mounting_checker(odd_always, stick)
    [(job, properties)] = odd_always.jobs().items()
    assert properties["CanSkip"] and properties["Operation"] == "mount"
    with pytest.raises(Refused) as refused:
        odd_always.call_as(BOB, job, JOB, "Skip", NO_OPTIONS)
    assert refused.value.name == "NotPermitted"
    with harness.within(4):
        odd_always.call_as(ALICE, job, JOB, "Skip", NO_OPTIONS)
        _, volume = odd_always.wait_for_state(stick, "mounted")
    assert volume["MountedReadOnly"] and "check was skipped" in volume["ReadOnlyReason"], volume["ReadOnlyReason"]
    assert volume["LastCheck"] == {}
    assert odd_always.read_as(ALICE, f"{volume['MountPoint']}/hello.txt") == "hello"
    assert not odd_always.jobs()


def test_airlockctl_skips_the_check_before_a_mount(odd_always):
    stick = odd_stick(odd_always, "spin")
    mounting_checker(odd_always, stick)
    ctl = harness.built("cli/ctl/airlockctl")
    done = odd_always.run_as(ALICE, [ctl, "skip", stick.device],
                             env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": odd_always.address})
    assert done.returncode == 0 and "read-only" in done.stdout, done.stdout
    assert odd_always.wait_for_state(stick, "mounted")[1]["MountedReadOnly"]


def test_the_check_before_a_mount_tells_how_far_it_is(odd_always):
    """The checker reports a share and stays there."""
    stick = odd_stick(odd_always, "share")
    mounting_checker(odd_always, stick)
    harness.wait_until(lambda: [job["Progress"] for job in odd_always.jobs().values()] == [0.3], 20,
                       "the job to tell how far it is")
    [job] = odd_always.jobs()
    odd_always.call_as(ALICE, job, JOB, "Skip", NO_OPTIONS)
    odd_always.wait_for_state(stick, "mounted")


def test_the_check_before_a_mount_can_be_cancelled(odd_always):
    stick = odd_stick(odd_always, "spin")
    mounting_checker(odd_always, stick)
    odd_always.allow("mount-removable", "unmount-others")
    path = odd_always.volume_of(stick)[0]
    with harness.within(4):
        [job] = odd_always.jobs()
        odd_always.call_as(ALICE, job, JOB, "Cancel", NO_OPTIONS)
        odd_always.wait_for_state(stick, "available")
        wait_until_nothing_is_left(odd_always)
    odd_always.call_as(ALICE, path, VOLUME, "Mount", "({'options': <'ro'>},)")
    assert odd_always.volume_of(stick)[1]["MountedReadOnly"]


def test_a_stick_pulled_while_it_is_checked_before_its_mount_leaves_nothing(odd_always):
    stick = odd_stick(odd_always, "spin")
    mounting_checker(odd_always, stick)
    with harness.within(4):
        stick.pull()
        odd_always.wait_gone(stick)
        wait_until_nothing_is_left(odd_always)


def test_nobody_slips_in_while_it_is_checked(odd_always):
    stick = odd_stick(odd_always, "spin")
    mounting_checker(odd_always, stick)
    with pytest.raises(OSError, match="busy"):
        os.close(os.open(stick.device, os.O_RDWR | os.O_EXCL))
