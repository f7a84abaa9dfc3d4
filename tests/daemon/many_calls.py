# SPDX-License-Identifier: GPL-2.0-or-later
"""One call many times at once, as the user who runs this: many_calls.py ADDRESS PATH INTERFACE METHOD ARGUMENTS COUNT

Prints a line for every answer when it arrives: "answer", or the name of the error. Leaves the bus and ends
when its standard input ends.
"""
import os
import sys

import caller
from gi.repository import Gio, GLib

MOST_MS = 150_000


def told(connection, result):
    try:
        connection.call_finish(result)
        print("answer", flush=True)
    except GLib.Error as error:
        print(caller.error_of(error)["error"], flush=True)


def main():
    address, path, interface, method, arguments, count = sys.argv[1:]
    connection = caller.connect(address)
    for _ in range(int(count)):
        connection.call("org.airlock1", path, interface, method, GLib.Variant.parse(None, arguments, None, None),
                        None, Gio.DBusCallFlags.NONE, MOST_MS, None, told)
    loop = GLib.MainLoop()
    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, sys.stdin.fileno(), GLib.IOCondition.IN | GLib.IOCondition.HUP,
                          lambda *_: os._exit(0))
    loop.run()


if __name__ == "__main__":
    main()
