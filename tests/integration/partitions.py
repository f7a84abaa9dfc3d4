# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells the kernel where partitions are, like addpart and delpart, which Debian 13 no longer has."""
import ctypes
import fcntl
import struct

BLKPG = 0x1269
BLKPG_ADD_PARTITION, BLKPG_DEL_PARTITION = 1, 2


def _change(node, operation, number, start=0, length=0):
    partition = ctypes.create_string_buffer(struct.pack("=qqi64s64s", start, length, number, b"", b""), 152)
    arguments = struct.pack("@iiiP", operation, 0, len(partition), ctypes.addressof(partition))
    with open(node, "rb", buffering=0) as device:
        fcntl.ioctl(device, BLKPG, arguments)


def add(node, number, start, length):
    """From this byte on. Fails with EBUSY while another program has the whole disk exclusively."""
    _change(node, BLKPG_ADD_PARTITION, number, start, length)


def remove(node, number):
    _change(node, BLKPG_DEL_PARTITION, number)
