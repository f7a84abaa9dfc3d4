# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by the tests of the checkers; scratch space and loop devices come from next door."""
import os
import pathlib
import shutil
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "images")]
import harness  # noqa: E402

MESON_SKIP = 77
NEEDED_PROGRAMS = ("mke2fs", "e2fsck", "debugfs", "fsck.fat", "fsck.exfat", "losetup")


def why_not_here():
    if os.geteuid() != 0:
        return "mounting and containing need root"
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
