# SPDX-License-Identifier: GPL-2.0-or-later
"""Mounts of the example driver; images, mounts and the machine for airlockd come from the tests of the product."""
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "daemon")]
import harness  # noqa: E402
from fit_machine import pytest_sessionfinish, skip_unless_fit  # noqa: E402,F401


def pytest_collection_modifyitems(items):
    skip_unless_fit(items, ("genromfs", "losetup", "umount", "dbus-daemon"))


@pytest.fixture(autouse=True)
def watchdog():
    with harness.WATCHDOG.guard(5 * harness.PATIENCE):
        yield


@pytest.fixture
def scratch():
    with harness.scratch_directory() as path:
        yield path


@pytest.fixture
def drivers():
    """The folder with the drivers of tests."""
    return harness.built("tests/drivers/airlock-romfs").parent
