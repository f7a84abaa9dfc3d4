#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Stands in for a person's desktop: waits for media, and lists them.

plug_agent.py ADDRESS airlock|udisks   For every line on standard input that names a device, waits
until it is mounted and its root has been listed, and says "usable TIME PLACE". With udisks a client
has to ask for the mount, so this does, like a desktop's own automounter. "leave" unmounts it.
"""
import os
import sys
import time

import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

UDISKS = "org.freedesktop.UDisks2"
FILESYSTEM = UDISKS + ".Filesystem"
AIRLOCK = "org.airlock1"
VOLUME = AIRLOCK + ".Volume"
PROPERTIES = "org.freedesktop.DBus.Properties"
DEADLINE_MS = 30_000


class Agent:
    def __init__(self, address, kind):
        self.kind = kind
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
                 | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        self.bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        self.loop = GLib.MainLoop()
        self.device = self.path = None
        self.asked = False
        name = AIRLOCK if kind == "airlock" else UDISKS
        for signal in ("InterfacesAdded", "PropertiesChanged"):
            self.bus.signal_subscribe(name, None, signal, None, None, Gio.DBusSignalFlags.NONE,
                                      self.heard, None)
        GLib.io_add_watch(0, GLib.IO_IN | GLib.IO_HUP, self.told)

    def call(self, path, interface, method, arguments):
        name = AIRLOCK if self.kind == "airlock" else UDISKS
        answer = self.bus.call_sync(name, path, interface, method, arguments, None,
                                    Gio.DBusCallFlags.NONE, DEADLINE_MS, None)
        return answer.unpack()

    def told(self, *_):
        words = os.read(0, 4096).decode().split()
        if not words:
            self.loop.quit()
        elif words[0] == "leave":
            interface = VOLUME if self.kind == "airlock" else FILESYSTEM
            self.call(self.path, interface, "Unmount", GLib.Variant("(a{sv})", ({},)))
            print("left", flush=True)
        else:
            self.device, self.path, self.asked = words[0], None, False
            print("waiting", flush=True)
        return True

    def heard(self, _bus, _sender, path, _interface, signal, arguments, _data):
        arguments = arguments.unpack()
        if signal == "InterfacesAdded":
            path, interfaces = arguments
        else:
            interfaces = {arguments[0]: arguments[1]}
        if os.path.basename(path) != os.path.basename(self.device or "/"):
            return
        if self.kind == "airlock":
            changed = interfaces.get(VOLUME, {})
            if changed.get("State") == "mounted":
                self.usable(path, changed.get("MountPoint") or self.call(
                    path, PROPERTIES, "Get", GLib.Variant("(ss)", (VOLUME, "MountPoint")))[0])
        elif FILESYSTEM in interfaces and not self.asked:
            self.asked = True
            self.usable(path, self.call(path, FILESYSTEM, "Mount", GLib.Variant("(a{sv})", ({},)))[0])

    def usable(self, path, place):
        os.listdir(place)
        print("usable", time.monotonic(), place, flush=True)
        self.path = path


def main():
    agent = Agent(*sys.argv[1:3])
    print("ready", flush=True)
    agent.loop.run()


if __name__ == "__main__":
    main()
