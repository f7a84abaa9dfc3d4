# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints the token that a Wayland desktop gives a clicked program, so that a program it starts may come to the front.

Speaks just enough of the wire for that: requests and events are an object, a size with an opcode, and arguments.
"""
import os
import socket
import struct

DISPLAY, REGISTRY, GLOBALS_DONE, ACTIVATION, TOKEN = range(1, 6)
INTERFACE = "xdg_activation_v1"
HEADER = struct.Struct("=IHH")


def text(value):
    raw = value.encode() + b"\0"
    return struct.pack("=I", len(raw)) + raw.ljust(-len(raw) % 4 + len(raw), b"\0")


def number(value):
    return struct.pack("=I", value)


def text_at(body, offset):
    [length] = struct.unpack_from("=I", body, offset)
    return body[offset + 4:offset + 4 + length - 1].decode()


class Connection:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.path.join(os.environ["XDG_RUNTIME_DIR"], os.environ["WAYLAND_DISPLAY"]))
        self.stream = self.socket.makefile("rb")

    def request(self, target, opcode, *arguments):
        body = b"".join(arguments)
        self.socket.sendall(HEADER.pack(target, opcode, HEADER.size + len(body)) + body)

    def events(self):
        while header := self.stream.read(HEADER.size):
            target, opcode, size = HEADER.unpack(header)
            yield target, opcode, self.stream.read(size - HEADER.size)
        raise SystemExit("the compositor hung up")


def name_of_the_activation(connection):
    connection.request(DISPLAY, 1, number(REGISTRY))
    connection.request(DISPLAY, 0, number(GLOBALS_DONE))
    for target, _, body in connection.events():
        if target == REGISTRY and text_at(body, 4) == INTERFACE:
            return struct.unpack_from("=I", body)[0]
        if target == GLOBALS_DONE:
            raise SystemExit(f"the compositor knows no {INTERFACE}")


def main():
    connection = Connection()
    name = name_of_the_activation(connection)
    connection.request(REGISTRY, 0, number(name), text(INTERFACE), number(1), number(ACTIVATION))
    connection.request(ACTIVATION, 1, number(TOKEN))
    connection.request(TOKEN, 3)
    print(next(text_at(body, 0) for target, _, body in connection.events() if target == TOKEN))


main()
