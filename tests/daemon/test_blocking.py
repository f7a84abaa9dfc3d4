# SPDX-License-Identifier: GPL-2.0-or-later
"""While polkit does not answer one person and a driver does not answer another, airlockd answers all others."""
import os
import pathlib
import signal
import time
import xml.etree.ElementTree

import caller
import harness
import pytest
from gi.repository import Gio, GLib
from machine import ALICE, JOB, MANAGER, MANAGER_PATH, VOLUME, Asking, Machine

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "dbus"
SOON = 0.05
TRIES = 3
NONE = "@a{sv} {}"
HUNG, RESTING = "hung", "resting"  # the volume with the driver, and a healthy one

# (object, method, arguments): none of these calls has to wait for a medium, a driver or a person.
CALLS = [
    (MANAGER, "FindVolume", "('{device}',)"), (MANAGER, "Explain", "('{device}',)"), (MANAGER, "ListDrivers", "()"),
    (MANAGER, "GetSettings", "()"), (MANAGER, "SetAutomount", f"('off', {NONE})"),
    (MANAGER, "PrepareHandover", "()"),
    (MANAGER, "OpenImage", f"('{{handover}}', 'nothing', {NONE})"),
    (MANAGER, "AdoptMount", "(uint64 1, uint64 1, '{handover}', 'x', 'builtin', uint32 0)"),
    (MANAGER, "MountAt", f"('{{device}}', '{{handover}}', uint64 1, {NONE})"),
    *((which, name, "()") for which in (HUNG, RESTING)
      for name in ("GetUsers", "GetLog", "GetContainment", "GetCheckLog")),
    *((HUNG, name, f"({NONE},)") for name in ("Mount", "Check", "Repair", "Detach")),
    (HUNG, "Recover", f"('read-write', {NONE})"), (HUNG, "SetLabel", f"('NEW', {NONE})"),
    (HUNG, "Format", f"('ext4', 'NEW', {NONE})"),
    *((RESTING, name, f"({NONE},)") for name in ("Unmount", "Detach")),
    (RESTING, "Recover", f"('read-write', {NONE})"),
    (JOB, "Skip", f"({NONE},)"),
]
# These depend on the drive, or end the job that runs beside the calls above.
NOT_HERE = {"Eject", "PowerOff", "Cancel"}


def test_every_method_is_among_them():
    known = {method for file in SOURCES.glob("org.airlock1.*.xml")
             for method in (node.get("name") for node in xml.etree.ElementTree.parse(file).iter("method"))}
    assert known == {method for _, method, _ in CALLS} | NOT_HERE


def waits_for_driver(pid):
    where = pathlib.Path(f"/proc/{pid}/wchan").read_text()
    return "fuse_" in where or where == "request_wait_answer"


@pytest.fixture
def waiting(scratch):
    """(machine, paths): a stopped driver with a process waiting for it, an unmount that waits for it, and a
    question to polkit without an answer."""
    with Machine(scratch, automount="off", settings="\n[deadlines]\nheartbeat = 60\nsilence = 60\n") as machine:
        machine.sit_down(ALICE)
        sticks = [machine.make_stick(label, size="8M").plug() for label in ("HUNG", "ASKED", "RESTING")]
        hung, asked, resting = (machine.wait_for_state(stick, "available")[0] for stick in sticks)
        place = machine.call(hung, VOLUME, "Mount", f"({NONE},)")
        driver = machine.volume_of(sticks[0])[1]["DriverPid"]
        machine.polkit("SimulateHang", "(true,)")
        Asking(machine, asked, "Mount")
        os.kill(driver, signal.SIGSTOP)
        waiter = machine.start_as((0, "root"), ["ls", f"{place}/nothing"])
        try:
            harness.wait_until(lambda: waits_for_driver(waiter.pid), harness.PATIENCE,
                               "somebody to wait for the driver")
            yield machine, {HUNG: hung, RESTING: resting}, sticks[2].device
        finally:
            os.kill(driver, signal.SIGKILL)
            waiter.wait(harness.PATIENCE)


def seconds_of(bus, path, interface, method, arguments):
    """How long any answer took."""
    if "{handover}" in arguments:
        with open("/dev/null", "rb") as nothing:
            arguments = arguments.replace("{handover}", caller.hand_over(bus, *[nothing.fileno()] * 3))
    begin = time.monotonic()
    try:
        bus.call_sync("org.airlock1", path, interface, method, GLib.Variant.parse(None, arguments, None, None), None,
                      Gio.DBusCallFlags.NONE, 20_000, None)
    except GLib.Error as error:
        assert not error.matches(Gio.dbus_error_quark(), Gio.DBusError.NO_REPLY), method
    return time.monotonic() - begin


def test_no_method_waits_for_a_driver_or_for_polkit(waiting):
    machine, paths, device = waiting
    bus = caller.connect(machine.address)
    Asking(machine, paths[HUNG], "Unmount", person=(0, "root"))
    job = harness.wait_until(lambda: next(iter(machine.jobs()), None), harness.PATIENCE, "the unmount to begin")
    times = {}
    with harness.watching() as watch:
        for which, method, arguments in CALLS:
            path = {MANAGER: MANAGER_PATH, JOB: job}.get(which) or paths[which]
            interface = which if which in (MANAGER, JOB) else VOLUME
            arguments = arguments.replace("{device}", device)
            # A busy machine may be late once; a call that waits is late each time.
            times[which, method] = min(seconds_of(bus, path, interface, method, arguments) for _ in range(TRIES))
    limit = watch.limit_of_answers(SOON)
    assert not {call: f"{took * 1000:.0f} ms" for call, took in times.items() if took > limit}, f"limit {limit} s"
    assert list(machine.jobs()) == [job], "the unmount still waits"
