#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seed inputs of the fuzz targets of contained/ext into corpus/ beside this file.

Run it after changing a seed; the result is committed. Inputs that a fuzzer found are added by
hand and named after the fault they found; this script leaves them alone.
"""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / "corpus"


def write(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def u24(value):
    return struct.pack("<I", value)[:3]


def driver_seeds():
    """image, no damage, read-write, operations as fuzz_ext_driver.cc numbers them."""
    names = range(12)
    look = b"".join(bytes([0, 1, name]) for name in names)
    lists = b"".join(bytes([1, node, detail, 0])
                     for node in (1, 12, 13, 14, 17) for detail in (0, 1))
    reads = b"".join(bytes([2, node]) + u24(0) for node in range(11, 24))
    make = b"".join(bytes([6, 1, kind, 20 + kind]) for kind in range(6))
    writes = b"".join(bytes([12, node]) + u24(node * 3000) + struct.pack("<H", 9000) + b"\0"
                      for node in range(12, 24))
    names_change = bytes([9, 1, 2, 11, 1, 1, 3, 20, 0, 11, 1, 12, 4, 21, 0, 8, 15, 1, 22, 10, 1, 0,
                          7, 1, 30, 80, 15, 19, 14])
    attributes = b"".join(bytes([16, node, 0, 17, node, 2, 40]) + b"v" * 40 + b"\0"
                          for node in range(12, 20))
    space = b"".join(bytes([13, node, mode]) + u24(2000) + u24(9000)
                     for node, mode in ((13, 0), (14, 1), (15, 2), (16, 3), (17, 4)))
    sizes = b"".join(bytes([5, node, 1]) + u24(size) for node, size in
                     ((13, 5), (14, 3000), (15, 1 << 19), (16, 0), (17, 1500)))
    for image in range(4):
        for name, operations in {"look": look + lists, "read": reads + lists, "make": make + look,
                                 "write": writes, "names": names_change, "xattr": attributes,
                                 "allocate": space + reads, "truncate": sizes + reads}.items():
            write("ext_driver", f"{name}-{image}", bytes([image, 0, 0]) + operations)
        write("ext_driver", f"readonly-{image}", bytes([image, 0, 1]) + look + lists + writes)


# In a superblock or the first group descriptor: offset in the image, bytes. The first ones
# once let the driver read outside its tables; libext2fs accepts them.
DAMAGE = {
    "first-inode-0": (1024 + 84, b"\0\0\0\0"),
    "inodes-per-group": (1024 + 40, struct.pack("<I", 60000)),
    "blocks-per-group": (1024 + 32, struct.pack("<II", 65528, 65528)),
    "inode-count": (1024, struct.pack("<I", 60000)),
    "inode-size": (1024 + 88, b"\x80\x04"),
    "orphan-root": (1024 + 232, struct.pack("<I", 2)),
    "orphan-file": (1024 + 232, struct.pack("<I", 13)),
    "block-bitmap-is-superblock": (2048, struct.pack("<I", 1)),
    "inode-bitmap-far": (2048 + 4, struct.pack("<I", 0xFFFFFF)),
    "inode-table-is-block-0": (2048 + 8, struct.pack("<I", 0)),
    "free-counts": (2048 + 12, b"\xff\xff\xff\xff"),
}


def damage_seeds():
    use = b"".join(bytes([0, 1, name]) for name in range(12)) + bytes([1, 1, 1, 0, 0, 0, 9])
    use += b"".join(bytes([6, 1, kind, 20 + kind]) for kind in range(4))
    use += bytes([12, 13]) + u24(100) + struct.pack("<H", 5000) + bytes([0, 9, 1, 3, 19, 14, 15])
    for image in range(3):
        for name, (offset, content) in DAMAGE.items():
            patch = bytes([image, 1]) + u24(offset) + bytes([len(content)]) + content
            write("ext_driver", f"{name}-{image}", patch + b"\0" + use)


def server_seeds():
    look = b"".join(bytes([0, 1, name]) for name in range(12))
    lists = bytes([9, 1]) + u24(0) + bytes([10, 1]) + u24(0) + bytes([10, 13]) + u24(0)
    change = bytes([4, 1, 0, 20, 4, 1, 1, 21, 5, 1, 2, 7, 1, 1, 0, 3, 22, 17, 14, 2, 14, 8, 0])
    change += u24(7)
    data = bytes([11, 14]) + u24(5000) + struct.pack("<H", 9000) + b"\0" + bytes([8, 14]) + u24(0)
    rest = bytes([13, 14, 5]) + b"value" + bytes([20, 14, 9, 20, 14, 15]) + u24(0)
    rest += b"\0\x0e\x10\x0c\x0e"
    for image in range(4):
        write("fuse_server", f"session-{image}", bytes([image, 0]) + look[:30] + lists + change)
        write("fuse_server", f"data-{image}", bytes([image, 0]) + data + rest + lists)


def directory_block(names, size=1024):
    out = b""
    for i, name in enumerate(names):
        length = 8 + (len(name) + 3) // 4 * 4
        if i + 1 == len(names):
            length = size - len(out)
        out += struct.pack("<IHBB", 12 + i, length, len(name), 1) + name.ljust(length - 8, b"\0")
    return out


def directory_seeds():
    few = directory_block([b".", b"..", b"file1", b"file2"])
    many = [b".", b".."] + [b"file%d" % i for i in range(50)]
    write("directory", "few", b"\x02\x10" + few)
    write("directory", "two-blocks", b"\x02\x80" + directory_block(many[:40])
          + directory_block(many[40:]))
    write("directory", "grows-an-index", b"\x02\xff" + directory_block(many))
    root = struct.pack("<IHBB", 12, 12, 1, 2) + b".\0\0\0" + struct.pack("<IHBB", 2, 1012, 2, 2)
    root += b"..\0\0" + struct.pack("<IBBBBHHIII", 0, 1, 8, 0, 0, 123, 2, 1, 0x40000000, 2)
    write("directory", "index", b"\x03\x40" + root.ljust(1024, b"\0") + directory_block(many[2:20])
          + directory_block(many[20:]))


def block_map_seeds():
    header = struct.pack("<HHHHI", 0xF30A, 2, 4, 0, 0)
    extents = struct.pack("<IHHI", 0, 8, 0, 100) + struct.pack("<IHHI", 20, 4, 0, 300)
    operations = b"".join(struct.pack("<BIH", kind, at, count) for kind, at, count in
                          ((0, 0, 40), (1, 8, 6), (2, 30, 9), (3, 32, 3), (4, 2, 4), (9, 0, 0)))
    write("block_map", "extents", b"\0" + (header + extents).ljust(60, b"\0") + operations)
    pointers = struct.pack("<15I", *range(100, 112), 8, 0, 0)
    block = struct.pack("<64I", *range(200, 264))
    write("block_map", "indirect", b"\x05" + pointers + block + operations)
    index = struct.pack("<HHHHI", 0xF30A, 1, 4, 1, 0) + struct.pack("<IIHH", 0, 8, 0, 0)
    leaf = struct.pack("<HHHHI", 0xF30A, 2, 20, 0, 0) + extents
    write("block_map", "extent-tree",
          b"\x04" + index.ljust(60, b"\0") + leaf.ljust(256, b"\0") + operations)


def xattr_seeds():
    def entry(index, name, offset, size):
        return struct.pack("<BBHIII", len(name), index, offset, 0, size, 0) + name.ljust(
            (len(name) + 3) // 4 * 4, b"\0")
    body = struct.pack("<I", 0xEA020000) + entry(1, b"a", 80, 5)
    body = body.ljust(84, b"\0") + b"value" + bytes(7)
    write("xattr", "inode", bytes([96]) + body)
    block = struct.pack("<IIIIIIII", 0xEA020000, 1, 1, 0, 0, 0, 0, 0) + entry(1, b"bb", 1016, 8)
    write("xattr", "block", bytes([96]) + body + block.ljust(1016, b"\0") + b"contents")
    acl = struct.pack("<I", 1) + struct.pack("<HH", 1, 6) + struct.pack("<HHI", 2, 7, 1000)
    acl += struct.pack("<HH", 4, 4) + struct.pack("<HH", 16, 7) + struct.pack("<HH", 32, 4)
    write("xattr", "acl", b"\0" + acl)


if __name__ == "__main__":
    driver_seeds()
    damage_seeds()
    server_seeds()
    directory_seeds()
    block_map_seeds()
    xattr_seeds()
