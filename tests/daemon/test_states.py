# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick is pulled, and airlockd is killed, in every state of a volume.

Drivers and probes of the tests stop if a state would be over too soon: the first word of the medium
chooses their behaviour.
"""
import os
import signal

import harness
import pytest
from machine import ALICE, Asking, Machine, Refused, tiny_drivers

# From outside, a refused volume looks like an available one: only the decision differs.
STATES = ["probing", "waiting", "available", "mounting", "mounted", "unmounting", "dead", "ignored"]
# Errors for a caller when the stick or airlockd goes away during a call.
GONE = {"PeerGone", "NotFound", "Io", "org.freedesktop.DBus.Error.NoReply", "local"}
CONTAINED = {"airlock-ext", "airlock-probe", "odd-probe"}
IGNORE = '\n[[rule]]\nname = "not this one"\nmatch.label = "IGNORED"\nignore = true\n'


class Stage:
    """A machine with one stick in the given state, and everything attached to it."""

    def __init__(self, scratch, state):
        self.state = state
        self.call = None
        environment = tiny_drivers(scratch)
        if state == "probing":
            environment["AIRLOCK_PROBE"] = str(harness.built("tests/sandbox/probe/odd-probe"))
        by_itself = state not in ("available", "mounting")
        self.machine = Machine(scratch, automount="on" if by_itself else "off", settings=IGNORE,
                               environment=environment)

    def __enter__(self):
        self.machine.__enter__()
        try:
            self.reach()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.machine.__exit__()

    def make_stick(self, word, label="STICK"):
        stick = self.machine.make_stick(label, size="8M")
        end = b"\n" if self.state == "probing" else b"\0"
        return stick.begin_with(word.encode() + end).plug()

    def reach(self):
        machine, state = self.machine, self.state
        if state != "waiting":
            machine.sit_down(ALICE)
        machine.allow("mount-removable")
        word = {"probing": "hang", "mounting": "later", "unmounting": "deaf"}.get(state, "serve")
        self.stick = self.make_stick(word, "IGNORED" if state == "ignored" else "STICK")
        if state == "mounting":
            machine.wait_for_state(self.stick, "available")
            self.call = Asking(machine, machine.volume_of(self.stick)[0], "Mount")
        if state in ("unmounting", "dead"):
            _, volume = machine.wait_for_state(self.stick, "mounted")
        if state == "unmounting":
            self.call = Asking(machine, machine.volume_of(self.stick)[0], "Unmount")
        if state == "dead":
            os.kill(volume["DriverPid"], signal.SIGKILL)
        machine.wait_for_state(self.stick, state)

    def expect_nothing_left(self):
        machine = self.machine
        machine.wait_gone(self.stick)
        harness.wait_until(lambda: not machine.mounts(), harness.PATIENCE, "the mount to go")
        harness.wait_until(lambda: not machine.places(), harness.PATIENCE, "the folder to go")
        harness.wait_until(lambda: not machine.jobs(), harness.PATIENCE, "its jobs to end")
        harness.wait_until(lambda: not self.drivers(), harness.PATIENCE, "drivers and probes to end")
        assert not list(machine.state.glob("mounts/*"))

    def drivers(self):
        """The drivers of this machine, including those of a killed airlockd: their parent is then the test's parent."""
        parents = {os.getppid(), self.machine.daemon.pid}
        ours = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if harness.parent_of(pid) in parents]
        return [pid for pid in ours if harness.process_name(pid) in CONTAINED and not harness.has_ended(pid)]

    def expect_one_answer(self):
        if self.call is None:
            return
        self.call.join(harness.PATIENCE)
        assert not self.call.is_alive(), "the request was never answered"
        assert isinstance(self.call.outcome, Refused), self.call.outcome
        assert self.call.outcome.name in GONE, self.call.outcome

    def expect_it_works(self):
        """airlockd treats the next stick like any other."""
        after = {"waiting": "waiting", "available": "available",
                 "mounting": "available"}.get(self.state, "mounted")
        word = "serve" if self.state != "probing" else "behave"
        self.machine.wait_for_state(self.make_stick(word, "NEXT"), after)


@pytest.mark.parametrize("state", STATES)
def test_pulled_in_every_state(scratch, state):
    with Stage(scratch, state) as stage:
        # airlockd does not wait for a stopped driver or probe.
        with harness.within(8):
            stage.stick.pull()
            stage.machine.wait_gone(stage.stick)
            stage.expect_one_answer()
        stage.expect_nothing_left()
        stage.expect_it_works()


@pytest.mark.parametrize("state", STATES)
def test_killed_in_every_state(scratch, state):
    with Stage(scratch, state) as stage:
        machine = stage.machine
        machine.stop_daemon(signal.SIGKILL)
        stage.expect_one_answer()
        machine.start_daemon()
        # Its interrupted work is done again, or found finished; never done twice.
        again = {"probing": ("probing",), "waiting": ("waiting",), "available": ("available",),
                 "mounting": ("available", "mounted"), "mounted": ("mounted",),
                 "unmounting": ("mounted", "unmounting"), "dead": ("dead",),
                 "ignored": ("ignored",)}[state]
        machine.wait_for_state(stage.stick, *again)
        assert len(machine.mounts()) <= 1
        stage.stick.pull()
        stage.expect_nothing_left()
        stage.expect_it_works()
