# SPDX-License-Identifier: GPL-2.0-or-later
"""The limits for one person, over a real bus: unanswered calls, questions to polkit, images."""
import contextlib
import os
import queue
import subprocess
import threading

import harness
import pytest
from machine import ALICE, BOB, HERE, PYTHON, VOLUME, Machine, Refused

NO_OPTIONS = "(@a{sv} {},)"
LIMIT = "org.airlock1.Error.LimitExceeded"


class ManyCalls:
    """A person's program with calls that have no answer yet."""

    def __init__(self, machine, person, path, method, count):
        self.count = count
        self.answers = queue.Queue()
        self.process = subprocess.Popen(
            [PYTHON, HERE / "many_calls.py", machine.address, path, VOLUME, method, NO_OPTIONS, str(count)],
            user=person[0], group=person[0], extra_groups=[], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.answers.put(line.strip())

    def take(self, count):
        return [self.answers.get(timeout=harness.PATIENCE) for _ in range(count)]

    def leave(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def many():
    with contextlib.ExitStack() as stack:
        def start(*arguments):
            started = ManyCalls(*arguments)
            stack.callback(started.leave)
            return started
        yield start


def available_stick(machine):
    stick = machine.make_stick().plug()
    return machine.wait_for_state(stick, "available")[0]


def test_unanswered_calls_of_one_person_are_limited_and_of_others_are_not(scratch, many):
    with Machine(scratch, automount="off", settings="\n[limits]\ncalls-per-user = 5\n") as machine:
        machine.sit_down(ALICE)
        machine.polkit("SimulateHang", "(true,)")
        path = available_stick(machine)
        first = many(machine, ALICE, path, "Mount", 12)
        assert first.take(7) == [LIMIT] * 7
        # Another program of hers makes no difference; other people and other questions are not affected.
        assert many(machine, ALICE, path, "Mount", 3).take(3) == [LIMIT] * 3
        his = many(machine, BOB, path, "Mount", 6)
        assert his.take(1) == [LIMIT]
        # Calls of a client that has left do not count.
        first.leave()
        machine.polkit("SimulateHang", "(false,)")

        def answered():
            with pytest.raises(Refused) as refused:
                machine.call_as(ALICE, path, VOLUME, "Mount", NO_OPTIONS)
            return refused.value.name == "NotPermitted"
        harness.wait_until(answered, harness.PATIENCE, "her calls to be forgotten")


def test_one_program_asks_polkit_so_many_things_and_the_rest_is_refused_at_once(scratch, many):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.polkit("SimulateHang", "(true,)")
        path = available_stick(machine)
        flood = many(machine, ALICE, path, "Mount", 100)
        assert set(flood.take(92)) == {LIMIT}
        assert flood.answers.empty(), "eight wait for polkit"
        # airlockd serves root, on the same bus, meanwhile.
        assert machine.call(path, VOLUME, "Mount", NO_OPTIONS) in machine.mounts()


def test_images_of_one_person_are_limited_until_they_are_closed(scratch):
    with Machine(scratch, automount="off", settings="\n[limits]\nimages-per-user = 2\n") as machine:
        machine.sit_down(ALICE)
        images = [machine.make_stick(f"I{number}", size="8M").image for number in range(3)]
        for image in images:
            os.chmod(image, 0o644)
        with machine.image_opener(ALICE, images[0], "ro"):
            with machine.image_opener(ALICE, images[1], "ro"):
                with pytest.raises(Refused) as refused, machine.image_opener(ALICE, images[2], "ro"):
                    pass
                assert refused.value.name == "LimitExceeded" and "2 images" in refused.value.message
                with machine.image_opener(BOB, images[2], "ro") as path:
                    assert path in machine.volumes()
            harness.wait_until(lambda: len(machine_images(machine)) == 1, harness.PATIENCE, "the images to close")
            with machine.image_opener(ALICE, images[2], "ro") as path:
                assert path in machine.volumes()


def machine_images(machine):
    return [path for path, volume in machine.volumes().items() if volume["Kind"] == "image"]


def test_media_beyond_the_limit_are_left_alone(scratch):
    """Including all other media in this machine."""
    with Machine(scratch, automount="off", settings="\n[limits]\nvolumes = 1\n") as machine:
        machine.sit_down(ALICE)
        for number in range(3):
            machine.make_stick(f"M{number}", size="8M").plug()
        harness.wait_until(lambda: machine.log().count("is left alone: there are") >= 2, 10,
                           "the daemon to say so")
        assert len(machine.volumes()) <= 1
