# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage to inodes and directories."""
import struct

from damage import damage, is_directory, is_file
from ext_layout import FLAG_EXTENTS, FLAG_INDEX, FLAG_INLINE_DATA, NotThere


@damage("inode")
def damage_inode(breaker):
    number, record = breaker.pick(lambda record: True)
    names = ["mode", "size", "links", "blocks", "flags", "generation", "size_high", "blocks_high",
             "delete_time", "xattr_block", "xattr_block_high", "uid"]
    if breaker.image.inode_size > 128:
        names += ["extra_isize", "extra_isize"]
    breaker.field(record, breaker.random.choice(names), f"inode {number}")
    breaker.after(breaker.image.fix_inode, number)


@damage("special-inode")
def damage_special_inode(breaker):
    """Root, journal, resize, quota: the inodes that a driver reads first."""
    number = breaker.random.choice([2, 2, 8, 7, 3, 4, 11])
    record = breaker.image.inode(number)
    breaker.field(record, breaker.random.choice(
        ["mode", "size", "links", "flags", "i_block", "size_high"]), f"inode {number}")
    breaker.after(breaker.image.fix_inode, number)


@damage("inode-type")
def damage_inode_type(breaker):
    """A file becomes a directory, a directory a device, and so on; the content stays."""
    number, record = breaker.pick(lambda record: True)
    kind = breaker.random.choice([0x0, 0x1000, 0x2000, 0x4000, 0x6000, 0x8000, 0xA000, 0xC000, 0xF000])
    breaker.field(record, "mode", f"inode {number}", kind | record.get("mode") & 0xFFF)
    breaker.after(breaker.image.fix_inode, number)


@damage("inode-size")
def damage_inode_size(breaker):
    number, record = breaker.pick(lambda r: is_file(r) or is_directory(r))
    size = breaker.random.choice([0, 1, breaker.image.block_size - 1, 1 << 31, (1 << 32) - 1, 1 << 40,
                                  (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
    breaker.field(record, "size", f"inode {number}", size & 0xFFFFFFFF)
    breaker.field(record, "size_high", f"inode {number}", size >> 32)
    breaker.after(breaker.image.fix_inode, number)


@damage("inode-links-zero")
def damage_links_zero(breaker):
    number, record = breaker.pick(lambda record: True)
    breaker.field(record, "links", f"inode {number}", 0)
    breaker.after(breaker.image.fix_inode, number)


@damage("inode-flags")
def damage_inode_flags(breaker):
    """Another way to read the same 60 bytes."""
    number, record = breaker.pick(lambda record: True)
    flag = breaker.random.choice([FLAG_EXTENTS, FLAG_INDEX, FLAG_INLINE_DATA, 0x800, 0x200000, 0x40000000,
                                  0x100000, 0x10, 0x20, 0x40000])
    breaker.field(record, "flags", f"inode {number}", record.get("flags") ^ flag)
    breaker.after(breaker.image.fix_inode, number)


@damage("inode-garbage")
def damage_inode_garbage(breaker):
    number, record = breaker.pick(lambda record: True)
    keep = breaker.random.choice([0, 2])  # with or without its mode
    breaker.image.write(record.offset + keep,
                        breaker.random.randbytes(breaker.image.inode_size - keep))
    breaker.say(f"inode {number}: random bytes from {keep} on")
    breaker.after(breaker.image.fix_inode, number)


# --- directories ---

@damage("directory-entry")
def damage_directory_entry(breaker):
    number, blocks = breaker.directory()
    block = breaker.random.choice(blocks)
    entry = breaker.random.choice(breaker.entries(block))
    at, kind, what = breaker.random.choice(
        [(0, "I", "inode"), (4, "H", "length"), (4, "H", "length"), (6, "B", "name length"), (7, "B", "type")])
    breaker.integer(entry + at, kind, f"directory {number}, {what}")
    breaker.after(breaker.image.fix_directory_block, number, block)


@damage("directory-name")
def damage_directory_name(breaker):
    number, blocks = breaker.directory()
    block = breaker.random.choice(blocks)
    entry = breaker.random.choice(breaker.entries(block))
    length = breaker.image.read(entry + 6, 1)[0]
    if length == 0:
        raise NotThere("an entry without name")
    name = breaker.random.choice([b"/", b"\0", b".", b"..", b"a/b", b"\xff", b"\n", b"../../etc"])
    name = (name * length)[:length] if breaker.random.random() < 0.5 else name.ljust(length, b"\0")[:length]
    breaker.image.write(entry + 8, name)
    breaker.say(f"directory {number}: a name is now {name!r}")
    breaker.after(breaker.image.fix_directory_block, number, block)


@damage("directory-target")
def damage_directory_target(breaker):
    """An entry leads up, to itself, to a reserved inode or out of the table."""
    number, blocks = breaker.directory()
    block = breaker.random.choice(blocks)
    entry = breaker.random.choice(breaker.entries(block))
    target = breaker.random.choice([2, 2, number, 1, 7, 8, breaker.image.inodes,
                                    breaker.image.inodes + 1, 0xFFFFFFFF, breaker.image.inodes - 1])
    breaker.integer(entry, "I", f"directory {number}, inode of an entry", target)
    breaker.image.write(entry + 7, breaker.random.choice([b"\x02", b"\x01", b"\0", b"\x07", b"\xff"]))
    breaker.after(breaker.image.fix_directory_block, number, block)


@damage("directory-dots")
def damage_directory_dots(breaker):
    number, blocks = breaker.directory()
    first = blocks[0]
    entries = breaker.entries(first)
    entry = entries[breaker.random.randrange(min(2, len(entries)))]
    way = breaker.random.choice(["name", "inode", "gone", "length"])
    if way == "name":
        breaker.image.write(entry + 8, b"x")
        breaker.say(f"directory {number}: a dot entry has another name")
    elif way == "length":
        breaker.integer(entry + 4, "H", f"directory {number}, length of a dot entry")
    else:
        breaker.integer(entry, "I", f"directory {number}, inode of a dot entry",
                        0 if way == "gone" else breaker.random.choice([2, number, 11, 12, 0xFFFFFF]))
    breaker.after(breaker.image.fix_directory_block, number, first)


@damage("directory-garbage")
def damage_directory_garbage(breaker):
    number, blocks = breaker.directory()
    block = breaker.random.choice(blocks)
    size = breaker.image.block_size
    data = breaker.random.choice([bytes(size), b"\xff" * size, breaker.random.randbytes(size)])
    breaker.image.write(block * size, data[:size - 12])  # leaves room for the checksum
    breaker.say(f"directory {number}: block {block} overwritten")
    breaker.after(breaker.image.fix_directory_block, number, block)


@damage("directory-index")
def damage_directory_index(breaker):
    """The hash tree: root, counts, hashes, and children that loop or lie outside."""
    number, blocks = breaker.directory(lambda r: r.get("flags") & FLAG_INDEX)
    root = blocks[0] * breaker.image.block_size
    count_at = root + 0x20
    count = struct.unpack("<H", breaker.image.read(count_at + 2, 2))[0]
    room = breaker.image.block_size // 8 - 8
    # The first entry has limit and count in the place of the hash in the others.
    child = count_at + 8 * breaker.random.randrange(1, max(2, min(count, room)))
    offset, kind, what, value = breaker.random.choice([
        (root + 0x18, "I", "reserved word", None), (root + 0x1C, "B", "hash version", None),
        (root + 0x1D, "B", "length of the info", None), (root + 0x1E, "B", "levels", None),
        (root + 0x1E, "B", "levels", 1), (root + 0x1F, "B", "unused flags", None),
        (count_at, "H", "limit", None), (count_at + 2, "H", "count", None), (count_at + 2, "H", "count", 0),
        (child, "I", "hash", None), (child + 4, "I", "child", None), (child + 4, "I", "child", 0),
        (count_at + 4, "I", "first child", 0), (count_at + 4, "I", "first child", len(blocks))])
    breaker.integer(offset, kind, f"indexed directory {number}, {what}", value)
    breaker.after(breaker.image.fix_directory_block, number, blocks[0])
