# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that cannot run these tests skips them loudly: the exit code is 77, and CI treats that as a
failure. A conftest.py imports pytest_sessionfinish and calls skip_unless_fit."""
import os
import shutil

import pytest

MESON_SKIP = 77


def why_not_here(programs):
    if os.geteuid() != 0:
        return "mounting needs root"
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    missing = [program for program in programs if not shutil.which(program)]
    return f"not installed: {', '.join(missing)}" if missing else None


def skip_unless_fit(items, programs):
    reason = why_not_here(programs)
    for item in items if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason))


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter and reporter.stats.get("skipped"):
        session.exitstatus = MESON_SKIP
