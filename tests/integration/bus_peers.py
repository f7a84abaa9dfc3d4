# SPDX-License-Identifier: GPL-2.0-or-later
"""A private bus with Airlock's bus policy, the demo service on it, and clients that call it."""

import os
import pathlib
import subprocess
import time

from gi.repository import Gio, GLib

import handover
import harness

NAME = "org.airlock1"
MANAGER = "/org/airlock1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
ERROR = "org.airlock1.Error."
SOURCES = pathlib.Path(__file__).resolve().parents[2]
DEADLINE = float(harness.PATIENCE)

# The prohibitions of the system bus, without its other rules.
SYSTEM_POLICY = """
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{conf}</include>
"""
# The same with root as polkit, logind and udisks.
MACHINE_POLICY = SYSTEM_POLICY + """
  <policy context="default">
    <allow send_destination="org.freedesktop.UDisks2"/>
  </policy>
  <policy user="root">
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow own="org.freedesktop.login1"/>
    <allow own="org.freedesktop.UDisks2"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.login1"/>
  </policy>
"""
NO_POLICY = """
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/>
    <allow receive_type="method_call"/> <allow receive_type="method_return"/>
    <allow receive_type="error"/> <allow receive_type="signal"/>
  </policy>
"""


def volume(name):
    return f"{MANAGER}/volumes/{name}"


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited too long for {what}"
        GLib.MainContext.default().iteration(False)
        time.sleep(0.002)


class PrivateBus:
    """A private dbus-daemon."""

    def __init__(self, folder, policy=SYSTEM_POLICY):
        folder.chmod(0o755)
        self.address = f"unix:path={folder}/bus"
        config = folder / "bus.conf"
        config.write_text(
            '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"'
            ' "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">\n'
            f"<busconfig><type>custom</type><listen>{self.address}</listen><auth>EXTERNAL</auth>"
            + policy.format(conf=SOURCES / "dbus" / "org.airlock1.conf") + "</busconfig>\n")
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile",
             "--nosyslog", "--print-address=1"], stdout=subprocess.PIPE)
        assert self.process.stdout.readline(), "the private bus did not start"

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Demo:
    """The simulated service. It obeys its standard input line by line."""

    def __init__(self, bus, log):
        self.log = open(log, "w+")
        self.process = subprocess.Popen(
            [harness.built("tests/integration/bus_demo"), pathlib.Path(log).parent], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log, text=True,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address})

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def tell(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.line()) != "ok":
            assert line, f"the demo died: {self.said()}"
            lines.append(line)
        return lines

    def calls(self):
        """The calls that reached the service since the last time, without departures from the bus."""
        return [line.removeprefix("call ") for line in self.tell("calls")
                if not line.startswith("call gone ")]

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def wake_ups(self):
        """How often any of its threads has gone to sleep voluntarily so far."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            status = (task / "status").read_text()
            total += int(status.split("voluntary_ctxt_switches:")[1].split()[0])
        return total

    def stop(self):
        self.process.stdin.close()
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()
        assert code in (0, 3), f"the demo ended with {code}: {self.said()}"
        assert code != 0 or "could not" not in self.said(), self.said()


class DBusError(Exception):
    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class Client:
    """One connection to the bus."""

    def __init__(self, address):
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
                 Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        self.connection = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        self.connection.set_exit_on_close(False)
        self.signals = []

    @property
    def name(self):
        return self.connection.get_unique_name()

    def message(self, path, interface, method, signature="()", arguments=(), descriptors=()):
        message = Gio.DBusMessage.new_method_call(NAME, path, interface, method)
        message.set_body(GLib.Variant(signature, tuple(arguments)))
        if descriptors:
            carried = Gio.UnixFDList()
            for descriptor in descriptors:
                carried.append(descriptor)
            message.set_unix_fd_list(carried)
        return message

    def hand_over(self, *descriptors):
        return handover.send(self.call(MANAGER, "Manager", "PrepareHandover"), *descriptors)

    def send(self, message, seconds=DEADLINE):
        reply, _serial = self.connection.send_message_with_reply_sync(
            message, Gio.DBusSendMessageFlags.NONE, int(seconds * 1000), None)
        body = reply.get_body()
        if reply.get_message_type() == Gio.DBusMessageType.ERROR:
            raise DBusError(reply.get_error_name(), body.unpack()[0] if body else "")
        values = body.unpack() if body else ()
        return values[0] if len(values) == 1 else values

    def call(self, path, interface, method, signature="()", *arguments, descriptors=()):
        full = interface if "." in interface else f"{NAME}.{interface}"
        return self.send(self.message(path, full, method, signature, arguments, descriptors))

    def start(self, path, interface, method, signature="()", *arguments):
        """Calls without waiting; the result gets the outcome when it comes."""
        outcome = []

        def done(connection, result):
            reply = connection.send_message_with_reply_finish(result)
            outcome.append(reply.get_error_name() or reply.get_body() or "done")
        self.connection.send_message_with_reply(
            self.message(path, f"{NAME}.{interface}", method, signature, arguments),
            Gio.DBusSendMessageFlags.NONE, int(DEADLINE * 1000), None, done)
        return outcome

    def properties(self, path, interface):
        return self.call(path, PROPERTIES, "GetAll", "(s)", f"{NAME}.{interface}")

    def listen(self):
        def heard(_connection, _sender, path, _interface, signal, body):
            self.signals.append((signal, path, body.unpack()))
        self.connection.signal_subscribe(NAME, None, None, None, None,
                                         Gio.DBusSignalFlags.NONE, heard)
        self.settle()

    def heard(self, signal):
        return [(path, body) for name, path, body in self.signals if name == signal]

    def settle(self):
        """Waits until everything sent before now has arrived."""
        self.call(MANAGER, "org.freedesktop.DBus.Peer", "Ping")
        for _ in range(20):
            while GLib.MainContext.default().iteration(False):
                pass
            time.sleep(0.005)

    def close(self):
        self.connection.close_sync(None)
