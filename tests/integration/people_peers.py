# SPDX-License-Identifier: GPL-2.0-or-later
"""The environment of the tests of daemon/people: a bus with the rules of the system bus, people
on it, mocks of polkit and logind, and the program under test."""

import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

import dbus
import dbusmock

import harness

DEADLINE = float(harness.PATIENCE)
POLKIT = "org.freedesktop.PolicyKit1"
LOGIND = "org.freedesktop.login1"
# A bus admits only users that exist on the machine; these exist everywhere, under other names.
ALICE, BOB, STRANGER = 1, 2, 3
PASSWD = f"root:x:0:0::/root:/bin/sh\nalice:x:{ALICE}:100::/:/bin/sh\nbob:x:{BOB}:{BOB}::/:/bin/sh\n"

# As on a system bus, every client may send signals to every other; calls and names are not tested.
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default">
  <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
</policy></busconfig>
"""

# Joins the bus, says its name, and then sends signals on request that look like another sender's.
PERSON = """
import sys, dbus
from dbus.lowlevel import SignalMessage
bus = dbus.bus.BusConnection(sys.argv[1])
print(bus.get_unique_name(), flush=True)
for line in sys.stdin:
    to, path, interface, member, *arguments = line.split()
    signal = SignalMessage(path, interface, member)
    signal.set_destination(to)
    signal.append(*["" if a == "-" else a for a in arguments], signature="s" * len(arguments))
    bus.send_message(signal)
    bus.flush()
    print("sent", flush=True)
"""


def wait_until(condition, what, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited too long for {what}"
        time.sleep(0.01)


class Bus:
    def __init__(self, folder):
        folder.chmod(0o755)
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)  # others must get to the socket
            if parent == pathlib.Path("/tmp"):
                break
        self.address = f"unix:path={folder}/bus"
        config = folder / "bus.conf"
        config.write_text(BUS_CONFIG.format(socket=folder / "bus"))
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--nosyslog",
             "--print-address=1"], stdout=subprocess.PIPE)
        assert self.process.stdout.readline(), "the private bus did not start"
        self.environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}
        self.connection = dbus.bus.BusConnection(self.address)

    def has(self, name):
        return self.connection.name_has_owner(name)

    def stop(self):
        self.connection.close()
        self.process.kill()
        self.process.communicate()


class Mock:
    """A dbusmock template in a process of its own, which can be started and killed."""

    def __init__(self, bus, name, template):
        self.bus, self.name = bus, name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dbusmock", "--system", "--template", template],
            env=bus.environment, stdout=subprocess.DEVNULL)
        wait_until(lambda: bus.has(name), name)

    def object(self, path):
        return self.bus.connection.get_object(self.name, path)

    def mock(self, path):
        return dbus.Interface(self.object(path), dbusmock.MOCK_IFACE)

    def stop(self):
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not self.bus.has(self.name), f"{self.name} to leave")


class Person:
    """A process of some user that is on the bus and does nothing."""

    def __init__(self, bus, user):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PERSON, bus.address], user=user, group=user, extra_groups=[],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]})
        self.name = self.process.stdout.readline().strip()
        assert self.name.startswith(":"), "the person did not get on the bus"

    def signal(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "sent\n"

    def leave(self):
        self.process.kill()
        self.process.communicate()


class Program:
    """people_program: send it lines, expect lines."""

    def __init__(self, bus, folder, with_interaction=30.0, without=20.0):
        passwd = folder / "passwd"
        passwd.write_text(PASSWD)
        before = set(bus.connection.list_names())
        self.errors = open(folder / "program.log", "w+")
        self.process = subprocess.Popen(
            [harness.built("tests/integration/people_program"), passwd, str(with_interaction),
             str(without)], env=bus.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, text=True, errors="surrogateescape")
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.seen = []
        self.expect("ready")
        mine = [n for n in bus.connection.list_names() if n not in before and n.startswith(":")
                and bus.connection.get_object("org.freedesktop.DBus", "/").GetConnectionUnixProcessID(
                    n, dbus_interface="org.freedesktop.DBus") == self.process.pid]
        self.name = str(mine[0])

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def tell(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def expect(self, start, seconds=DEADLINE):
        """The first line with this beginning that no earlier call has taken, as fields."""
        end = time.monotonic() + seconds
        while True:
            for i, line in enumerate(self.seen):
                if line == start or line.startswith(start + "\t"):
                    return self.seen.pop(i).split("\t")
            try:
                line = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {start!r} within {seconds} s, only {self.seen}\n{self.said()}")
            assert line is not None, f"the program ended: {self.said()}"
            self.seen.append(line)

    def expect_nothing(self, start, seconds=0.3):
        time.sleep(seconds)
        while not self.lines.empty():
            line = self.lines.get()
            assert line is not None, f"the program ended: {self.said()}"
            self.seen.append(line)
        assert not [line for line in self.seen if line.startswith(start)], self.seen

    def forget(self):
        """Forgets all lines up to now."""
        self.round_trip()
        self.seen.clear()

    def answer(self, name, seconds=DEADLINE):
        """yes, or the error's last word and its text."""
        fields = self.expect(f"answer\t{name}", seconds)[2:]
        return "yes" if fields == ["yes"] else (fields[0].removeprefix("org.airlock1.Error."), fields[1])

    def round_trip(self):
        """Seconds until it has answered a ping."""
        start = time.monotonic()
        self.tell("ping")
        self.expect("pong")
        return time.monotonic() - start

    def wait_for(self, command, *fields):
        """Asks until the answer is these fields."""
        words = command.split()
        answer = []

        def same():
            nonlocal answer
            self.tell(command)
            answer = self.expect("\t".join(words) if len(words) > 1 else words[0])[len(words):]
            return answer == list(fields)
        try:
            wait_until(same, f"{command} to be {fields}")
        except AssertionError as failed:
            raise AssertionError(f"{failed}; it is {answer}\n{self.said()}") from None

    def said(self):
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        said = self.said()
        self.errors.close()
        assert code == 0, f"the program ended with {code}: {said}"
