# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with the real airlockd and a desktop with the tray on it."""
import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "daemon"), str(TESTS / "integration")]
import harness  # noqa: E402
from fit_machine import pytest_sessionfinish, skip_unless_fit  # noqa: E402,F401

NEEDED_PROGRAMS = ("Xvfb", "xfce4-panel", "dunst", "dbus-daemon", "mke2fs", "losetup", "strace", "import",
                   "xdotool", "weston", "sway", "waybar", "grim")


def pytest_collection_modifyitems(items):
    skip_unless_fit(items, NEEDED_PROGRAMS)


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


class Demo:
    """bus_demo on a bus of its own, under the test's control."""

    def __init__(self, scratch):
        import bus_peers
        import os
        self.bus = bus_peers.PrivateBus(scratch)
        self.address = self.bus.address
        self.process = subprocess.Popen(
            [harness.built("tests/integration/bus_demo"), scratch], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address})
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, *lines):
        for line in lines:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            while self.process.stdout.readline() not in ("ok\n", ""):
                pass

    def plug(self, name, label, state, Death=None, StateReason=""):
        texts = {"Label": label, "Device": f"/dev/{name}", "Kind": "partition", "Bus": "usb", "Type": "ext4",
                 "Usage": "filesystem", "StateReason": StateReason, "MountPoint": f"/run/media/x/{name}"}
        self.tell(f"add {name}", *(f"set {name} {key} x {text.encode().hex()}" for key, text in texts.items() if text),
                  f"set {name} Size t 15931539456", f"set {name} Ejectable b 1")
        if Death:
            self.tell(f"set {name} Death {Death}")
        self.tell(f"set {name} State s {state}")

    def remove(self, name):
        self.tell(f"remove {name}")

    def stop(self):
        self.process.kill()
        self.process.communicate()
        self.bus.stop()


@pytest.fixture
def demo(scratch):
    made = Demo(scratch)
    yield made
    made.stop()
