# SPDX-License-Identifier: GPL-2.0-or-later
"""Fills media that mkudffs has made, because it makes them empty and not every kernel can write UDF. Written from the
standards (ECMA-167 and OSTA UDF), with nothing from the driver.

Every kind of allocation is used in turn, files are cut into pieces, and blocks of zeroes are left out.
"""
import binascii
import os
import stat
import struct
import time

FILE_SET, IDENTIFIER, MORE, INDIRECT, ENTRY, EXTENDED = 256, 257, 258, 259, 261, 266
FOLDER, FILE, BLOCK_DEVICE, CHARACTER_DEVICE, PIPE, SOCKET, LINK = 4, 5, 6, 7, 9, 10, 12
VIRTUAL_TABLE, METADATA, MIRROR = 248, 250, 251
SHORT, LONG, EXTENDED_EXTENT, INSIDE = range(4)
RECORDED, ALLOCATED, NEITHER, DESCRIPTORS = (number << 30 for number in range(4))
DELETED, PARENT = 4, 8
KINDS = {stat.S_IFREG: FILE, stat.S_IFDIR: FOLDER, stat.S_IFLNK: LINK, stat.S_IFIFO: PIPE, stat.S_IFSOCK: SOCKET,
         stat.S_IFCHR: CHARACTER_DEVICE, stat.S_IFBLK: BLOCK_DEVICE}


def tagged(kind, location, body, version=3):
    """A descriptor: its tag, and what is behind it."""
    tag = bytearray(struct.pack("<HHBBHHHI", kind, version, 0, 0, 1, binascii.crc_hqx(body, 0), len(body), location))
    tag[4] = sum(tag) & 0xff
    return bytes(tag) + body


def stamp(seconds):
    moment = time.gmtime(seconds)
    return struct.pack("<HhBBBBBBBB", 0x1000, moment.tm_year, *moment[1:6], int(seconds * 100) % 100, 0, 0)


def compressed(name):
    """A name in the Unicode of OSTA."""
    try:
        return b"\x08" + name.encode("latin-1")
    except UnicodeEncodeError:
        return b"\x10" + name.encode("utf-16-be")


def identifier_of(text, suffix=b""):
    return b"\0" + text.encode().ljust(23, b"\0") + suffix.ljust(8, b"\0")


def long_extent(length, block, partition):
    return struct.pack("<IIH6x", length, block, partition)


def components_of(target):
    """The target of a link, as the components of a path."""
    parts = []
    if target.startswith("/"):
        parts.append(b"\x02\0\0\0")
    for part in target.split("/"):
        if part == "..":
            parts.append(b"\x03\0\0\0")
        elif part == ".":
            parts.append(b"\x04\0\0\0")
        elif part:
            name = compressed(part)
            parts.append(struct.pack("<BBH", 5, len(name), 0) + name)
    return b"".join(parts)


class Medium:
    """An image with one partition. Entries lie in the partition `place` and data in partition `data`."""

    def __init__(self, path, block, extended=True):
        self.path, self.block, self.extended = path, block, extended
        self.image = bytearray(path.read_bytes())
        self.place = self.data = 0
        self.turn = 0
        # How data is allocated: in pieces with holes, and by which kinds of descriptors.
        self.spread = False
        self.forms = [LONG, EXTENDED_EXTENT]
        for sector in range(self.number(256, 20, "I"), self.number(256, 20, "I") + 16):
            kind = self.number(sector, 0, "H")
            if kind == 5:
                self.start, self.length = self.number(sector, 188, "II")
            elif kind == 6:
                self.logical = sector
        self.next = 200

    def number(self, block, at, form):
        found = struct.unpack_from("<" + form, self.image, block * self.block + at)
        return found if len(form) > 1 else found[0]

    # Blocks.

    def put(self, block, content):
        """Into a block of the partition that is part of the medium."""
        begin = (self.start + block) * self.block
        assert block < self.length
        self.image[begin:begin + len(content)] = content

    def take(self, count):
        """Free blocks that follow each other. Later pieces never follow them."""
        found = self.next
        self.next += count + (1 if self.spread else 0)
        return found

    def take_entry(self, count=1):
        """The number by which an entry is known."""
        return self.take(count)

    def put_entry(self, number, content):
        assert len(content) <= self.block
        self.put(number, content.ljust(self.block, b"\0"))

    # Files.

    def allocate(self, content):
        """Writes data. Returns its extents as kind, length and block."""
        extents, at = [], 0
        piece = self.block * (3 if self.spread else 1 << 14)
        while at < len(content):
            part = content[at:at + piece]
            if self.spread and len(part) == piece and not any(part):
                extents.append((NEITHER if self.turn % 2 else ALLOCATED, len(part), 0 if self.turn % 2 else self.take(3)))
            else:
                count = -(-len(part) // self.block)
                block = self.take(count)
                self.put(block, part)
                extents.append((RECORDED, len(part), block))
            at += len(part)
        return extents

    def described(self, extents, form):
        """Descriptors of extents; those that don't fit into an entry continue elsewhere."""
        def one(kind, length, block, partition):
            if form == SHORT:
                return struct.pack("<II", kind | length, block)
            if form == LONG:
                return long_extent(kind | length, block, partition)
            return struct.pack("<IIIIH2x", kind | length, length, length, block, partition)

        size = (8, 16, 20)[form]
        room = (self.block - 216 - 200) // size
        texts = [one(*extent, self.data) for extent in extents]
        first, behind = texts[:room - 1] if len(texts) > room else texts, []
        if len(first) < len(texts):
            rest = texts[len(first):]
            room = (self.block - 24) // size - 1
            behind = [rest[i:i + room] for i in range(0, len(rest), room)]
        numbers = [self.take_entry() for _ in behind]
        for i, (number, part) in enumerate(zip(numbers, behind)):
            if i + 1 < len(numbers):
                part = part + [one(DESCRIPTORS, self.block, numbers[i + 1], self.place)]
            text = b"".join(part)
            self.put_entry(number, tagged(MORE, number, struct.pack("<II", 0, len(text)) + text))
        if behind:
            first = first + [one(DESCRIPTORS, self.block, numbers[0], self.place)]
        return b"".join(first)

    def entry(self, number, kind, content, status, links=1, device=None, form=None, strategy=4):
        """Writes a file with this number."""
        if form is None:
            forms = self.forms + ([SHORT] if self.place == self.data else [])
            self.turn += 1
            form = forms[self.turn % len(forms)]
            if len(content) < self.block // 4 and self.turn % 5:
                form = INSIDE
        text = content if form == INSIDE else self.described(self.allocate(content), form)
        attributes = b""
        if device is not None:
            numbers = struct.pack("<IB3xIIII", 12, 1, 24, 0, os.major(device), os.minor(device))
            attributes = tagged(262, number, struct.pack("<II", 24, 24 + len(numbers))) + numbers
        bits = status.st_mode
        permissions = bits & 7 | (bits >> 3 & 7) << 5 | (bits >> 6 & 7) << 10
        flags = form | (0x40 if bits & stat.S_ISUID else 0) | (0x80 if bits & stat.S_ISGID else 0)
        flags |= 0x100 if bits & stat.S_ISVTX else 0
        body = struct.pack("<IHHHBB6xH", 0, strategy, 1 if strategy == 4096 else 0, 2 if strategy == 4096 else 1, 0, kind, flags)
        body += struct.pack("<IIIHBBI", status.st_uid, status.st_gid, permissions, links, 0, 0, 0)
        body += struct.pack("<Q", len(content))
        body += struct.pack("<Q", len(content)) if self.extended else b""
        body += struct.pack("<Q", 0)
        body += stamp(0) + stamp(status.st_mtime) + (stamp(0) if self.extended else b"") + stamp(0)
        body += struct.pack("<I", 1) + (bytes(4) if self.extended else b"")
        body += bytes(16) + (bytes(16) if self.extended else b"") + identifier_of("*airlock test")
        body += struct.pack("<QII", 0, len(attributes), len(text)) + attributes + text
        self.put_entry(number, tagged(EXTENDED if self.extended else ENTRY, number, body))

    def identifier(self, name, number, flags=0, extra=b""):
        """One entry of a folder."""
        text = compressed(name) if name else b""
        body = struct.pack("<HBB", 1, flags, len(text)) + long_extent(self.block, number, self.place)
        body += struct.pack("<H", len(extra)) + extra + text
        body += bytes(-(16 + len(body)) % 4)
        return tagged(IDENTIFIER, number, body)

    # Trees.

    def add_tree(self, source, number=None, parent=None):
        """A folder with all that is in it. Returns the number of its entry."""
        number = self.take_entry() if number is None else number
        known = {} if parent is None else self.known
        self.known = known
        parts = [self.identifier("", parent if parent is not None else number, PARENT | 2)]
        for i, name in enumerate(sorted(os.listdir(source))):
            path = os.path.join(source, name)
            status = os.lstat(path)
            if i % 7 == 3:
                parts.append(self.identifier("gone " + name[:30], 0, DELETED))
            if stat.S_ISDIR(status.st_mode):
                parts.append(self.identifier(name, self.add_tree(path, None, number), 2))
                continue
            if status.st_ino not in known:
                known[status.st_ino] = self.add_file(path, status)
            parts.append(self.identifier(name, known[status.st_ino], 0, bytes(4) if i % 5 == 1 else b""))
        self.entry(number, FOLDER, b"".join(parts), os.stat(source))
        return number

    def add_file(self, path, status):
        kind = KINDS[stat.S_IFMT(status.st_mode)]
        device, content = None, b""
        if kind == FILE:
            with open(path, "rb") as file:
                content = file.read()
        elif kind == LINK:
            content = components_of(os.readlink(path))
        elif kind in (BLOCK_DEVICE, CHARACTER_DEVICE):
            device = status.st_rdev
        number = self.take_entry()
        self.entry(number, kind, content, status, status.st_nlink, device)
        return number

    def fill(self, source):
        """Makes it the root, and writes the image."""
        self.set_root(self.add_tree(source))
        self.finish()

    def set_root(self, number):
        begin = self.fileset_at()
        descriptor = self.image[begin:begin + 512]
        descriptor[400:416] = long_extent(self.block, number, self.place)
        self.image[begin:begin + 512] = self.signed_again(descriptor)

    def fileset_at(self):
        block = self.number(self.logical, 252, "I")
        return (self.start + block) * self.block

    @staticmethod
    def signed_again(descriptor):
        kind, version, length, location = (struct.unpack_from("<" + form, descriptor, at)[0]
                                           for form, at in (("H", 0), ("H", 2), ("H", 10), ("I", 12)))
        return tagged(kind, location, bytes(descriptor[16:16 + length]), version) + bytes(descriptor[16 + length:])

    def finish(self):
        self.path.write_bytes(self.image)


class Sparable(Medium):
    """With packets that lie elsewhere: where they were is something else."""

    lost = b"\xa5"

    def finish(self):
        maps = self.logical * self.block + 440
        packet, tables, places = (struct.unpack_from(form, self.image, maps + at)
                                  for form, at in (("<H", 40), ("<B", 42), ("<4I", 48)))
        packet = packet[0]
        first = places[0]
        spare = [struct.unpack_from("<I", self.image, first * self.block + 56 + 8 * i + 4)[0] for i in range(5)]
        for i, elsewhere in enumerate(spare):
            original = (192 // packet + 2 * i) * packet
            begin, size = (self.start + original) * self.block, packet * self.block
            self.image[elsewhere * self.block:elsewhere * self.block + size] = self.image[begin:begin + size]
            self.image[begin:begin + size] = self.lost * size
            for place in places[:tables[0]]:
                struct.pack_into("<I", self.image, place * self.block + 56 + 8 * i, original)
        for place in places[:tables[0]]:
            begin = place * self.block
            length = struct.unpack_from("<H", self.image, begin + 10)[0]
            self.image[begin:begin + 16 + length] = self.signed_again(self.image[begin:begin + 16 + length])
        super().finish()


class Virtual(Medium):
    """A medium that is written once: blocks are appended, and in the end a table of where each one is."""

    def __init__(self, path, block, extended=True, old=False):
        super().__init__(path, block, extended)
        self.place, self.old = 1, old
        self.table = [0] * 100
        # The file set is at the first number.
        self.next = len(self.image) // block - self.start
        begin = self.old_fileset()
        self.table[0] = begin // block - self.start
        self.fileset = begin

    def old_fileset(self):
        for block in range(self.start, len(self.image) // self.block):
            if self.number(block, 0, "H") == FILE_SET:
                return block * self.block
        raise AssertionError("no file set")

    def fileset_at(self):
        return self.fileset

    def put(self, block, content):
        end = (self.start + block) * self.block + -(-len(content) // self.block) * self.block
        if end > len(self.image):
            self.image += bytes(end - len(self.image))
        super().put(block, content)

    def take_entry(self, count=1):
        self.table.append(0xffffffff)
        return len(self.table) - 1

    def put_entry(self, number, content):
        block = self.take(1)
        self.table[number] = block
        self.put(block, content.ljust(self.block, b"\0"))

    def finish(self):
        entries = struct.pack(f"<{len(self.table)}I", *self.table)
        if self.old:
            content = entries + identifier_of("*UDF Virtual Alloc Tbl") + struct.pack("<I", 0xffffffff)
        else:
            content = struct.pack("<HH128sIIIHHHH", 152, 0, b"", 0xffffffff, 1, 1, 0x150, 0x150, 0x260, 0) + entries
        self.place = 0
        extents = self.described(self.allocate(content), SHORT)
        block = self.take(1)
        saved, self.put_entry = self.put_entry, lambda number, text: self.put(number, text.ljust(self.block, b"\0"))
        self.described = lambda *_: extents
        self.allocate = lambda _: []
        self.entry(block, 0 if self.old else VIRTUAL_TABLE, content, os.stat_result([0] * 10), form=SHORT)
        self.put_entry = saved
        super().finish()


class Metadata(Medium):
    """Entries and folders lie in a file of two pieces, of which there is a copy."""

    COUNT = 1024

    def __init__(self, path, block, extended=True):
        super().__init__(path, block, extended)
        half = self.COUNT // 2
        self.files = [self.take(1), self.take(1)]
        self.parts = [[self.take(half), self.take(half + 3)] for _ in range(2)]
        self.place = 1
        self.taken = 0
        self.inside = bytearray(self.COUNT * block)

    def take_entry(self, count=1):
        self.taken += count
        assert self.taken < self.COUNT
        return self.taken - 1 + 32

    def put_entry(self, number, content):
        self.inside[number * self.block:number * self.block + len(content)] = content

    def set_root(self, number):
        old = super().fileset_at()
        descriptor = self.image[old:old + 512]
        self.image[old:old + self.block] = bytes(self.block)
        descriptor[400:416] = long_extent(self.block, number, 1)
        self.inside[0:512] = tagged(FILE_SET, 0, bytes(descriptor[16:512]))

    def finish(self):
        half = self.COUNT // 2 * self.block
        for number, kind, parts in zip(self.files, (METADATA, MIRROR), self.parts):
            for part, begin in zip(parts, (0, half)):
                self.put(part, self.inside[begin:begin + half])
            extents = b"".join(struct.pack("<II", half, part) for part in parts)
            body = struct.pack("<IHHHBB6xH", 0, 4, 0, 1, 0, kind, SHORT) + struct.pack("<IIIHBBI", 0, 0, 0, 1, 0, 0, 0)
            body += struct.pack("<QQQ", len(self.inside), len(self.inside), 0) + bytes(48) + bytes(8 + 32)
            body += identifier_of("*airlock test") + struct.pack("<QII", 0, 0, len(extents)) + extents
            self.put(number, tagged(EXTENDED, number, body))
        for place in (self.number(256, 20, "I"), self.number(256, 28, "I")):
            for sector in range(place, place + 16):
                if self.number(sector, 0, "H") == 6:
                    self.change_logical(sector)
        super().finish()

    def change_logical(self, sector):
        begin = sector * self.block
        descriptor = self.image[begin:begin + 440]
        descriptor[248:264] = long_extent(self.block, 0, 1)
        struct.pack_into("<H", descriptor, 240, 0x250)
        struct.pack_into("<II", descriptor, 264, 70, 2)
        maps = struct.pack("<BBHH", 1, 6, 1, 0) + struct.pack("<BB2x", 2, 64) + identifier_of("*UDF Metadata Partition")
        maps += struct.pack("<HHIIIIHB5x", 1, 0, self.files[0], self.files[1], 0xffffffff, 32, 1, 1)
        text = tagged(6, sector, bytes(descriptor[16:440]) + maps)
        self.image[begin:begin + len(text)] = text
