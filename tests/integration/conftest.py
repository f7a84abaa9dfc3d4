# SPDX-License-Identifier: GPL-2.0-or-later
"""The fixtures of all mount tests: the mounter under test, scratch space, and the watchdog."""

import os
import pathlib

import pytest

import harness
from fit_machine import pytest_sessionfinish, skip_unless_fit  # noqa: F401

TEST_DEADLINE = 5 * harness.PATIENCE
NEEDED_PROGRAMS = ("mke2fs", "e2fsck", "debugfs", "dumpe2fs", "losetup", "umount")


def pytest_addoption(parser):
    parser.addoption("--mounter", default=None, choices=harness.MOUNTERS,
                     help="what to test; default AIRLOCK_MOUNTER or airlock")
    parser.addoption("--seed", type=int, default=None, help="replay one random sequence")


def pytest_configure(config):
    chosen = config.getoption("--mounter")
    if chosen:
        os.environ["AIRLOCK_MOUNTER"] = chosen
    config.addinivalue_line("markers", "contained: needs a driver process; makes no sense for the kernel")
    config.addinivalue_line("markers", "airlock_only: tests something only our driver promises")
    config.addinivalue_line("markers", "deadline(patiences): longer than the usual watchdog")


def does_not_apply(item, mounter):
    if item.get_closest_marker("airlock_only"):
        return mounter != harness.AIRLOCK
    return bool(item.get_closest_marker("contained")) and mounter == harness.KERNEL


def pytest_collection_modifyitems(config, items):
    mounter = harness.default_mounter()
    unfit = [item for item in items if does_not_apply(item, mounter)]
    if unfit:
        config.hook.pytest_deselected(items=unfit)
        items[:] = [item for item in items if item not in unfit]
    skip_unless_fit(items, NEEDED_PROGRAMS)


@pytest.fixture(autouse=True)
def watchdog(request):
    marker = request.node.get_closest_marker("deadline")
    with harness.WATCHDOG.guard(marker.args[0] * harness.PATIENCE if marker else TEST_DEADLINE):
        yield


@pytest.fixture
def mounter():
    return harness.default_mounter()


@pytest.fixture
def scratch():
    with harness.scratch_directory() as path:
        yield path


@pytest.fixture
def ext4(scratch):
    """A small, unused ext4 image."""
    return harness.make_image(scratch / "ext4.img")


@pytest.fixture
def seeds(request):
    """One seed on request; otherwise the fixed ones, so that a run can be repeated."""
    chosen = request.config.getoption("--seed")
    return [chosen] if chosen is not None else None


@pytest.fixture
def long_run():
    return os.environ.get("AIRLOCK_LONG", "") not in ("", "0")


@pytest.fixture
def oprunner():
    return pathlib.Path(harness.built("tests/integration/oprunner/oprunner"))
