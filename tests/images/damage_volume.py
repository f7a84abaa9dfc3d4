# SPDX-License-Identifier: GPL-2.0-or-later
"""Damage to the volume's structures: superblock, groups, bitmaps, journal, lists, everything."""
import os
import struct

import ext_layout
from damage import damage, is_directory, is_file
from ext_layout import FLAG_INLINE_DATA, NotThere


@damage("super")
def damage_super(breaker):
    """One field after the other, as the seed increases."""
    names = [name for name in ext_layout.SUPERBLOCK if name != "checksum"]
    breaker.field(breaker.image.super, names[breaker.seed // 2 % len(names)], "superblock")
    breaker.fix = breaker.seed % 2 == 0
    breaker.after(breaker.image.fix_super)


@damage("super-several")
def damage_super_several(breaker):
    for name in breaker.random.sample(list(ext_layout.SUPERBLOCK), 4):
        if name != "magic":
            breaker.field(breaker.image.super, name, "superblock")
    breaker.after(breaker.image.fix_super)


@damage("features")
def damage_features(breaker):
    word = breaker.random.choice(["feature_compat", "feature_incompat", "feature_ro_compat"])
    bit = breaker.random.choice([*range(20), 31])
    old = breaker.image.super.get(word)
    breaker.field(breaker.image.super, word, "superblock", old ^ 1 << bit)
    breaker.after(breaker.image.fix_super)


@damage("groups")
def damage_groups(breaker):
    index = breaker.random.choice([0, 0, breaker.random.randrange(breaker.image.groups)])
    names = [name for name, (at, _) in ext_layout.GROUP.items()
             if at < breaker.image.descriptor_size and name != "checksum"]
    record = breaker.image.group(index)
    name = breaker.random.choice(names)
    value = None
    if breaker.random.random() < 0.3 and "high" not in name:  # pointing at another structure
        value = breaker.random.choice([0, 1, record.get("inode_table"), record.get("block_bitmap")])
    breaker.field(record, name, f"group {index}", value)
    breaker.after(breaker.image.fix_group, index)


def damage_bitmap(breaker, name):
    index = breaker.random.choice([0, breaker.random.randrange(breaker.image.groups)])
    offset = breaker.image.group_block(index, name) * breaker.image.block_size
    if offset == 0:
        raise NotThere("the group has no bitmap")
    way = breaker.random.choice(["all used", "all free", "random", "inverted", "some bits"])
    data = bytearray(breaker.image.read(offset, breaker.image.block_size))
    if way == "some bits":
        for _ in range(20):
            data[breaker.random.randrange(len(data) // 8)] ^= 1 << breaker.random.randrange(8)
    else:
        data = {"all used": b"\xff" * len(data), "all free": bytes(len(data)),
                "random": breaker.random.randbytes(len(data)),
                "inverted": bytes(byte ^ 0xFF for byte in data)}[way]
    breaker.image.write(offset, bytes(data))
    breaker.say(f"group {index}: {name} is now {way}")
    breaker.after(breaker.image.fix_bitmap, index, name)


@damage("block-bitmap")
def damage_block_bitmap(breaker):
    damage_bitmap(breaker, "block_bitmap")


@damage("inode-bitmap")
def damage_inode_bitmap(breaker):
    damage_bitmap(breaker, "inode_bitmap")


@damage("checksums")
def damage_checksums(breaker):
    """Only a checksum is wrong."""
    if not breaker.image.checksums:
        raise NotThere("no checksums")
    breaker.fix = False
    which = breaker.random.choice(["superblock", "group", "bitmap", "inode", "root"])
    if which == "superblock":
        breaker.field(breaker.image.super, "checksum", which)
    elif which == "group":
        breaker.field(breaker.image.group(0), "checksum", which)
    elif which == "bitmap":
        breaker.field(breaker.image.group(0), "block_bitmap_checksum", which)
    elif which == "root":
        breaker.field(breaker.image.inode(ext_layout.ROOT_INODE), "checksum_low", which)
    else:
        number, record = breaker.pick(lambda record: True)
        breaker.field(record, "checksum_low", f"inode {number}")


def journal_block(breaker, index):
    number = breaker.image.super.get("journal_inode")
    if not breaker.image.compat & ext_layout.COMPAT_JOURNAL or not number:
        raise NotThere("no journal")
    blocks = [physical for _, physical in breaker.image.blocks_of(number)]
    if index >= len(blocks):
        raise NotThere("a short journal")
    return blocks[index] * breaker.image.block_size


def set_needs_recovery(breaker):
    old = breaker.image.super.get("feature_incompat")
    breaker.image.super.set("feature_incompat", old | ext_layout.INCOMPAT_RECOVER)
    breaker.image.fix_super()


@damage("journal-super")
def damage_journal_super(breaker):
    offset = journal_block(breaker, 0)
    at, what = breaker.random.choice([
        (0x0, "magic"), (0x4, "kind"), (0xC, "block size"), (0x10, "length"), (0x14, "first"),
        (0x18, "sequence"), (0x1C, "start"), (0x1C, "start"), (0x20, "errno"), (0x24, "compat"),
        (0x28, "incompat"), (0x2C, "ro compat"), (0x50, "checksum type"), (0x54, "fast commit blocks")])
    old = struct.unpack(">I", breaker.image.read(offset + at, 4))[0]
    value = breaker.number(32, old)
    breaker.image.write(offset + at, struct.pack(">I", value))
    breaker.say(f"journal superblock, {what}: {old:#x} -> {value:#x}")
    breaker.after(breaker.image.fix_journal_super, offset)
    if breaker.random.random() < 0.5:
        set_needs_recovery(breaker)


@damage("journal-log")
def damage_journal_log(breaker):
    """An invented transaction that would write anywhere."""
    image = breaker.image
    sequence = struct.unpack(">I", image.read(journal_block(breaker, 0) + 0x18, 4))[0]
    target = breaker.random.choice([0, 1, image.blocks, image.blocks - 1, 0xFFFFFFFF,
                                    image.group(0).get("inode_table")])
    descriptor = struct.pack(">III", ext_layout.JOURNAL_MAGIC, 1, sequence)
    for tag in range(breaker.random.choice([1, 3, 100])):
        descriptor += struct.pack(">II", target + tag & 0xFFFFFFFF, breaker.random.choice([0, 2, 2, 8, 0xFFFF]))
    image.write(journal_block(breaker, 1), descriptor[:image.block_size])
    commit = struct.pack(">III", ext_layout.JOURNAL_MAGIC, breaker.random.choice([2, 1, 5]), sequence)
    image.write(journal_block(breaker, 3), commit)
    super_at = journal_block(breaker, 0)
    image.write(super_at + 0x1C, struct.pack(">I", 1))
    image.fix_journal_super(super_at)
    set_needs_recovery(breaker)
    breaker.say(f"journal: a transaction for block {target:#x}")


@damage("mmp")
def damage_mmp(breaker):
    image = breaker.image
    if not image.incompat & ext_layout.INCOMPAT_MMP:
        raise NotThere("no multiple mount protection")
    block = image.super.get("mmp_block")
    if breaker.random.random() < 0.3:
        breaker.field(image.super, "mmp_block", "superblock")
        breaker.after(image.fix_super)
        return
    at, kind, value, what = breaker.random.choice([
        (0, "I", None, "magic"), (4, "I", 0xE24D4D50, "sequence (being checked)"), (4, "I", 5, "sequence (in use)"),
        (4, "I", None, "sequence"), (0x70, "H", 0xFFFF, "interval"), (0x70, "H", None, "interval")])
    breaker.integer(block * image.block_size + at, kind, f"mmp block, {what}", value)
    breaker.after(image.fix_mmp, block)


@damage("orphans")
def damage_orphans(breaker):
    """The list has a loop, leads through a directory, or out of the table."""
    image = breaker.image
    found = image.inodes_where(lambda r: is_file(r) or is_directory(r))
    chain = breaker.random.sample(found, min(3, len(found)))
    image.super.set("last_orphan", chain[0][0])
    ends = [chain[0][0], chain[-1][0], 0xFFFFFFFF, image.inodes + 1, 1, 2]
    following = [number for number, _ in chain[1:]] + [breaker.random.choice(ends)]
    for (number, record), successor in zip(chain, following):
        record.set("delete_time", successor)
        if breaker.random.random() < 0.5:
            record.set("links", 0)
        breaker.after(image.fix_inode, number)
    breaker.after(image.fix_super)
    breaker.say(f"orphans: {[number for number, _ in chain]} then {following[-1]:#x}")


def metadata_ranges(image):
    yield ext_layout.SUPERBLOCK_AT, 1024
    yield image.group(0).offset, min(image.groups * image.descriptor_size, image.block_size)
    for group in range(min(image.groups, 4)):
        for name in ("block_bitmap", "inode_bitmap"):
            yield image.group_block(group, name) * image.block_size, image.block_size
    for _, record in image.used_inodes(200):
        yield record.offset, image.inode_size
        if is_directory(record) and not record.get("flags") & FLAG_INLINE_DATA:
            number = record_number(image, record)
            for _, physical in image.blocks_of(number)[:20]:
                yield physical * image.block_size, image.block_size


def record_number(image, record):
    for group in range(image.groups):
        table = image.group_block(group, "inode_table") * image.block_size
        index = (record.offset - table) // image.inode_size
        if record.offset >= table and index < image.inodes_per_group:
            return group * image.inodes_per_group + index + 1
    raise NotThere("a stray inode")


@damage("random-metadata")
def damage_random_metadata(breaker):
    breaker.fix = False
    ranges = list(metadata_ranges(breaker.image))
    flips = breaker.random.choice([1, 5, 30, 200])
    for _ in range(flips):
        start, length = breaker.random.choice(ranges)
        place = start + breaker.random.randrange(length)
        old = breaker.image.read(place, 1)[0]
        breaker.image.write(place, bytes([old ^ 1 << breaker.random.randrange(8)]))
    breaker.say(f"{flips} bits of metadata flipped")


@damage("zeroed-metadata")
def damage_zeroed_metadata(breaker):
    breaker.fix = False
    start, length = breaker.random.choice(list(metadata_ranges(breaker.image)))
    if start == ext_layout.SUPERBLOCK_AT:
        start, length = start + 0x100, 0x300
    breaker.image.write(start, breaker.random.choice([bytes(length), b"\xff" * length]))
    breaker.say(f"{length} bytes from {start:#x} on overwritten")


@damage("truncated")
def damage_truncated(breaker):
    size = breaker.image.size
    new = breaker.random.choice([0, 512, 1024, 1500, 2048, 4096, size // 2, size - 1,
                                 size - breaker.image.block_size, breaker.random.randrange(size)])
    os.ftruncate(breaker.image.file, new)
    breaker.say(f"cut from {size} to {new} bytes")
