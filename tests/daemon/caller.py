# SPDX-License-Identifier: GPL-2.0-or-later
"""One D-Bus call as the user who runs this: caller.py ADDRESS PATH INTERFACE METHOD ARGUMENTS [IMAGE MODE]

ARGUMENTS is a tuple in GVariant's text form. The answer goes to standard output as JSON:
{"answer": [...]} or {"error": "org.airlock1.Error.Busy", "message": "..."}. With IMAGE its
descriptor is handed over first, and {handover} stands for it.
"""
import json
import os
import pathlib
import sys

import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import handover  # noqa: E402

MANAGER = "/org/airlock1", "org.airlock1.Manager"
DEADLINE_MS = 150_000


def call(connection, path, interface, method, arguments):
    """The answer, unpacked; raises GLib.Error."""
    return connection.call_sync(
        "org.airlock1", path, interface, method, GLib.Variant.parse(None, arguments, None, None), None,
        Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION, DEADLINE_MS, None).unpack()


def hand_over(connection, *descriptors):
    """The name of the descriptors for the next call."""
    return handover.send(call(connection, *MANAGER, "PrepareHandover", "()")[0], *descriptors)


def connect(address):
    flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
             | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
    return Gio.DBusConnection.new_for_address_sync(address, flags, None, None)


def error_of(error):
    name = Gio.DBusError.get_remote_error(error)
    Gio.DBusError.strip_remote_error(error)
    return {"error": name or "local", "message": error.message}


def main():
    address, path, interface, method, arguments = sys.argv[1:6]
    connection = connect(address)
    try:
        if len(sys.argv) > 6:
            image = os.open(sys.argv[6], os.O_RDWR if sys.argv[7] == "rw" else os.O_RDONLY)
            arguments = arguments.format(handover=repr(hand_over(connection, image)))
        result = {"answer": call(connection, path, interface, method, arguments)}
    except GLib.Error as error:
        result = error_of(error)
    print(json.dumps(result))
    # An image exists as long as its opener is on the bus.
    if "--stay" in sys.argv:
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
