# SPDX-License-Identifier: GPL-2.0-or-later
"""A client of the mount-service protocol that shares no code with Airlock: other_client.py SOCKET DEVICE PLACE [-o OPTIONS]

Written from the protocol alone, like another project's client; it runs in the guest, as root, and exits once the
filesystem is mounted, with the driver's code. With MEDDLE_AT it writes a byte there just before the mount.
"""
import array
import ctypes
import os
import socket
import struct
import sys

HELLO, HELLO_REPLY, FILE = 0x53414654, 0x4C415354, 0x46494C45
OPEN, OPEN_BDEV, FSOPEN = 0x4F50454E, 0x42444556, 0x54595045
SOURCE, MNTOPTS, MNTPT, MTABOPTS = 0x4E414D45, 0x4F505453, 0x4D4E5450, 0x4D544142
MOUNT, BYE, REPLY = 0x444F4954, 0x42594545, 0x5245504C
ALLOW_OTHER, FUSEBLK = 1, 2
LONGEST = 65536


def text(packet, start):
    assert packet[-1] == 0 and len(packet) > start + 1, packet
    return packet[start:].split(b"\0")[0].decode()


def argument_file(arguments):
    words = [word.encode() + b"\0" for word in arguments]
    at = 8 + 8 * len(words)
    table = b""
    for word in words:
        table += struct.pack(">II", at, len(word))
        at += len(word)
    file = os.memfd_create("arguments")
    os.write(file, struct.pack(">II", 0x41524753, len(words)) + table + b"".join(words))
    return file


class Client:
    def __init__(self, path, device, place, *options):
        self.peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.peer.settimeout(30)
        self.peer.connect(path)
        self.fuse = os.open("/dev/fuse", os.O_RDWR)
        self.subtype, self.place = os.path.basename(path), place
        self.blk, self.source, self.options = False, "", ""
        self.peer.send(struct.pack(">IHHI", HELLO, 1, 1, ALLOW_OTHER | FUSEBLK))
        assert self.peer.recv(LONGEST) == struct.pack(">IHH", HELLO_REPLY, 1, 0)
        self.send_file("argv", 0, argument_file([self.subtype, device, place, *options]))
        self.send_file("fusedev", 0, self.fuse)

    def send_file(self, path, error, file=None):
        rights = [] if file is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))]
        self.peer.sendmsg([struct.pack(">II", FILE, error), path.encode() + b"\0"], rights)

    def open(self, packet):
        flags, mode, _, _ = struct.unpack_from(">IIII", packet, 4)
        path = text(packet, 20)
        try:
            file = os.open(path, flags, mode)
        except OSError as error:
            return self.send_file(path, error.errno)
        self.send_file(path, 0, file)
        os.close(file)
        return None

    def meddle(self):
        """Writes to the device like another program might, while it has no claim."""
        if "MEDDLE_AT" in os.environ:
            with open(self.source, "r+b", buffering=0) as device:
                os.pwrite(device.fileno(), b"\1", int(os.environ["MEDDLE_AT"]))

    def mount(self, flags):
        libc = ctypes.CDLL(None, use_errno=True)
        kind = f"{'fuseblk' if self.blk else 'fuse'}.{self.subtype}"
        data = f"fd={self.fuse},rootmode=40000,user_id=0,group_id=0" + ("," + self.options if self.options else "")
        done = libc.mount(self.source.encode(), self.place.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
        return ctypes.get_errno() if done != 0 else 0

    def answer(self, packet):
        magic = struct.unpack_from(">I", packet)[0]
        if magic in (OPEN, OPEN_BDEV):
            return self.open(packet)
        error = 0
        if magic == FSOPEN:
            self.blk = struct.unpack(">II", packet)[1] == 1
        elif magic == SOURCE:
            self.source = text(packet, 4)
        elif magic == MNTOPTS:
            self.options = text(packet, 4)
        elif magic == MNTPT:
            assert text(packet, 8) == self.place
        elif magic == MOUNT:
            self.meddle()
            error = self.mount(struct.unpack(">II", packet)[1])
        else:
            assert magic == MTABOPTS, hex(magic)
        self.peer.send(struct.pack(">II", REPLY, error))
        return None

    def serve(self):
        """Returns the exit code that the driver requests."""
        while True:
            packet = self.peer.recv(LONGEST)
            assert len(packet) >= 5, "the driver is gone"
            if struct.unpack_from(">I", packet)[0] == BYE:
                return struct.unpack(">II", packet)[1]
            self.answer(packet)


if __name__ == "__main__":
    sys.exit(Client(*sys.argv[1:]).serve())
