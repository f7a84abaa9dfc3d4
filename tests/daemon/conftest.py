# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by the tests of the running daemon; images, loop devices and the watchdog come from the
mount tests next door."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness  # noqa: E402

MESON_SKIP = 77
NEEDED_PROGRAMS = ("dbus-daemon", "mke2fs", "losetup", "strace")


def why_not_here():
    import os
    if os.geteuid() != 0:
        return "the daemon runs as root"
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    missing = [program for program in NEEDED_PROGRAMS if not shutil.which(program)]
    return f"not installed: {', '.join(missing)}" if missing else None


def pytest_collection_modifyitems(items):
    reason = why_not_here()
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter and reporter.stats.get("skipped"):
        session.exitstatus = MESON_SKIP


@pytest.fixture
def scratch():
    with harness.scratch_directory() as path:
        yield path


@pytest.fixture
def machine(scratch, request):
    """A machine with one person at it. What they may do is for the test to say."""
    import machine as machines
    with machines.Machine(scratch) as made:
        made.sit_down(machines.ALICE)
        yield made
        if request.session.testsfailed:
            print(made.log()[-6000:])
