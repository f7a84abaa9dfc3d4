# SPDX-License-Identifier: GPL-2.0-or-later
"""Making a new filesystem on a medium, and everything that must not be formatted."""
import contextlib
import os
import pathlib
import pty
import shutil
import subprocess
import sys

import harness
import pytest
from machine import ALICE, BOB, JOB, VOLUME, Asking, Machine, Refused, without_program

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "check"))
from odd_media import odd_medium  # noqa: E402

NO_OPTIONS = "(@a{sv} {},)"
TYPES = ["exfat", "vfat", "ext4"]
MIB = 1 << 20
BTRFS_MAGIC_AT = 65536 + 64
# Formatted media are as long as that, so that both ends are apart from the middle.
SIZE = 16 * MIB
EVERY_FAULT = os.environ.get("AIRLOCK_EVERY_FAULT") == "1"


def wish(kind, label=""):
    return f"('{kind}', '{label}', @a{{sv}} {{}})"


def format_as(machine, path, kind, label="", person=ALICE):
    return machine.call_as(person, path, VOLUME, "Format", wish(kind, label))


def refusal(machine, path, kind, label="", person=ALICE):
    with pytest.raises(Refused) as refused:
        format_as(machine, path, kind, label, person)
    return refused.value


def available(machine, stick):
    return machine.wait_for_state(stick, "available")[0]


def old_stick(machine, name="old.img"):
    """It holds an ext4 with a file, the remains of a GPT at its end, and something in its middle."""
    stick = machine.make_stick("BEFORE", {"precious.txt": "gone"}, size="16M", name=name)
    with open(stick.image, "r+b") as image:
        image.seek(-512, os.SEEK_END)
        image.write(b"EFI PART")
    return stick


@pytest.fixture
def quiet(scratch):
    """A machine that mounts nothing automatically, and whose person may format."""
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("format", "mount-removable", "mount-image")
        yield machine


def is_unchanged(stick):
    """Both ends: whatever formats writes there first."""
    content = stick.image.read_bytes()
    return content[1080:1082] == b"\x53\xef" and content[-512:].startswith(b"EFI PART")


def test_it_is_formatted_told_mounted_written_and_clean(quiet):
    """As one type after the other."""
    stick = old_stick(quiet).plug()
    path = available(quiet, stick)
    for kind in TYPES:
        format_and_use(quiet, stick, path, kind)


def format_and_use(quiet, stick, path, kind):
    before = quiet.volume_of(stick)[1]
    format_as(quiet, path, kind, "HOLIDAY 26")
    now = quiet.volume_of(stick)[1]
    assert (now["Type"], now["Label"], now["State"]) == (kind, "HOLIDAY 26", "available"), now
    assert now["Uuid"] and now["Uuid"] != before["Uuid"] and not now["Ambivalent"]
    assert now["StateReason"] == "formatted"
    assert now["LastCheck"]["operation"] == "format" and now["LastCheck"]["verdict"] == "clean"
    assert not quiet.jobs()
    place = quiet.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
    assert not quiet.volume_of(stick)[1]["MountedReadOnly"]
    assert set(quiet.run_as(ALICE, ["ls", place]).stdout.split()) <= {"lost+found"}
    quiet.run_as(ALICE, ["sh", "-c", f"echo new > '{place}/file'"])
    assert quiet.read_as(ALICE, f"{place}/file") == "new\n"
    quiet.call_as(ALICE, path, VOLUME, "Unmount", NO_OPTIONS)
    result = quiet.call_as(ALICE, path, VOLUME, "Check", NO_OPTIONS)
    assert result["verdict"] == "clean", result


def test_nothing_old_is_found_and_no_label_is_none(quiet):
    stick = old_stick(quiet)
    with open(stick.image, "r+b") as image:
        image.seek(BTRFS_MAGIC_AT)
        image.write(b"_BHRfS_M")
    stick.plug()
    path = quiet.wait_for_state(stick, "available", "refused")[0]
    format_as(quiet, path, "vfat")
    assert quiet.volume_of(stick)[1]["Label"] == ""
    content = stick.image.read_bytes()
    assert b"_BHRfS_M" not in content and b"EFI PART" not in content
    assert content[1024 + 56:1024 + 58] != b"\x53\xef"


def test_what_is_wrong_with_the_wish_is_told_and_nothing_is_written(quiet):
    stick = old_stick(quiet).plug()
    path = available(quiet, stick)
    for kind, label, words in (
            ("exfta", "", "did you mean exfat"), ("fat32", "", "did you mean vfat"), ("ntfs", "", "exfat, vfat, ext4"),
            ("vfat", "TWELVE CHARS", "11"), ("vfat", "lower", "capitals"), ("vfat", "A/B", "can't hold /"),
            ("exfat", "twelve chars", "11"), ("exfat", "a:b", "can't hold :"),
            ("ext4", "seventeen bytes -", "16"), ("ext4", "-L", "dash"), ("ext4", "a\\nb", "control")):
        with pytest.raises(Refused) as refused:
            quiet.call(path, VOLUME, "Format", wish(kind, label))
        assert refused.value.name == "InvalidArgument" and words in refused.value.message, (kind, label, refused.value)
    assert is_unchanged(stick)


def test_a_missing_program_is_named_with_its_package(quiet, scratch):
    stick = old_stick(quiet).plug()
    path = available(quiet, stick)
    with without_program("mkfs.exfat", scratch):
        refused = refusal(quiet, path, "exfat")
    assert refused.name == "Unsupported" and "install the package exfatprogs" in refused.message, refused
    assert is_unchanged(stick)
    assert quiet.volume_of(stick)[1]["Label"] == "BEFORE"


def test_what_is_mounted_used_or_read_only_is_not_formatted(quiet):
    stick = old_stick(quiet).plug()
    path = available(quiet, stick)
    holder = os.open(stick.device, os.O_RDONLY | os.O_EXCL)
    try:
        assert refusal(quiet, path, "ext4").name == "Busy"
    finally:
        os.close(holder)
    quiet.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
    refused = refusal(quiet, path, "ext4")
    assert refused.name == "Busy" and "unmount" in refused.message
    protected = old_stick(quiet, "protected").plug(read_only=True)
    assert refusal(quiet, available(quiet, protected), "ext4").name == "ReadOnly"
    assert is_unchanged(stick) and is_unchanged(protected)


def test_an_image_file_is_not_formatted(quiet):
    stick = old_stick(quiet)
    os.chmod(stick.image, 0o600)
    os.chown(stick.image, ALICE[0], ALICE[0])
    with quiet.image_opener(ALICE, stick.image) as path:
        assert refusal(quiet, path, "ext4").name == "Unsupported"
    assert is_unchanged(stick)


def test_formatting_takes_permission(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        stick = old_stick(machine).plug()
        path = available(machine, stick)
        for allowed in (("mount-removable", "repair"), ("format",)):
            machine.allow(*allowed)
            assert refusal(machine, path, "ext4").name == "NotPermitted", allowed
        machine.allow("format", "mount-removable")
        assert refusal(machine, path, "ext4", person=BOB).name == "NotPermitted"
        assert is_unchanged(stick)
        format_as(machine, path, "ext4")
        assert not is_unchanged(stick)


# A program in the place of mkfs.ext4 that first writes something recognised, and then does what the label says.

@pytest.fixture
def odd(scratch, monkeypatch):
    folder = scratch / "makers"
    folder.mkdir()
    shutil.copy(harness.built("tests/sandbox/check/odd-maker"), folder / "mkfs.ext4")
    monkeypatch.setenv("AIRLOCK_CHECKER_DIR", str(folder))
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("format", "mount-removable")
        yield machine


def half_made(stick):
    with open(stick.image, "rb") as image:
        return image.read(4) == b"LUKS"


def start_spinning(machine, stick):
    asking = Asking(machine, available(machine, stick), "Format", wish("ext4", "SPIN"))
    harness.wait_until(lambda: half_made(stick), harness.PATIENCE, "the filesystem to be half made")
    return asking


def unrecognised(machine, stick):
    def looked():
        volume = machine.volume_of(stick)[1]
        return volume if volume["State"] == "available" and not volume["Type"] else None
    volume = harness.wait_until(looked, harness.PATIENCE, "nothing to be recognised")
    assert not half_made(stick)
    return volume


def test_a_cancelled_format_leaves_nothing_that_is_recognised(odd):
    stick = old_stick(odd).plug()
    asking = start_spinning(odd, stick)
    assert "crypto_LUKS" in harness.run(["blkid", "-p", stick.device]).stdout, "nothing would be found anyway"
    [(job, properties)] = odd.jobs().items()
    assert properties["Operation"] == "format" and properties["Progress"] > 0
    assert odd.volume_of(stick)[1]["StateReason"] == "being formatted"
    # Others wait meanwhile.
    path = odd.volume_of(stick)[0]
    for method, arguments in (("Format", wish("ext4")), ("Mount", NO_OPTIONS), ("Check", NO_OPTIONS)):
        with pytest.raises(Refused) as refused:
            odd.call_as(ALICE, path, VOLUME, method, arguments)
        assert refused.value.name == "Busy", method
    with pytest.raises(OSError, match="busy"):
        os.close(os.open(stick.device, os.O_RDWR | os.O_EXCL))
    odd.call_as(ALICE, job, JOB, "Cancel", NO_OPTIONS)
    asking.join(harness.PATIENCE)
    assert asking.outcome.name == "Cancelled"
    assert "cancelled" in unrecognised(odd, stick)["StateReason"]
    harness.wait_until(lambda: not odd.living(), harness.PATIENCE, "the program to end")
    os.close(os.open(stick.device, os.O_RDWR | os.O_EXCL))
    assert not odd.jobs()


def test_a_program_that_misbehaves_is_told_and_leaves_nothing_that_is_recognised(odd):
    stick = old_stick(odd).plug()
    path = available(odd, stick)
    for how, words in (("FAIL", "does not want to"), ("CRASH", "SIGSEGV")):
        refused = refusal(odd, path, "ext4", how)
        assert refused.name == "Io" and words in refused.message, refused
        volume = unrecognised(odd, stick)
        assert volume["StateReason"].startswith("formatting it failed"), volume["StateReason"]
        assert volume["LastCheck"]["verdict"] != "clean"
    refused = refusal(odd, path, "ext4", "LIE")
    assert refused.name == "Io" and "the check says" in refused.message, refused


def test_a_program_that_attacks_achieves_nothing(odd):
    stick = old_stick(odd).plug()
    path = available(odd, stick)
    refusal(odd, path, "ext4", "ATTACK")
    lines = odd.call_as(ALICE, path, VOLUME, "GetCheckLog")
    assert len(lines) == 9 and all(line.startswith("held ") for line in lines), lines


def test_a_stick_pulled_while_it_is_formatted_leaves_nothing(odd):
    stick = old_stick(odd).plug()
    asking = start_spinning(odd, stick)
    stick.pull()
    odd.wait_gone(stick)
    asking.join(harness.PATIENCE)
    assert isinstance(asking.outcome, Refused)
    harness.wait_until(lambda: not odd.living(), harness.PATIENCE, "the program to end")
    assert not odd.jobs()


@contextlib.contextmanager
def failing_stick(scratch):
    image = scratch / "failing.img"
    with open(image, "wb") as file:
        file.truncate(SIZE)
    with odd_medium(image, scratch / "odd") as medium, Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("format", "mount-removable")
        stick = machine.stick_of(medium.medium).plug()
        yield machine, stick, medium, available(machine, stick)


@pytest.mark.parametrize("kind", TYPES)
def test_a_medium_whose_write_fails_ends_in_an_error_and_can_be_formatted_again(scratch, kind):
    """The first writes erase, the last are those of the program: until none is left to fail."""
    with failing_stick(scratch) as (machine, stick, medium, path):
        number = 1
        while True:
            before = medium.failed()
            medium.fail_one("write", number)
            try:
                format_as(machine, path, kind)
                assert medium.failed() == before, f"write {number} failed unnoticed"
                break
            except Refused as refused:
                assert refused.name in ("Io", "WorkerDied") and medium.failed() == before + 1, (number, refused)
            volume = machine.wait_for_state(stick, "available")[1]
            assert volume["Type"] == "" and volume["StateReason"].startswith("formatting it failed"), volume
            number += 1 if EVERY_FAULT else 2 * number + 4
        assert number > 4 and machine.volume_of(stick)[1]["Type"] == kind


def test_a_medium_that_fails_for_good_is_not_taken_for_a_filesystem(scratch):
    with failing_stick(scratch) as (machine, stick, medium, path):
        medium.fail(0, SIZE)
        refusal(machine, path, "ext4")
        volume = machine.wait_for_state(stick, "available")[1]
        assert volume["Type"] == "" and "failed" in volume["StateReason"], volume


# airlockctl

def environment(machine):
    return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": machine.address}


def ctl(machine, *words):
    return machine.run_as(ALICE, [harness.built("cli/ctl/airlockctl"), *words], env=environment(machine),
                          stdin=subprocess.DEVNULL)


def test_airlockctl_says_what_is_lost_and_formats(quiet):
    stick = old_stick(quiet).plug()
    available(quiet, stick)
    for words, code, told in (
            ([], 2, "--type exfat|vfat|ext4"), (["--type", "exfta"], 2, "did you mean exfat"),
            (["--type", "vfat", "--label", "TWELVE CHARS"], 2, "at most 11"), (["--type", "exfat"], 2, "--yes")):
        done = ctl(quiet, "format", stick.name, *words)
        assert done.returncode == code and told in done.stdout, done.stdout
    assert is_unchanged(stick)
    done = ctl(quiet, "format", stick.name, "--type", "exfat", "--label", "Grüße", "--yes")
    assert done.returncode == 0, done.stdout
    assert f"{stick.name}: 16.0 MiB" in done.stdout and 'holds ext4 "BEFORE"' in done.stdout, done.stdout
    assert "Everything on it will be lost." in done.stdout
    assert quiet.volume_of(stick)[1]["Label"] == "Grüße"


def test_airlockctl_wants_the_name_on_a_terminal(quiet):
    stick = old_stick(quiet).plug()
    available(quiet, stick)
    assert answer_on_terminal(quiet, stick, "yes") != 0 and is_unchanged(stick)
    assert answer_on_terminal(quiet, stick, stick.name) == 0 and not is_unchanged(stick)


def answer_on_terminal(quiet, stick, answer):
    ours, theirs = pty.openpty()
    quiet.environment = environment(quiet)
    process = quiet.start_on_terminal(ALICE, [harness.built("cli/ctl/airlockctl"), "format", stick.name, "-t", "ext4"],
                                      theirs)
    try:
        asked = b""
        while b"to format it" not in asked:
            asked += os.read(ours, 4096)
        os.write(ours, f"{answer}\n".encode())
        return process.wait(harness.PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_airlockctl_does_not_ask_about_a_mounted_medium(quiet):
    stick = old_stick(quiet).plug()
    path = available(quiet, stick)
    quiet.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
    done = ctl(quiet, "format", stick.name, "-t", "ext4", "--yes")
    assert done.returncode == 5 and "unmount it first" in done.stdout, done.stdout
