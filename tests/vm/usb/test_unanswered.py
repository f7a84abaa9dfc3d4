# SPDX-License-Identifier: GPL-2.0-or-later
"""A subverted driver answers all requests except those of one kind."""
import os
import subprocess

import pytest

from machine import DEADLINE, wait_until
from steps import AT_THE_MACHINE, wait_for_mount, wait_for_state

DRIVER = "/usr/libexec/airlock/airlock-ext"
SETTINGS = """automount = "on"
[deadlines]
heartbeat = 1
silence = 3
[drivers]
order = ["builtin"]
"""
# The number of the request in linux/fuse.h, its name, and a command that causes it.
KINDS = ((1, "LOOKUP", "stat {place}/name"), (15, "READ", "cat {place}/file"))


@pytest.fixture
def tiny_driver(machine, tmp_path):
    """Takes the place of the driver of ext; the start of the stick chooses its behaviour."""
    stripped = tmp_path / "driver"
    built = os.environ.get("AIRLOCK_TINY_DRIVER")
    if not built:
        pytest.skip("only ./dev test has a driver for tests that was built for the guest's release")
    subprocess.run(["strip", "-o", stripped, built], check=True)
    machine.write(DRIVER + ".new", stripped.read_bytes())
    machine.run(f"chmod 755 {DRIVER}.new && mv {DRIVER}.new {DRIVER}")


@pytest.mark.every_time
def test_whoever_waits_is_answered(machine, settings, make_image, tiny_driver):
    settings(SETTINGS)
    for number, request, question in KINDS:
        image = make_image("ext4", name=f"mutes-{number}")
        with open(image, "r+b") as file:  # ext does not use the first KiB
            file.write(f"mutes-{number}\0".encode())
        stick = machine.plug(image)
        place = wait_for_mount(machine, stick.device)
        asked = machine.start(question.format(place=place), **AT_THE_MACHINE)
        dead = wait_for_state(machine, stick.device, "dead")
        assert dead["Death"]["cause"] == f"did not answer {request} for 3 s"
        asked.wait(allowed=None)
        machine.run(f"airlockctl eject --force {stick.device}", allowed=None)
        machine.unplug(stick)
        wait_until(lambda: not machine.drivers(), DEADLINE, "the driver to end")
