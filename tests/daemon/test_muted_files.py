# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of a stranger's filesystem whose requests are never answered: closing one can take for ever. A user who
passes such a file harms only himself."""
import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time

import caller
import harness
import pytest
from gi.repository import Gio, GLib
from machine import ALICE, HERE, MANAGER, MANAGER_PATH, PYTHON, VOLUME, Machine, Refused

NONE = "@a{sv} {}"
SOON = 0.05
UNANSWERED = "TimedOut", "WorkerDied", "Io", "Protocol", "System", "NotFound"


class Stranger:
    """A running mute_fuse.py."""

    def __init__(self, place, image, *who):
        place.mkdir()
        self.place, self.file = place, place / "image"
        self.process = subprocess.Popen([PYTHON, HERE / "mute_fuse.py", place, image, *who], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def mute(self, kind, process):
        self.process.stdin.write(f"mute {kind} {process}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"

    def stop(self):
        if self.process.poll() is None:
            self.process.communicate()
        subprocess.run(["umount", "-l", self.place], check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def machine(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-image")
        yield machine


@pytest.fixture
def stranger(machine, scratch):
    stranger = Stranger(scratch / "strange", machine.make_stick("STRANGE", {"inside": "of it"}).image)
    yield stranger
    stranger.stop()


def send_along(bus, descriptor, interface, method, arguments):
    """A call with a useless descriptor."""
    bus.call_with_unix_fd_list_sync(
        "org.airlock1", MANAGER_PATH, interface, method, GLib.Variant.parse(None, arguments, None, None), None,
        Gio.DBusCallFlags.NONE, 5_000, Gio.UnixFDList.new_from_array([os.dup(descriptor)]), None)


@pytest.mark.parametrize("interface, method, arguments", [
    (MANAGER, "FindVolume", "('sda',)"), (MANAGER, "OpenImage", f"('/no/socket', 'x', {NONE})"),
    ("org.freedesktop.DBus.Peer", "Ping", "()"),
])
def test_no_call_brings_airlockd_a_descriptor(machine, stranger, interface, method, arguments):
    """airlockd would have to close it."""
    image = os.open(stranger.file, os.O_RDONLY)
    stranger.mute("FLUSH", machine.daemon.pid)
    bus = caller.connect(machine.address)
    with pytest.raises(GLib.Error) as refused:
        send_along(bus, image, interface, method, arguments)
    with harness.watching() as watch:
        begin = time.monotonic()
        machine.call(MANAGER_PATH, MANAGER, "ListDrivers")
        took = time.monotonic() - begin
    assert took < watch.limit_of_answers(SOON)
    assert refused.value.matches(Gio.dbus_error_quark(), Gio.DBusError.NOT_SUPPORTED), refused.value
    os.close(image)


def test_a_signal_brings_none_either(machine, stranger):
    image = os.open(stranger.file, os.O_RDONLY)
    stranger.mute("FLUSH", machine.daemon.pid)
    bus = caller.connect(machine.address)
    owner = bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner",
                          GLib.Variant("(s)", ("org.airlock1",)), None, Gio.DBusCallFlags.NONE, 5_000, None).unpack()[0]
    signal = Gio.DBusMessage.new_signal("/x", "x.y", "Z")
    signal.set_destination(owner)
    signal.set_unix_fd_list(Gio.UnixFDList.new_from_array([os.dup(image)]))
    bus.send_message(signal, Gio.DBusSendMessageFlags.NONE)
    bus.flush_sync()
    machine.call(MANAGER_PATH, MANAGER, "ListDrivers")
    os.close(image)


def test_nobody_blocks_a_stick_by_naming_it(machine, scratch):
    """Neither with a user's own filesystem that claims to be the stick, nor with an image of that name."""
    stick = machine.make_stick().plug()
    path, _ = machine.wait_for_state(stick, "available")
    image = machine.make_stick("OTHER", {"inside": "of the image"}, name="other").image
    os.chown(image, ALICE[0], ALICE[0])
    named = Stranger(scratch / "strange", image, stick.device, str(ALICE[0]))
    try:
        with machine.image_opener(ALICE, image, name=stick.device) as opened:
            place = machine.call_as(ALICE, opened, VOLUME, "Mount", f"({NONE},)")
            source = harness.run(["findmnt", "-no", "SOURCE", place]).stdout.strip()
            assert source == f"image:{stick.device}"
            machine.call(path, VOLUME, "Mount", f"({NONE},)")
            machine.call(path, VOLUME, "Unmount", f"({NONE},)")
            machine.call(path, VOLUME, "Eject", f"({NONE},)")
            machine.call_as(ALICE, opened, VOLUME, "Unmount", f"({NONE},)")
    finally:
        named.stop()


def test_an_image_without_a_record_is_not_taken_for_the_device_of_its_name(machine):
    stick = machine.make_stick().plug()
    machine.wait_for_state(stick, "available")
    image = machine.make_stick("OTHER", name="other").image
    os.chown(image, ALICE[0], ALICE[0])
    with machine.image_opener(ALICE, image, name=stick.device) as opened:
        place = machine.call_as(ALICE, opened, VOLUME, "Mount", f"({NONE},)")
        machine.stop_daemon(signal.SIGKILL)
    for record in (machine.state / "mounts").iterdir():
        record.unlink()
    machine.start_daemon()
    machine.wait_for_state(stick, "available")
    [found] = [volume for volume in machine.volumes().values() if volume["MountPoint"] == place]
    assert found["Kind"] == "image" and found["Device"] == stick.device


class Answers:
    """Measures all the while how long airlockd takes to answer another user."""

    def __init__(self, machine):
        self.bus, self.longest, self.stopped = caller.connect(machine.address), 0, threading.Event()
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        while not self.stopped.wait(0.05):
            begin = time.monotonic()
            caller.call(self.bus, MANAGER_PATH, MANAGER, "ListDrivers", "()")
            self.longest = max(self.longest, time.monotonic() - begin)

    def __enter__(self):
        self.watch = harness.watching()
        self.times = self.watch.__enter__()
        self.thread.start()
        return self

    def __exit__(self, *what):
        self.stopped.set()
        self.thread.join()
        self.watch.__exit__(*what)
        assert self.longest < self.times.limit_of_answers(SOON)


@pytest.mark.parametrize("request_kind, when", [("GETATTR", "before"), ("READ", "later"), ("FLUSH", "later")])
def test_an_image_whose_server_falls_silent_costs_its_opener_alone(machine, stranger, request_kind, when):
    before = machine.living()
    if when == "before":
        stranger.mute(request_kind, machine.daemon.pid)
    with Answers(machine):
        try:
            with machine.image_opener(ALICE, stranger.file, "ro") as path:
                stranger.mute(request_kind, machine.daemon.pid)
                machine.call_as(ALICE, path, VOLUME, "Mount", f"({NONE},)")
                machine.call_as(ALICE, path, VOLUME, "Unmount", f"({NONE},)")
        except Refused as refused:
            assert refused.name in UNANSWERED, refused
    assert not machine.mounts()
    stranger.stop()
    harness.wait_until(lambda: machine.living() == before, harness.PATIENCE, "nothing to be left of it")
    assert "image" not in [volume["Kind"] for volume in machine.volumes().values()]


def test_a_users_silent_images_keep_nobody_waiting(machine, stranger):
    """Each of them blocks a probe for its whole deadline."""
    with contextlib.ExitStack() as images:
        stranger.mute("READ", machine.daemon.pid)
        for _ in range(12):
            images.enter_context(machine.image_opener(ALICE, stranger.file, "ro"))
        stick = machine.make_stick("BESIDE").plug()
        with harness.within(3):
            machine.wait_for_state(stick, "available")


def test_an_image_root_may_not_look_at_is_refused_with_the_reason(machine, scratch):
    private = Stranger(scratch / "private", machine.make_stick("PRIVATE").image, "private", str(ALICE[0]), "")
    try:
        with pytest.raises(Refused) as refused, machine.image_opener(ALICE, private.file, "ro"):
            pass
        assert refused.value.name == "NotPermitted" and "allow_other" in refused.value.message
    finally:
        private.stop()


def test_an_image_on_somebodys_filesystem_is_mounted_like_any_other(machine, stranger):
    with machine.image_opener(ALICE, stranger.file) as path:
        place = machine.call_as(ALICE, path, VOLUME, "Mount", f"({NONE},)")
        assert machine.read_as(ALICE, f"{place}/inside") == "of it"
        machine.call_as(ALICE, path, VOLUME, "Unmount", f"({NONE},)")


def alone(machine, before):
    """The one additional process of airlockd, once the others have finished."""
    def added():
        more = set(machine.living()) - set(before)
        return more.pop() if len(more) == 1 else None
    return harness.wait_until(added, harness.PATIENCE, "the keeper alone")


def test_its_keeper_ends_with_the_image_and_with_airlockd(machine, stranger):
    before = machine.living()
    with machine.image_opener(ALICE, stranger.file):
        alone(machine, before)
    harness.wait_until(lambda: machine.living() == before, harness.PATIENCE, "the keeper to end")
    with machine.image_opener(ALICE, stranger.file):
        keeper = alone(machine, before)
        assert pathlib.Path(f"/proc/{keeper}/comm").read_text() == "airlockd-errand\n"
        machine.stop_daemon(signal.SIGKILL)
        harness.wait_until(lambda: harness.has_ended(keeper), harness.PATIENCE, "the keeper to end")
        machine.start_daemon()
