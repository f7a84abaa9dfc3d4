# SPDX-License-Identifier: GPL-2.0-or-later
"""The loop devices of other programs: a test's airlockd neither opens, probes nor mounts them.

On a desktop these are snaps and images that people have attached; here they are from a folder
outside the test. strace shows what airlockd and its helpers open.
"""
import contextlib
import os
import pathlib
import re
import subprocess

import harness
import pytest
from loops import disk_sequence
from machine import ALICE, Machine

SHOW = pathlib.Path(__file__).resolve().parents[1] / "show.py"
OPENED = re.compile(r"open(?:at|at2)?\(.*(/dev/(?:loop\d+|block/\S+?))[\"<>]")
# The control: the same, but the rule of the test admits the other folder.
TOO_WIDE = '\n[[rule]]\nname = "too wide"\nmatch.backing-file = "{}/*"\nignore = false\nremovable = true\n'


@pytest.fixture
def elsewhere():
    with harness.scratch_directory() as path:
        yield path


@contextlib.contextmanager
def others_medium(folder, name):
    image = harness.make_image(folder / f"{name}.img", ["-L", name], "8M")
    with harness.LoopDevice(image) as loop:
        yield loop
        harness.wait_until(lambda: not mounted(loop.path), 10, f"{loop.path} to be unmounted")


def mounted(device):
    return harness.run(["findmnt", "-rn", "-S", device], allowed=None).stdout


@contextlib.contextmanager
def watched(machine, path):
    """Writes every open of airlockd, and of the processes it starts from now on, into the file."""
    tracer = subprocess.Popen(["strace", "-qq", "-f", "-y", "-e", "trace=open,openat,openat2", "-o", path,
                               "-p", str(machine.daemon.pid)], stderr=subprocess.DEVNULL)
    try:
        harness.wait_until(lambda: is_traced(machine.daemon.pid), 10, "strace to be attached")
        yield
    finally:
        tracer.terminate()
        tracer.wait()


def is_traced(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return "TracerPid:\t0\n" not in status.read()


def opened(path):
    return set(OPENED.findall(path.read_text(errors="replace")))


@contextlib.contextmanager
def beside_others(scratch, elsewhere, settings=""):
    """A machine with two foreign media, one there before it and one that came later; yields it, the two, a
    stick of its own that it has mounted, and a function that lists the files opened."""
    trace = elsewhere / "trace"
    with others_medium(elsewhere, "BEFORE") as before, Machine(scratch, settings=settings) as machine, \
            watched(machine, trace):
        machine.sit_down(ALICE)  # nothing is probed before
        with others_medium(elsewhere, "LATER") as later:
            own = machine.make_stick("OWN", size="8M").plug()
            machine.wait_for_state(own, "mounted")
            yield machine, (before, later), own, lambda: opened(trace)
            for loop in (before, later):
                harness.run(["umount", loop.path], allowed=None)


def test_media_of_others_are_left_alone(scratch, elsewhere):
    with beside_others(scratch, elsewhere) as (machine, others, own, opened_so_far):
        # The kernel announced them before the test's own stick, so airlockd has decided about them.
        for loop in others:
            _, volume = machine.wait_for_state(loop.path, "ignored")
            assert (volume["Type"], volume["Label"], volume["DecidedBy"]) == (
                "", "", f'{machine.settings_directory}/airlock.toml:4 "media of others"')
            assert not mounted(loop.path)
        assert own.device in opened_so_far()
        assert not {loop.path for loop in others} & opened_so_far()
        assert all(loop.is_ours() for loop in others)


def test_a_wider_rule_would_have_been_seen(scratch, elsewhere):
    """The control."""
    settings = TOO_WIDE.format(elsewhere.resolve())
    with beside_others(scratch, elsewhere, settings) as (machine, others, _, opened_so_far):
        for loop in others:
            machine.wait_for_state(loop.path, "mounted")
            assert mounted(loop.path)
            assert loop.path in opened_so_far()


def test_the_show_does_not_know_what_is_on_media_of_others(elsewhere):
    environment = os.environ | {"AIRLOCK_DRIVER_DIR": str(harness.built("contained/airlock-ext").parent)}
    show = subprocess.Popen(["/usr/bin/python3", SHOW], env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = ""
        while "airlockd is up" not in said:
            said += show.stdout.readline()
            assert show.poll() is None, said
        # The show's own udevd does not announce devices that were there before.
        with others_medium(elsewhere, "OTHERS") as loop:
            said += show.communicate(timeout=60)[0]
            assert show.returncode == 0 and "HOLIDAY" in said, said
            assert "OTHERS" not in said
            assert loop.is_ours()
    finally:
        show.kill()
        show.wait()


def test_a_loop_device_that_others_have_got_meanwhile_is_not_detached(scratch, elsewhere):
    """A test's leftover is identified by its medium, not by the reused number of its device."""
    ours = harness.LoopDevice(harness.make_image(scratch / "ours.img", size="8M"))
    image = harness.make_image(elsewhere / "theirs.img", size="8M")
    harness.run(["losetup", "--detach", ours.path])
    harness.wait_until(lambda: disk_sequence(ours.path) is None, 10, "the device to be free")
    if harness.run(["losetup", ours.path, image], allowed=None).returncode != 0:
        pytest.fail(f"somebody else has taken {ours.path} in between")
    theirs = harness.LoopDevice.attached(ours.path, image)
    try:
        assert theirs.is_ours() and not ours.is_ours()
        ours.close()
        assert theirs.is_ours()
    finally:
        theirs.close()
