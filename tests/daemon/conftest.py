# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests of the running daemon; images, loop devices and the watchdog come from
tests/integration."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness  # noqa: E402
from fit_machine import pytest_sessionfinish, skip_unless_fit  # noqa: E402,F401

NEEDED_PROGRAMS = ("dbus-daemon", "mke2fs", "losetup", "strace")


def pytest_collection_modifyitems(items):
    skip_unless_fit(items, NEEDED_PROGRAMS)


@pytest.fixture
def scratch():
    with harness.scratch_directory() as path:
        yield path


@pytest.fixture
def machine(scratch, request):
    """A machine with one person at it. The test decides what they may do."""
    import machine as machines
    with machines.Machine(scratch) as made:
        made.sit_down(machines.ALICE)
        yield made
        if request.session.testsfailed:
            print(made.log()[-6000:])
