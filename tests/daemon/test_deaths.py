# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way a driver can end, and the report to the person. The medium of another mount is never
affected."""
import os
import signal
import struct

import harness
import pytest
from machine import ALICE, VOLUME, Machine, Refused, Stick, tiny_drivers

# The command to the driver, and the report afterwards. Filling memory takes a while; slowly means longer
# than the two seconds after which an idle driver counts as hung.
ENDS = {
    "segv": {"kind": "signal", "signal": signal.SIGSEGV, "words": "SIGSEGV"},
    "abort": {"kind": "signal", "signal": signal.SIGABRT, "words": "SIGABRT"},
    "exit": {"kind": "exit", "exit-code": 9, "words": "9"},
    "memory": {"kind": "out-of-memory", "words": "memory"},
    "memory-slowly": {"kind": "out-of-memory", "words": "memory"},
    "forbidden": {"kind": "forbidden-call", "words": "system call"},
}


def test_a_killed_driver_is_a_dead_mount_within_a_second(machine):
    """A driver obeys no other signal from outside: it is the first process of its namespace."""
    other = machine.make_stick("OTHER").plug()
    stick = machine.make_stick("VICTIM").plug()
    _, neighbour = machine.wait_for_state(other, "mounted")
    _, volume = machine.wait_for_state(stick, "mounted")
    with harness.within(1):
        os.kill(volume["DriverPid"], signal.SIGKILL)
        _, dead = machine.wait_for_state(stick, "dead")
    assert "SIGKILL" in dead["Death"]["cause"] and dead["Death"]["signal"] == signal.SIGKILL
    assert dead["Death"]["kind"] == "signal" and dead["Death"]["when"] > 0
    assert machine.read_as(ALICE, f"{neighbour['MountPoint']}/hello.txt") == "hello"
    assert machine.volume_of(other)[1]["State"] == "mounted"


def test_who_goes_on_writing_is_soon_told(machine):
    """The kernel would keep data written to an open file, and report nothing until it is closed."""
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    diary = f"{volume['MountPoint']}/diary"
    writer = machine.start_as(ALICE, ["sh", "-c", f"exec >{diary}; while echo line; do sleep 0.1; done; exit 7"])
    try:
        harness.wait_until(lambda: machine.run_as(ALICE, ["test", "-s", diary]).returncode == 0, harness.PATIENCE,
                           "a line")
        os.kill(volume["DriverPid"], signal.SIGKILL)
        assert writer.wait(25) == 7
    finally:
        writer.kill()
        writer.wait()


def test_the_log_of_a_dead_driver_can_be_read(machine):
    stick = machine.make_stick().plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    os.kill(volume["DriverPid"], signal.SIGKILL)
    machine.wait_for_state(stick, "dead")
    lines = machine.call_as(ALICE, path, VOLUME, "GetLog")
    assert isinstance(lines, list)
    journal = machine.log()
    assert "SIGKILL" in journal and "airlock-ext" in journal


def test_a_driver_that_is_stopped_is_found_out_and_killed(scratch):
    with Machine(scratch, settings='\n[deadlines]\nheartbeat = 1\nsilence = 2\n') as machine:
        machine.sit_down(ALICE)
        stick = machine.make_stick().plug()
        _, volume = machine.wait_for_state(stick, "mounted")
        os.kill(volume["DriverPid"], signal.SIGSTOP)
        with harness.within(6):
            # The death shows only when a process makes a request.
            asking = machine.start_as(ALICE, ["ls", f"{volume['MountPoint']}/nothing"])
            _, dead = machine.wait_for_state(stick, "dead")
            assert dead["Death"]["kind"] == "hang"
        assert asking.wait(harness.PATIENCE) != 0


@pytest.fixture
def two_sticks(scratch):
    """A victim whose driver obeys commands, and a neighbour that must not be affected."""
    with Machine(scratch, settings='\n[deadlines]\nheartbeat = 1\nsilence = 2\n',
                 environment=tiny_drivers(scratch)) as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable")
        sticks = [machine.make_stick(label, size="8M").begin_with(b"serve\0").plug()
                  for label in ("VICTIM", "OTHER")]
        for stick in sticks:
            machine.wait_for_state(stick, "mounted")
        yield machine, *sticks
        _, other = machine.volume_of(sticks[1])
        assert other["State"] == "mounted"
        assert machine.run_as(ALICE, ["stat", other["MountPoint"]]).returncode == 0


def tell_driver(machine, stick, word):
    """A look-up of the name is the command to the driver; the answer never comes."""
    place = machine.volume_of(stick)[1]["MountPoint"]
    return machine.start_as(ALICE, ["ls", f"{place}/{word}"])


@pytest.mark.parametrize("word", ENDS)
def test_every_end_of_a_driver_is_told_with_its_cause(two_sticks, word):
    machine, stick, _ = two_sticks
    path, _ = machine.volume_of(stick)
    expected = dict(ENDS[word])
    words = expected.pop("words")
    with harness.within(harness.PATIENCE if word.startswith("memory") else 1):
        asking = tell_driver(machine, stick, word)
        _, dead = machine.wait_for_state(stick, "dead")
    assert asking.wait(harness.PATIENCE) != 0, "who waited for the driver is told at once"
    assert words in dead["Death"]["cause"], dead["Death"]
    assert {key: dead["Death"].get(key) for key in expected} == expected
    machine.call_as(ALICE, path, VOLUME, "Recover", "('read-write', @a{sv} {})")
    machine.wait_for_state(stick, "mounted")


@pytest.mark.parametrize("word", ["loop", "sleep"])
def test_a_driver_that_answers_no_more_is_hung_by_the_deadline(two_sticks, word):
    machine, stick, _ = two_sticks
    # A second between two checks, two of silence, and one for the report.
    with harness.within(5):
        asking = tell_driver(machine, stick, word)
        _, dead = machine.wait_for_state(stick, "dead")
    assert dead["Death"]["kind"] == "hang"
    assert asking.wait(harness.PATIENCE) != 0


def test_a_driver_that_lies_to_the_kernel_harms_only_who_asked(two_sticks):
    """The kernel rejects the nonsense, so this answer never comes; others do."""
    machine, stick, _ = two_sticks
    asking = tell_driver(machine, stick, "lie")
    path, volume = machine.volume_of(stick)
    assert machine.run_as(ALICE, ["stat", volume["MountPoint"]]).returncode == 0
    assert volume["State"] == "mounted"
    machine.call_as(ALICE, path, VOLUME, "Unmount", "({'force': <true>},)")
    assert asking.wait(harness.PATIENCE) != 0
    assert not [place for place in machine.mounts() if place == volume["MountPoint"]]


LIES = {"garbled": "Connection refused", "vanish": "exited with code 3", "refuse": "wants to be refused"}


@pytest.mark.parametrize("word", LIES)
def test_a_driver_that_lies_while_it_is_mounted_mounts_nothing(two_sticks, word):
    machine = two_sticks[0]
    liar = machine.make_stick("LIAR", size="8M").begin_with(word.encode() + b"\0").plug()
    _, volume = machine.wait_for_state(liar, "available", "dead")
    if volume["State"] == "dead":  # it was fast enough to be mounted for a moment
        assert LIES[word] in volume["Death"]["cause"], volume["Death"]
    else:
        assert not volume["MountPoint"] and "failed" in volume["StateReason"]
        assert LIES[word] in volume["StateReason"], volume["StateReason"]


def test_the_containment_of_a_live_driver_can_be_read(machine):
    stick = machine.make_stick().plug()
    path, _ = machine.wait_for_state(stick, "mounted")
    report = machine.call_as(ALICE, path, VOLUME, "GetContainment")
    assert "capabilities       none" in report and "seccomp            filtering" in report
    assert "control group      " in report
    assert report.startswith("can reach          the descriptors below: no other file, program or network\n"
                             "can talk to        the kernel, and through its standard error\n"
                             "can use at most    ")


def test_a_driver_that_does_not_come_to_mount_is_ended_by_the_deadline(scratch):
    with Machine(scratch, settings="\n[deadlines]\nmount = 1\n", automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable")
        image = machine.scratch / "watched.img"
        harness.run(["truncate", "-s", "32M", image])
        harness.run(["mkfs.ext4", "-q", "-O", "mmp,^metadata_csum", "-b", "4096", image])
        # It claims to be in use by another machine, so a driver watches it for a while.
        with open(image, "r+b") as medium:
            medium.seek(1024 + 0x168)
            medium.seek(struct.unpack("<Q", medium.read(8))[0] * 4096 + 4)
            medium.write(struct.pack("<I", 5))
        stick = Stick(machine, image).plug()
        path, _ = machine.wait_for_state(stick, "available")
        with harness.within(10):
            with pytest.raises(Refused, match="took too long"):
                machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
