# SPDX-License-Identifier: GPL-2.0-or-later
"""FAT16 and exFAT media with two files, written byte by byte, and ways to damage them."""
import struct

import harness

SECTOR = 512
KEPT, OTHER = b"kept" * 200, b"other" * 300


class Medium:
    """An image in memory, with places to damage it."""

    def __init__(self, path, size, mkfs):
        self.path = path
        harness.run(["truncate", "-s", size, path])
        harness.run([*mkfs, path])
        self.bytes = bytearray(path.read_bytes())

    def save(self):
        self.path.write_bytes(self.bytes)

    def number(self, kind, at):
        return struct.unpack_from("<" + kind, self.bytes, at)[0]

    def put(self, kind, at, *values):
        struct.pack_into("<" + kind, self.bytes, at, *values)


class Fat(Medium):
    KIND = "vfat"

    def __init__(self, path, long_name=""):
        """With a long name of the other file, or none."""
        super().__init__(path, "8M", ["mkfs.fat", "-F16", "-s2"])
        self.cluster_size = self.bytes[0x0d] * SECTOR
        self.length = self.number("H", 0x16) * SECTOR
        self.tables = [self.number("H", 0x0e) * SECTOR + copy * self.length for copy in range(2)]
        self.root = self.tables[0] + 2 * self.length
        self.data = self.root + self.number("H", 0x11) * 32
        self.chain([2]), self.chain([3, 4])
        self.file(0, b"KEPT    TXT", 2, KEPT)
        self.file(self.long_name(1, long_name, b"OTHER   TXT"), b"OTHER   TXT", 3, OTHER)

    def chain(self, clusters, end=0xffff, copies=2):
        for cluster, following in zip(clusters, [*clusters[1:], end]):
            for table in self.tables[:copies]:
                self.put("H", table + 2 * cluster, following)

    def file(self, slot, name, cluster, content):
        self.put("11sB8xHHHHI", self.root + 32 * slot, name, 0x20, 0, 0, 0x5821, cluster, len(content))
        at = self.data + (cluster - 2) * self.cluster_size
        self.bytes[at:at + len(content)] = content

    def entry(self, slot, at):
        return self.root + 32 * slot + at

    def long_name(self, slot, name, short):
        """The slot behind it."""
        check = 0
        for byte in short:
            check = ((check & 1) << 7 | check >> 1) + byte & 0xff
        parts = [f"{name}\0".encode("utf-16-le")[at:at + 26].ljust(26, b"\xff") for at in range(0, 2 * len(name), 26)]
        for number, part in reversed(list(enumerate(parts, 1))):
            last = 0x40 if number == len(parts) else 0
            self.put("B10sBBB12sH4s", self.root + 32 * slot, number | last, part[:10], 0x0f, 0, check, part[10:22], 0, part[22:])
            slot += 1
        return slot

    DAMAGE = {
        "crossed-chains": lambda m: m.put("H", m.entry(1, 26), 2),
        "chain-ends-early": lambda m: m.chain([3]),
        "chain-into-nothing": lambda m: m.chain([3], end=0),
        "chain-out-of-range": lambda m: m.chain([3], end=0xfff0),
        "loop": lambda m: m.chain([3, 4], end=3),
        "start-out-of-range": lambda m: m.put("H", m.entry(1, 26), 0xff00),
        "size-too-large": lambda m: m.put("I", m.entry(1, 28), 0x7fffffff),
        "folder-without-dots": lambda m: m.put("B", m.entry(1, 11), 0x10),
    }
    # The traces of an interrupted write, and the words for them.
    TRACES = {
        "nobody-s-chain": (lambda m: m.chain([20, 21, 22]), "no file has 3 unused clusters (3072 bytes)."),
        "second-table-behind": (lambda m: m.put("H", m.tables[1] + 2 * 4, 0), "FATs differ but appear to be intact."),
        "more-than-the-file": (lambda m: m.chain([2, 20]), "/KEPT.TXT: File size is 800 bytes, cluster chain"
                               " length is > 1024 bytes."),
        "front-of-a-name": (lambda m: m.front_of_a_name(2), "Orphaned long file name part"),
    }

    def front_of_a_name(self, slot):
        name = "half a name".encode("utf-16-le") + bytes(4)
        self.put("B10sBBB12sH4s", self.root + 32 * slot, 0x41, name[:10], 0x0f, 0, 0x55, name[10:22], 0, name[22:26])


class Exfat(Medium):
    KIND = "exfat"

    def __init__(self, path, other="other"):
        super().__init__(path, "8M", ["mkfs.exfat"])
        table, _, heap, _, root = struct.unpack_from("<IIIII", self.bytes, 80)
        self.table, self.heap = table * SECTOR, heap * SECTOR
        self.cluster_size = SECTOR << self.bytes[109]
        self.root = self.place(root)
        self.bitmap = self.place(self.number("I", self.find(0x81) + 20))
        self.sets = []
        for name, content in (("kept", KEPT), (other, OTHER)):
            self.file(name, content)

    def place(self, cluster):
        return self.heap + (cluster - 2) * self.cluster_size

    def find(self, kind):
        at = self.root
        while self.bytes[at] not in (kind, 0):
            at += 32
        return at

    def take(self):
        """The first free cluster."""
        cluster = 2
        while self.bytes[self.bitmap + (cluster - 2) // 8] >> (cluster - 2) % 8 & 1:
            cluster += 1
        self.mark(cluster)
        return cluster

    def mark(self, cluster):
        self.bytes[self.bitmap + (cluster - 2) // 8] ^= 1 << (cluster - 2) % 8

    def file(self, name, content):
        cluster, at = self.take(), self.find(0)
        size, parts = len(content), [name[first:first + 15] for first in range(0, len(name), 15)]
        assert size <= self.cluster_size
        self.put("BBHH2xIIII", at, 0x85, 1 + len(parts), 0, 0x20, *[0x5821 << 16] * 3, 0)
        # Its clusters are consecutive, and not in the table.
        self.put("BBxBHxxQIIQ", at + 32, 0xc0, 3, len(name), self.hash_of(name), size, 0, cluster, size)
        for number, part in enumerate(parts, 2):
            self.put("BB30s", at + 32 * number, 0xc1, 0, part.encode("utf-16-le"))
        self.sets.append(at)
        self.seal(at)
        self.bytes[self.place(cluster):self.place(cluster) + size] = content

    @staticmethod
    def hash_of(name):
        value = 0
        for byte in name.upper().encode("utf-16-le"):
            value = (value >> 1 | value << 15) + byte & 0xffff
        return value

    def seal(self, at):
        value = 0
        for place in range(32 * (1 + self.bytes[at + 1])):
            if place not in (2, 3):
                value = (value >> 1 | value << 15) + self.bytes[at + place] & 0xffff
        self.put("H", at + 2, value)

    def hurt_stream(self, at, kind, value):
        self.put(kind, self.sets[1] + 32 + at, value)
        self.seal(self.sets[1])

    DAMAGE = {
        "checksum": lambda m: m.put("H", m.sets[1] + 2, m.number("H", m.sets[1] + 2) ^ 1),
        "start-out-of-range": lambda m: m.hurt_stream(20, "I", 0x7ffffff0),
        "more-valid-than-there-is": lambda m: m.hurt_stream(8, "Q", 1 << 40),
        "not-in-the-bitmap": lambda m: m.mark(m.number("I", m.sets[1] + 52)),
        "shared-cluster": lambda m: m.hurt_stream(20, "I", m.number("I", m.sets[0] + 52)),
        "boot-region": lambda m: m.put("2048s", SECTOR, bytes(2048)),
    }
    TRACES = {"more-than-the-file": (lambda m: m.lengthen(), "ERROR: /other: more clusters are allocated.")}

    def lengthen(self):
        first, more = self.number("I", self.sets[1] + 52), self.take()
        self.put("I", self.table + 4 * first, more)
        self.put("I", self.table + 4 * more, 0xffffffff)
        self.hurt_stream(1, "B", 1)  # its clusters are found in the table
