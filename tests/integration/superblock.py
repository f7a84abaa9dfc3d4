# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads and changes single superblock fields of an image, past every cache and without any tool's checks."""

import struct

SUPERBLOCK = 1024
# Name: offset in the superblock and format, from the on-disk layout of ext4.
FIELDS = {
    "mount_time": (0x2C, "<I"),
    "write_time": (0x30, "<I"),
    "mount_count": (0x34, "<H"),
    "state": (0x3A, "<H"),
    "compatible": (0x5C, "<I"),
    "incompatible": (0x60, "<I"),
    "read_only_compatible": (0x64, "<I"),
    "last_orphan": (0xE8, "<I"),
}
STATE_CLEAN = 1
NEEDS_RECOVERY = 0x4
# Bits without a meaning in any ext4.
UNKNOWN_INCOMPATIBLE = 0x40000000
UNKNOWN_READ_ONLY_COMPATIBLE = 0x40000000


def read(image, name):
    offset, form = FIELDS[name]
    with open(image, "rb") as file:
        file.seek(SUPERBLOCK + offset)
        return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def write(image, name, value):
    """Only for images without metadata_csum: nothing recomputes the checksum."""
    offset, form = FIELDS[name]
    with open(image, "r+b") as file:
        file.seek(SUPERBLOCK + offset)
        file.write(struct.pack(form, value))
