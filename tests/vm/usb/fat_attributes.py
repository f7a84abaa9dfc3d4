#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs in the machine: the DOS attributes of files, through either driver.

    fat_attributes.py FOLDER                shows those of everything there
    fat_attributes.py FOLDER NAME BITS      sets them
"""
import contextlib
import fcntl
import os
import struct
import sys

GET, SET = 0x80047210, 0x40047211
ATTRIBUTE = "system.dos_attrib"


@contextlib.contextmanager
def opened(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def has_attribute(path):
    return ATTRIBUTE in os.listxattr(path)


def bits(path):
    if has_attribute(path):
        return struct.unpack("<I", os.getxattr(path, ATTRIBUTE))[0]
    with opened(path) as descriptor:
        return struct.unpack("<I", fcntl.ioctl(descriptor, GET, bytes(4)))[0]


def set_bits(path, wanted):
    value = struct.pack("<I", wanted)
    if has_attribute(path):
        os.setxattr(path, ATTRIBUTE, value)
        return
    with opened(path) as descriptor:
        fcntl.ioctl(descriptor, SET, value)


def main():
    place, *change = sys.argv[1:]
    if change:
        set_bits(os.path.join(place, change[0]), int(change[1], 0))
        return
    for folder, folders, files in os.walk(place):
        for name in folders + files:
            path = os.path.join(folder, name)
            print(os.fsencode(os.path.relpath(path, place)), hex(bits(path)))


main()
