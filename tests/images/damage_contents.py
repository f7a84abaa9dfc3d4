# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage to the locations of files' contents and attributes."""
import struct

import ext_layout
from damage import damage, is_directory, is_file, is_link
from ext_layout import FLAG_EXTENTS, FLAG_INLINE_DATA, NotThere


def extent_node(breaker, deep):
    """(inode, offset of a node, its depth, number of entries)"""
    found = breaker.image.inodes_where(
        lambda r: r.get("flags") & FLAG_EXTENTS and (is_file(r) or is_directory(r)))
    breaker.random.shuffle(found)
    for number, _ in found:
        nodes = breaker.image.extent_nodes(number)
        if deep and len(nodes) < 2:
            continue
        offset, _, depth = breaker.random.choice([n for n in nodes if n[2]] if deep == "index" else nodes)
        count = struct.unpack("<H", breaker.image.read(offset + 2, 2))[0]
        if count:
            return number, offset, depth, count
    raise NotThere("no such extent tree in this image")


@damage("extent-header")
def damage_extent_header(breaker):
    number, offset, _, _ = extent_node(breaker, breaker.random.choice(["", "any"]))
    at, what = breaker.random.choice([(0, "magic"), (2, "entries"), (2, "entries"), (6, "depth"), (6, "depth"),
                                      (4, "maximum")])
    breaker.integer(offset + at, "H", f"extents of inode {number}, {what}")
    breaker.after(breaker.image.fix_extent_node, number, offset)


@damage("extent-entry")
def damage_extent_entry(breaker):
    number, offset, depth, count = extent_node(breaker, breaker.random.choice(["", "any"]))
    entry = offset + 12 + 12 * breaker.random.randrange(count)
    leaf = [(0, "I", "first block"), (4, "H", "length"), (6, "H", "place, high"), (8, "I", "place")]
    index = [(0, "I", "first block"), (4, "I", "child"), (8, "H", "child, high")]
    at, kind, what = breaker.random.choice(index if depth else leaf)
    breaker.integer(entry + at, kind, f"extents of inode {number}, {what}")
    breaker.after(breaker.image.fix_extent_node, number, offset)


@damage("extent-overlap")
def damage_extent_overlap(breaker):
    """Extents that cover the same blocks, in the file or on the medium."""
    number, offset, depth, count = extent_node(breaker, "any")
    if count < 2:
        raise NotThere("too few extents")
    victim = breaker.random.randrange(1, count)
    source = offset + 12 * victim  # the entry before it
    part = breaker.random.choice([(0, 4), (4, 12), (0, 12)])
    data = breaker.image.read(source + part[0], part[1] - part[0])
    breaker.image.write(source + 12 + part[0], data)
    breaker.say(f"extents of inode {number}, depth {depth}: entry {victim} like the one before")
    breaker.after(breaker.image.fix_extent_node, number, offset)


@damage("extent-loop")
def damage_extent_loop(breaker):
    """An index entry leads to its own node or to one above it."""
    number, offset, depth, _ = extent_node(breaker, "index")
    nodes = breaker.image.extent_nodes(number)
    children = [node[0] for node in nodes if node[0] != nodes[0][0]]
    child = breaker.random.choice(children) // breaker.image.block_size
    if breaker.random.random() < 0.7:  # make that child an index that points at itself
        node = child * breaker.image.block_size
        maximum = struct.unpack("<H", breaker.image.read(node + 4, 2))[0]
        breaker.image.write(node, struct.pack("<HHHHIIIHH", ext_layout.EXTENT_MAGIC, 1, maximum,
                                              breaker.random.choice([depth, 1, 5]), 0, 0, child, 0, 0))
        breaker.after(breaker.image.fix_extent_node, number, node)
    breaker.image.write(offset + 16, struct.pack("<I", child))
    breaker.say(f"extents of inode {number}: a loop through block {child}")
    breaker.after(breaker.image.fix_extent_node, number, offset)


@damage("block-pointers")
def damage_block_pointers(breaker):
    """Files without extents: direct, indirect and doubly indirect pointers."""
    number, record = breaker.pick(lambda r: not r.get("flags") & (FLAG_EXTENTS | FLAG_INLINE_DATA)
                                  and (is_file(r) or is_directory(r)) and r.get("blocks"))
    pointers = struct.unpack("<15I", breaker.image.read(record.offset + 0x28, 60))
    used = [i for i in range(15) if pointers[i]]
    if not used:
        raise NotThere("an inode without blocks")
    slot = breaker.random.choice(used)
    targets = [breaker.image.blocks, breaker.image.blocks - 1, 0xFFFFFFFF, 1, 2, pointers[slot] + 1,
               pointers[used[0]], breaker.image.group(0).get("inode_table")]
    if slot >= 12 and breaker.random.random() < 0.6:
        node = pointers[slot] * breaker.image.block_size
        where = node + 4 * breaker.random.randrange(min(64, breaker.image.block_size // 4))
        targets.append(pointers[slot])  # a loop
    else:
        where = record.offset + 0x28 + 4 * slot
    breaker.integer(where, "I", f"inode {number}, block pointer {slot}", breaker.random.choice(targets))
    breaker.after(breaker.image.fix_inode, number)


@damage("shared-blocks")
def damage_shared_blocks(breaker):
    """Two inodes own the same blocks; one of them may be the group's own structures."""
    number, record = breaker.pick(is_file)
    other, other_record = breaker.pick(lambda r: is_file(r) or is_directory(r))
    breaker.image.write(record.offset + 0x28, breaker.image.read(other_record.offset + 0x28, 60))
    breaker.field(record, "flags", f"inode {number} has the blocks of {other}", other_record.get("flags"))
    breaker.after(breaker.image.fix_inode, number)


# --- extended attributes ---

@damage("xattr-inode")
def damage_xattr_inode(breaker):
    image = breaker.image
    if image.inode_size <= 128:
        raise NotThere("inodes without room for attributes")

    def attributes_at(record):
        return record.offset + 128 + record.get("extra_isize")

    number, record = breaker.pick(
        lambda r: r.get("extra_isize") <= image.inode_size - 132
        and image.read(attributes_at(r), 4) == struct.pack("<I", ext_layout.XATTR_MAGIC))
    start = attributes_at(record)
    at, kind, what = breaker.random.choice([
        (0, "I", "magic"), (4, "B", "name length"), (5, "B", "name index"), (6, "H", "value offset"),
        (8, "I", "value inode"), (12, "I", "value size"), (12, "I", "value size"), (16, "I", "hash")])
    breaker.integer(start + at, kind, f"attributes in inode {number}, {what}")
    breaker.after(image.fix_inode, number)


@damage("xattr-block")
def damage_xattr_block(breaker):
    number, record = breaker.pick(lambda r: r.get("xattr_block"))
    block = record.get("xattr_block")
    start = block * breaker.image.block_size
    at, kind, what = breaker.random.choice([
        (0, "I", "magic"), (4, "I", "reference count"), (8, "I", "block count"), (12, "I", "hash"),
        (32, "B", "name length"), (33, "B", "name index"), (34, "H", "value offset"),
        (34, "H", "value offset"), (36, "I", "value inode"), (40, "I", "value size"), (40, "I", "value size"),
        (44, "I", "entry hash")])
    breaker.integer(start + at, kind, f"attribute block {block} of inode {number}, {what}")
    breaker.after(breaker.image.fix_xattr_block, block)


@damage("xattr-place")
def damage_xattr_place(breaker):
    number, record = breaker.pick(is_file)
    place = breaker.random.choice([1, breaker.image.blocks, breaker.image.blocks - 1, 0xFFFFFFFF,
                                   breaker.image.group(0).get("inode_table"),
                                   breaker.image.group(0).get("block_bitmap")])
    breaker.field(record, "xattr_block", f"inode {number}", place)
    breaker.after(breaker.image.fix_inode, number)


# --- content in the inode itself ---

@damage("inline-data")
def damage_inline_data(breaker):
    number, record = breaker.pick(lambda r: r.get("flags") & FLAG_INLINE_DATA)
    way = breaker.random.choice(["size", "content", "attributes", "extra size"])
    if way == "size":
        breaker.field(record, "size", f"inline inode {number}")
    elif way == "content":
        breaker.image.write(record.offset + 0x28, breaker.random.randbytes(60))
        breaker.say(f"inline inode {number}: random content")
    elif way == "extra size":
        breaker.field(record, "extra_isize", f"inline inode {number}")
    else:
        start = record.offset + 128 + record.get("extra_isize")
        breaker.integer(start + breaker.random.choice([0, 4, 6, 8, 12]), "I",
                        f"inline inode {number}, attribute of its second part")
    breaker.after(breaker.image.fix_inode, number)


@damage("symlink")
def damage_symlink(breaker):
    number, record = breaker.pick(is_link)
    way = breaker.random.choice(["size", "content", "flags", "blocks"])
    if way == "size":
        breaker.field(record, "size", f"symlink {number}",
                      breaker.random.choice([0, 59, 60, 61, 4095, 4096, 65536, 0xFFFFFFFF]))
    elif way == "content":
        data = breaker.random.choice([bytes(60), b"\xff" * 60, b"/" * 60, breaker.random.randbytes(60)])
        breaker.image.write(record.offset + 0x28, data)
        breaker.say(f"symlink {number}: other content")
    elif way == "flags":
        breaker.field(record, "flags", f"symlink {number}", record.get("flags") ^ FLAG_EXTENTS)
    else:
        breaker.field(record, "blocks", f"symlink {number}", 0 if record.get("blocks") else 8)
    breaker.after(breaker.image.fix_inode, number)
