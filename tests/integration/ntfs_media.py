# SPDX-License-Identifier: GPL-2.0-or-later
"""NTFS media as mkntfs makes them, and ways to damage one."""
import struct

import harness

CLUSTER = 4096
MFT_AT, MIRROR_AT = 48, 56  # in the boot sector: the clusters of the file table and of its copy
VOLUME_RECORD, RECORD = 3, 1024
INFORMATION, DIRTY = 0x70, 1


def make(path):
    harness.run(["truncate", "-s", "16M", path])
    harness.run(["mkntfs", "-q", "-F", "-f", "-c", str(CLUSTER), "-L", "windows", path])
    return path


def number(content, at, kind):
    return struct.unpack_from("<" + kind, content, at)[0]


def table(content, which):
    return number(content, which, "Q") * CLUSTER


def volume_flags(content, which):
    """The position of the volume's flags, in the file table or in its copy."""
    record = table(content, which) + VOLUME_RECORD * RECORD
    at = record + number(content, record + 20, "H")
    while number(content, at, "I") != INFORMATION:
        at += number(content, at + 4, "I")
    return at + number(content, at + 20, "H") + 10


def mark_dirty(content):
    for which in (MFT_AT, MIRROR_AT):
        content[volume_flags(content, which)] |= DIRTY


def zero_boot_sector(content):
    content[:512] = bytes(512)


def misplace_the_table(content):
    content[MFT_AT:MFT_AT + 16] = bytes(16)


def tear_the_copy(content):
    start = table(content, MIRROR_AT) + 0x30
    content[start:start + 7] = b"garbage"


def tear_the_table(content):
    start = table(content, MFT_AT)
    content[start:start + 4] = b"BAAD"
    content[-512:] = bytes(512)


def cut_short(content):
    del content[len(content) // 2:]


def change(path, how):
    content = bytearray(path.read_bytes())
    how(content)
    path.write_bytes(content)
    return bytes(content)
