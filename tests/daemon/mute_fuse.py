# SPDX-License-Identifier: GPL-2.0-or-later
"""A stranger's filesystem: one file, and requests that it never answers.

mute_fuse.py PLACE IMAGE [SOURCE USER [WHO]]: mounts itself on PLACE, where "image" shows the content of IMAGE,
as SOURCE and for a user, and prints "ready". WHO defaults to "allow_other". After a line "mute READ 4711" on
standard input it answers no such request of process 4711 and its descendants. It ends with its standard input,
and then the kernel fails all requests without an answer.
"""
import ctypes
import errno
import os
import pathlib
import select
import struct
import sys

LOOKUP, GETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT = 1, 3, 14, 15, 16, 17, 18, 20, 25, 26
NAMES = {name: value for name, value in globals().items() if name.isupper() and isinstance(value, int)}
FORGET, INTERRUPT, BATCH_FORGET = 2, 36, 42
OPENDIR, RELEASEDIR, ACCESS = 27, 29, 34
NO_ANSWER = (FORGET, INTERRUPT, BATCH_FORGET)
HEADER, ANSWER = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
MS_NOSUID_NODEV = 2 | 4
ROOT, FILE = 1, 2
KEEP_CACHE = 2
LONG = 3600


def descends(process, ancestor):
    """Whether a process, or one of its threads, is the ancestor or below it."""
    while process > 1:
        try:
            status = pathlib.Path(f"/proc/{process}/status").read_text()
        except OSError:
            return False
        if int(status.split("Tgid:")[1].split()[0]) == ancestor:
            return True
        process = int(status.split("PPid:")[1].split()[0])
    return False


class Server:
    def __init__(self, place, image, source="stranger", user="0", who="allow_other"):
        self.image = os.open(image, os.O_RDWR)
        self.device = os.open("/dev/fuse", os.O_RDWR)
        self.muted = None, None
        options = f"fd={self.device},rootmode=40000,user_id={user},group_id={user},{who}".rstrip(",").encode()
        if ctypes.CDLL(None, use_errno=True).mount(source.encode(), place.encode(), b"fuse", MS_NOSUID_NODEV, options):
            raise OSError(ctypes.get_errno(), "mount")

    def attributes(self, node):
        mode, size = (0o40755, 4096) if node == ROOT else (0o100666, os.fstat(self.image).st_size)
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0,
                           4096, 0)

    def answer(self, opcode, node, body):
        if opcode == INIT:
            return struct.pack("<IIIIHHIIHHI", 7, 31, 1 << 16, 0, 16, 16, 1 << 16, 1, 16, 0, 0) + bytes(28)
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != b"image":
                return errno.ENOENT
            return struct.pack("<QQQQII", FILE, 0, LONG, 0, 0, 0) + self.attributes(FILE)
        if opcode == GETATTR:
            return struct.pack("<QII", 0, 0, 0) + self.attributes(node)
        if opcode in (OPEN, OPENDIR):  # keep the cache: an open does not wait for a read of another process
            return struct.pack("<QII", 1, KEEP_CACHE, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return os.pread(self.image, size, offset)
        if opcode == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            return struct.pack("<II", os.pwrite(self.image, body[40:40 + size], offset), 0)
        if opcode == STATFS:
            return struct.pack("<QQQQQIIII24s", 1000, 500, 500, 10, 5, 4096, 255, 4096, 0, b"")
        return b"" if opcode in (RELEASE, FSYNC, FLUSH, RELEASEDIR, ACCESS) else errno.ENOSYS

    def serve_one(self):
        request = os.read(self.device, 1 << 17)
        _, opcode, unique, node, _, _, process, _, _ = HEADER.unpack_from(request)
        if opcode in NO_ANSWER or (opcode == self.muted[0] and descends(process, self.muted[1])):
            return
        given = self.answer(opcode, node, request[HEADER.size:])
        error, body = (-given, b"") if isinstance(given, int) else (0, given)
        os.write(self.device, ANSWER.pack(ANSWER.size + len(body), error, unique) + body)

    def obey(self, words):
        self.muted = NAMES[words[1]], int(words[2])
        print("ok", flush=True)

    def run(self):
        print("ready", flush=True)
        while True:
            for readable in select.select([self.device, sys.stdin], [], [])[0]:
                if readable is not sys.stdin:
                    self.serve_one()
                elif line := os.read(0, 4096):
                    self.obey(line.decode().split())
                else:
                    return


if __name__ == "__main__":
    Server(*sys.argv[1:]).run()
