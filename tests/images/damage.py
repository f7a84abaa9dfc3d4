# SPDX-License-Identifier: GPL-2.0-or-later
"""The common part of the classes of damage: chance, checksums, and ways to find a victim."""
import random
import struct

from ext_layout import FLAG_INLINE_DATA, NotThere

CLASSES = {}


def damage(name):
    def register(function):
        CLASSES[name] = function
        return function
    return register


class Breaker:
    """An image, a source of chance, and the helpers of the classes of damage."""

    def __init__(self, image, seed):
        self.image, self.seed = image, seed
        # Seeded by text: the same on every version of Python.
        self.random = random.Random(f"airlock {seed}")
        self.fix = seed % 4 != 3  # correct the checksums

    def say(self, text):
        print(text + ("" if self.fix else " (checksum left wrong)"))

    def number(self, bits, old=0):
        """A number of the kind that parsers fail on."""
        full = (1 << bits) - 1
        image = self.image
        near = [image.blocks, image.blocks - 1, image.blocks + 1, image.inodes, image.inodes + 1,
                image.block_size, image.block_size - 1, image.block_size + 1, 0, 1, 2, 3, 7, 8, 12]
        value = self.random.choice([
            0, 1, full, full - 1, full >> 1, (full >> 1) + 1, old + 1, old - 1, old * 2, old // 2,
            old ^ 1 << self.random.randrange(bits), self.random.getrandbits(bits),
            self.random.choice(near), self.random.choice(near)]) & full
        return value if value != old else old ^ 1 << self.random.randrange(bits)

    def field(self, record, name, what, value=None):
        old = record.get(name)
        value = self.number(record.bits(name), old) if value is None else value
        record.set(name, value)
        self.say(f"{what}: {name} {old:#x} -> {value:#x}")

    def integer(self, offset, kind, what, value=None):
        old = struct.unpack("<" + kind, self.image.read(offset, struct.calcsize(kind)))[0]
        bits = 8 * struct.calcsize(kind)
        value = self.number(bits, old) if value is None else value & (1 << bits) - 1
        self.image.write(offset, struct.pack("<" + kind, value))
        self.say(f"{what}: {old:#x} -> {value:#x} at {offset:#x}")

    def pick(self, condition):
        """An inode (number, record), most likely from the first few."""
        found = self.image.inodes_where(condition)
        return self.random.choice(found)

    def directory(self, condition=lambda record: True):
        """(inode number, [blocks]) of a directory with blocks of its own."""
        number, _ = self.pick(lambda r: is_directory(r) and not r.get("flags") & FLAG_INLINE_DATA
                              and condition(r))
        blocks = [physical for _, physical in self.image.blocks_of(number)]
        if not blocks:
            raise NotThere("a directory without blocks")
        return number, blocks

    def entries(self, block):
        """Offsets in the image of the entries in one directory block."""
        data, at, found = self.image.block(block), 0, []
        while at + 8 <= len(data):
            length = struct.unpack_from("<H", data, at + 4)[0]
            if length < 8 or length % 4 or at + length > len(data):
                break
            found.append(block * self.image.block_size + at)
            at += length
        if not found:
            raise NotThere("a directory block without entries")
        return found

    def after(self, repair, *arguments):
        if self.fix:
            repair(*arguments)


def is_directory(record):
    return record.get("mode") & 0xF000 == 0x4000


def is_file(record):
    return record.get("mode") & 0xF000 == 0x8000


def is_link(record):
    return record.get("mode") & 0xF000 == 0xA000
