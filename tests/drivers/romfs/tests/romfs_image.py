# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes romfs images from a folder, and damages them. Written from Documentation/filesystems/romfs.rst, as the
driver is; test_romfs.py compares with what genromfs makes."""
import os
import pathlib
import stat
import struct

HARD_LINK, DIRECTORY, FILE, LINK, BLOCK, CHARACTER, SOCKET, PIPE = range(8)
EXECUTABLE = 8
NEXT, TARGET, SIZE, SUM = 0, 4, 8, 12
HEADER = 16
KINDS = {stat.S_IFDIR: DIRECTORY, stat.S_IFREG: FILE, stat.S_IFLNK: LINK, stat.S_IFBLK: BLOCK,
         stat.S_IFCHR: CHARACTER, stat.S_IFSOCK: SOCKET, stat.S_IFIFO: PIPE}


def padded(data):
    return data + bytes(-len(data) % 16)


def sum_up(data):
    return sum(struct.unpack(f">{len(data) // 4}I", data)) & 0xffffffff


class Image:
    """`at` has the offset of the header of every path, "." that of the root."""

    def __init__(self, folder, label="ROMFS"):
        self.data = bytearray(b"-rom1fs-" + bytes(8) + padded(label.encode() + b"\0"))
        self.at = {}
        self.targets = []  # of hard links: where, and the path they lead to
        self.first_name = {}  # of files with several names
        # The header of the root is the first one in the list of the root.
        self.at["."] = self.add_header(b".", DIRECTORY | EXECUTABLE)
        self.set(self.at["."], TARGET, self.at["."])
        self.add_entries(pathlib.Path(folder), ".", self.at["."], self.at["."])
        for where, path in self.targets:
            self.set(where, TARGET, self.at[path])
        size = len(self.data)
        self.data += bytes(-size % 1024)
        struct.pack_into(">I", self.data, 8, size)
        self.seal_superblock()

    # Making

    def add_header(self, name, kind, target=0, data=b""):
        where = len(self.data)
        self.data += struct.pack(">IIII", kind, target, len(data), 0) + padded(name + b"\0") + padded(data)
        self.seal(where)
        return where

    def add_entries(self, folder, path, own, last=None):
        """In the folder whose header is at `own`; `last` is the entry before, if there is one already."""
        for dots, leads_to in ((".", path), ("..", os.path.dirname(path) or ".")):
            if not (dots == "." and last is not None):
                last = self.append(own, last, self.add_header(dots.encode(), HARD_LINK))
                self.targets.append((last, leads_to))
        for name in sorted(os.listdir(folder)):
            child = os.path.normpath(f"{path}/{name}")
            where = self.add_file(folder / name, os.fsencode(name), child)
            last = self.append(own, last, where)
            if (folder / name).is_dir() and not (folder / name).is_symlink():
                self.add_entries(folder / name, child, where)

    def append(self, own, last, where):
        if last is None:
            self.set(own, TARGET, where)
        else:
            self.set_next(last, where)
        return where

    def add_file(self, source, name, path):
        status = source.lstat()
        kind, data, target = KINDS[stat.S_IFMT(status.st_mode)], b"", 0
        known = self.first_name.setdefault((status.st_dev, status.st_ino), path)
        if known != path:
            self.at[path] = self.add_header(name, HARD_LINK)
            self.targets.append((self.at[path], known))
            return self.at[path]
        if kind == FILE:
            data = source.read_bytes()
        if kind == LINK:
            data = os.fsencode(os.readlink(source))
        if kind in (BLOCK, CHARACTER):
            target = os.major(status.st_rdev) << 16 | os.minor(status.st_rdev)
        executable = EXECUTABLE if kind in (DIRECTORY, FILE) and status.st_mode & 0o111 else 0
        self.at[path] = self.add_header(name, kind | executable, target, data)
        return self.at[path]

    # Changing

    def get(self, where, field):
        return struct.unpack_from(">I", self.data, where + field)[0]

    def set(self, where, field, value):
        struct.pack_into(">I", self.data, where + field, value)
        self.seal(where)

    def set_next(self, where, value):
        self.set(where, NEXT, value & ~15 | self.get(where, NEXT) & 15)

    def set_kind(self, where, kind):
        self.set(where, NEXT, self.get(where, NEXT) & ~15 | kind)

    def name_field(self, where):
        end = self.data.index(0, where + HEADER) + 1
        return where + HEADER, end + -end % 16

    def seal(self, where):
        """Makes the sum of a header right."""
        _, end = self.name_field(where)
        struct.pack_into(">I", self.data, where + SUM, 0)
        struct.pack_into(">I", self.data, where + SUM, -sum_up(self.data[where:end]) & 0xffffffff)

    def seal_superblock(self):
        summed = min(512, struct.unpack_from(">I", self.data, 8)[0])
        struct.pack_into(">I", self.data, 12, 0)
        struct.pack_into(">I", self.data, 12, -sum_up(self.data[:summed]) & 0xffffffff)

    def write_to(self, path):
        self.seal_superblock()
        pathlib.Path(path).write_bytes(self.data)
        return pathlib.Path(path)
