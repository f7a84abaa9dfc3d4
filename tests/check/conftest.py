# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests of the checkers; scratch space and loop devices come from tests/integration."""
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "images")]
import harness  # noqa: E402
from fit_machine import pytest_sessionfinish, skip_unless_fit  # noqa: E402,F401

NEEDED_PROGRAMS = ("mke2fs", "e2fsck", "debugfs", "fsck.fat", "fsck.exfat", "mkntfs", "ntfsfix", "losetup")


def pytest_collection_modifyitems(items):
    skip_unless_fit(items, NEEDED_PROGRAMS)


@pytest.fixture
def scratch():
    with harness.scratch_directory() as path:
        yield path
