# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with the real airlockd and a desktop with the tray on it."""
import pathlib
import shutil
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "daemon"), str(TESTS / "integration")]
import harness  # noqa: E402

MESON_SKIP = 77
NEEDED = ("Xvfb", "xfce4-panel", "dunst", "dbus-daemon", "mke2fs", "losetup", "strace", "import")


def why_not_here():
    import os
    if os.geteuid() != 0:
        return "the daemon runs as root"
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    missing = [program for program in NEEDED if not shutil.which(program)]
    return f"not installed: {', '.join(missing)}" if missing else None


def pytest_collection_modifyitems(items):
    reason = why_not_here()
    for item in items if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter and reporter.stats.get("skipped"):
        session.exitstatus = MESON_SKIP


@pytest.fixture
def scratch():
    with harness.scratch_directory() as path:
        path.chmod(0o755)
        yield path


@pytest.fixture
def machine(scratch):
    import machine as machines
    with machines.Machine(scratch) as made:
        made.sit_down(machines.ALICE)
        made.polkit("AllowUnknown", "(true,)")
        yield made
