# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests of the mount command: all mounts are invisible to the rest of the machine."""
import ctypes
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

# Hides these mounts from an airlockd of this machine: mount.airlock would hand them over to it.
os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent/no-bus-for-tests"
CLONE_NEWNS = 0x00020000
_unshared = False


class PrivateMounts:
    """Mounts in a namespace of the test process, gone at the end of the test."""

    def __init__(self):
        self.places = []

    def tmpfs(self, place):
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
        self.places.append(place)

    def undo(self):
        for place in reversed(self.places):
            subprocess.run(["umount", "-l", place], check=False)


def _leave_shared_mounts():
    global _unshared
    if _unshared:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    _unshared = True


@pytest.fixture
def private_mounts():
    if os.getuid() != 0:
        pytest.skip("needs root")
    _leave_shared_mounts()
    mounts = PrivateMounts()
    yield mounts
    mounts.undo()
