# SPDX-License-Identifier: GPL-2.0-or-later
"""The places of the structures of an ext2/3/4 image, and their checksums.

Only as much as is needed to damage an image on purpose. Everything is read straight from the file,
so an image may already be damaged, as long as the wanted structure can still be reached; otherwise
NotThere is raised.
"""
import os
import struct

SUPERBLOCK_AT = 1024
ROOT_INODE = 2
JOURNAL_INODE = 8

SUPERBLOCK = {  # name: (offset, struct format)
    "inodes_count": (0x0, "I"), "blocks_count": (0x4, "I"), "reserved_blocks": (0x8, "I"),
    "free_blocks": (0xC, "I"), "free_inodes": (0x10, "I"), "first_data_block": (0x14, "I"),
    "log_block_size": (0x18, "I"), "log_cluster_size": (0x1C, "I"),
    "blocks_per_group": (0x20, "I"), "clusters_per_group": (0x24, "I"),
    "inodes_per_group": (0x28, "I"), "mount_count": (0x34, "H"), "magic": (0x38, "H"),
    "state": (0x3A, "H"), "errors": (0x3C, "H"), "creator_os": (0x48, "I"),
    "revision": (0x4C, "I"), "first_inode": (0x54, "I"), "inode_size": (0x58, "H"),
    "block_group": (0x5A, "H"), "feature_compat": (0x5C, "I"), "feature_incompat": (0x60, "I"),
    "feature_ro_compat": (0x64, "I"), "uuid_word": (0x68, "I"), "volume_name": (0x78, "Q"),
    "reserved_gdt_blocks": (0xCE, "H"), "journal_inode": (0xE0, "I"),
    "journal_device": (0xE4, "I"), "last_orphan": (0xE8, "I"), "hash_seed": (0xEC, "I"),
    "hash_version": (0xFC, "B"), "journal_backup_type": (0xFD, "B"),
    "descriptor_size": (0xFE, "H"), "first_meta_group": (0x104, "I"),
    "journal_backup": (0x10C, "I"), "blocks_count_high": (0x150, "I"),
    "free_blocks_high": (0x158, "I"), "min_extra_isize": (0x15C, "H"),
    "want_extra_isize": (0x15E, "H"), "flags": (0x160, "I"), "mmp_interval": (0x166, "H"),
    "mmp_block": (0x168, "Q"), "log_groups_per_flex": (0x174, "B"),
    "checksum_type": (0x175, "B"), "snapshot_inode": (0x180, "I"), "error_count": (0x194, "I"),
    "user_quota_inode": (0x240, "I"), "group_quota_inode": (0x244, "I"),
    "overhead_clusters": (0x248, "I"), "project_quota_inode": (0x26C, "I"),
    "checksum_seed": (0x270, "I"), "encoding": (0x27C, "H"), "orphan_file_inode": (0x280, "I"),
    "checksum": (0x3FC, "I"),
}
GROUP = {
    "block_bitmap": (0x0, "I"), "inode_bitmap": (0x4, "I"), "inode_table": (0x8, "I"),
    "free_blocks": (0xC, "H"), "free_inodes": (0xE, "H"), "used_directories": (0x10, "H"),
    "flags": (0x12, "H"), "block_bitmap_checksum": (0x18, "H"),
    "inode_bitmap_checksum": (0x1A, "H"), "unused_inodes": (0x1C, "H"), "checksum": (0x1E, "H"),
    "block_bitmap_high": (0x20, "I"), "inode_bitmap_high": (0x24, "I"),
    "inode_table_high": (0x28, "I"), "block_bitmap_checksum_high": (0x38, "H"),
    "inode_bitmap_checksum_high": (0x3A, "H"),
}
INODE = {
    "mode": (0x0, "H"), "uid": (0x2, "H"), "size": (0x4, "I"), "mtime": (0x10, "I"),
    "delete_time": (0x14, "I"), "gid": (0x18, "H"), "links": (0x1A, "H"), "blocks": (0x1C, "I"),
    "flags": (0x20, "I"), "i_block": (0x28, "I"), "generation": (0x64, "I"),
    "xattr_block": (0x68, "I"), "size_high": (0x6C, "I"), "blocks_high": (0x74, "H"),
    "xattr_block_high": (0x76, "H"), "checksum_low": (0x7C, "H"), "extra_isize": (0x80, "H"),
    "checksum_high": (0x82, "H"), "mtime_extra": (0x88, "I"), "project": (0x9C, "I"),
}

COMPAT_JOURNAL = 0x4
INCOMPAT_RECOVER, INCOMPAT_META_BG, INCOMPAT_MMP, INCOMPAT_64BIT = 0x4, 0x10, 0x100, 0x80
INCOMPAT_CHECKSUM_SEED = 0x2000
RO_COMPAT_GROUP_CHECKSUM, RO_COMPAT_METADATA_CHECKSUM = 0x10, 0x400
FLAG_INDEX, FLAG_EXTENTS, FLAG_INLINE_DATA = 0x1000, 0x80000, 0x10000000
EXTENT_MAGIC, XATTR_MAGIC, JOURNAL_MAGIC = 0xF30A, 0xEA020000, 0xC03B3998


class NotThere(Exception):
    """The image has no structure of this kind, or the way to it is broken."""


def make_table(polynomial):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C_TABLE = make_table(0x82F63B78)
CRC16_TABLE = make_table(0xA001)


def crc32c(seed, data):
    for byte in data:
        seed = seed >> 8 ^ CRC32C_TABLE[(seed ^ byte) & 0xFF]
    return seed


def crc16(seed, data):
    for byte in data:
        seed = seed >> 8 ^ CRC16_TABLE[(seed ^ byte) & 0xFF]
    return seed


def le32(value):
    return struct.pack("<I", value & 0xFFFFFFFF)


class Record:
    """Named little-endian fields at one place of the image."""

    def __init__(self, image, offset, fields):
        self.image, self.offset, self.fields = image, offset, fields

    def get(self, name):
        at, kind = self.fields[name]
        return struct.unpack("<" + kind, self.image.read(self.offset + at, struct.calcsize(kind)))[0]

    def set(self, name, value):
        at, kind = self.fields[name]
        bits = 8 * struct.calcsize(kind)
        self.image.write(self.offset + at, struct.pack("<" + kind, value & ((1 << bits) - 1)))

    def bits(self, name):
        return 8 * struct.calcsize(self.fields[name][1])


class Image:
    """An open image file. Geometry is read once, before anything is damaged."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self.file).st_size
        self.super = Record(self, SUPERBLOCK_AT, SUPERBLOCK)
        if self.super.get("magic") != 0xEF53:
            raise NotThere("no ext superblock")
        get = self.super.get
        if get("log_block_size") > 6:
            raise NotThere("impossible block size")
        self.block_size = 1024 << get("log_block_size")
        self.revision_0 = get("revision") == 0
        self.inode_size = 128 if self.revision_0 else get("inode_size")
        self.compat, self.incompat = get("feature_compat"), get("feature_incompat")
        self.ro_compat = get("feature_ro_compat")
        self.wide = bool(self.incompat & INCOMPAT_64BIT)
        self.descriptor_size = get("descriptor_size") if self.wide else 32
        self.blocks = get("blocks_count") | (get("blocks_count_high") << 32 if self.wide else 0)
        self.blocks_per_group, self.inodes_per_group = get("blocks_per_group"), get("inodes_per_group")
        self.inodes = get("inodes_count")
        if not self.blocks_per_group or not self.inodes_per_group or not 32 <= self.descriptor_size <= 1024:
            raise NotThere("impossible geometry")
        if self.inode_size < 128 or self.inode_size > self.block_size:
            raise NotThere("impossible inode size")
        self.first_data_block = get("first_data_block")
        self.groups = -(-(self.blocks - self.first_data_block) // self.blocks_per_group)
        self.checksums = bool(self.ro_compat & RO_COMPAT_METADATA_CHECKSUM)
        uuid = self.read(SUPERBLOCK_AT + 0x68, 16)
        self.uuid = uuid
        self.seed = (get("checksum_seed") if self.incompat & INCOMPAT_CHECKSUM_SEED
                     else crc32c(0xFFFFFFFF, uuid))

    def close(self):
        os.close(self.file)

    # --- bytes ---
    def read(self, offset, length):
        data = os.pread(self.file, length, offset) if 0 <= offset < self.size else b""
        if len(data) != length:
            raise NotThere(f"offset {offset} is outside the image")
        return data

    def write(self, offset, data):
        if offset < 0 or offset + len(data) > self.size:
            raise NotThere(f"offset {offset} is outside the image")
        os.pwrite(self.file, data, offset)

    def block(self, number):
        return self.read(number * self.block_size, self.block_size)

    # --- places ---
    def group(self, index):
        per_block = self.block_size // self.descriptor_size
        table_block = index // per_block
        first_meta = self.super.get("first_meta_group")
        if self.incompat & INCOMPAT_META_BG and table_block >= first_meta:
            start = self.first_data_block + table_block * per_block * self.blocks_per_group
            block = start + (1 if self.has_backup(table_block * per_block) else 0)
        else:
            block = self.first_data_block + 1 + table_block
        return Record(self, block * self.block_size + index % per_block * self.descriptor_size, GROUP)

    def has_backup(self, group):
        if group <= 1 or not self.ro_compat & 1:
            return True
        return any(base ** power == group for base in (3, 5, 7) for power in range(1, 12))

    def group_block(self, group, name):
        record = self.group(group)
        return record.get(name) | (record.get(name + "_high") << 32 if self.descriptor_size >= 64 else 0)

    def inode(self, number):
        if not 1 <= number <= self.inodes:
            raise NotThere(f"no inode {number}")
        group, index = divmod(number - 1, self.inodes_per_group)
        table = self.group_block(group, "inode_table") * self.block_size
        return Record(self, table + index * self.inode_size, INODE)

    def used_inodes(self, limit=4000):
        """(number, record) of inodes that look used, the first few groups with any."""
        found = []
        for group in range(min(self.groups, 64)):
            flags = self.group(group).get("flags")
            uninitialised = flags & 1 and self.ro_compat & (RO_COMPAT_GROUP_CHECKSUM | RO_COMPAT_METADATA_CHECKSUM)
            if uninitialised:
                continue
            for index in range(self.inodes_per_group):
                number = group * self.inodes_per_group + index + 1
                record = self.inode(number)
                if record.get("mode") and record.get("links") and (number == ROOT_INODE or number > 10):
                    found.append((number, record))
                    if len(found) >= limit:
                        return found
        return found

    def inodes_where(self, condition):
        found = [(number, record) for number, record in self.used_inodes() if condition(record)]
        if not found:
            raise NotThere("no such inode in this image")
        return found

    # --- the blocks of a file ---
    def extent_nodes(self, number):
        """[(offset of the node, its size, depth)] from the root in the inode down."""
        record = self.inode(number)
        if not record.get("flags") & FLAG_EXTENTS:
            raise NotThere(f"inode {number} has no extents")
        nodes, todo = [], [(record.offset + 0x28, 60)]
        while todo and len(nodes) < 1000:
            offset, size = todo.pop()
            magic, entries, maximum, depth = struct.unpack("<HHHH", self.read(offset, 8))
            if magic != EXTENT_MAGIC or depth > 5 or entries > (size - 12) // 12:
                raise NotThere("broken extent tree")
            nodes.append((offset, size, depth))
            for entry in range(entries if depth else 0):
                _, low, high = struct.unpack("<IIH", self.read(offset + 12 + 12 * entry, 10))
                todo.append(((low | high << 32) * self.block_size, self.block_size))
        return nodes

    def blocks_of(self, number, limit=20000):
        """[(logical, physical)] of the data blocks."""
        record, pairs = self.inode(number), []
        flags = record.get("flags")
        if flags & FLAG_INLINE_DATA:
            return pairs
        if flags & FLAG_EXTENTS:
            for offset, _, depth in self.extent_nodes(number):
                count = struct.unpack("<H", self.read(offset + 2, 2))[0]
                for entry in range(count if depth == 0 else 0):
                    logical, length, high, low = struct.unpack(
                        "<IHHI", self.read(offset + 12 + 12 * entry, 12))
                    length = length if length <= 32768 else length - 32768
                    pairs += [(logical + i, (low | high << 32) + i) for i in range(length)]
            return sorted(pairs)[:limit]
        per_block = self.block_size // 4

        def follow(block, level, logical):
            if block == 0 or len(pairs) >= limit:
                return
            if level == 0:
                pairs.append((logical, block))
                return
            pointers = struct.unpack(f"<{per_block}I", self.block(block))
            for index, pointer in enumerate(pointers):
                follow(pointer, level - 1, logical + index * per_block ** (level - 1))

        pointers = struct.unpack("<15I", self.read(record.offset + 0x28, 60))
        for index in range(12):
            follow(pointers[index], 0, index)
        logical = 12
        for level in (1, 2, 3):
            follow(pointers[11 + level], level, logical)
            logical += per_block ** level
        return pairs

    # --- checksums; each is a no-op if the image has none ---
    def inode_seed(self, number):
        return crc32c(crc32c(self.seed, le32(number)), le32(self.inode(number).get("generation")))

    def fix_super(self):
        if self.checksums:
            self.super.set("checksum", crc32c(0xFFFFFFFF, self.read(SUPERBLOCK_AT, 1020)))

    def fix_group(self, index):
        record = self.group(index)
        data = self.read(record.offset, self.descriptor_size)
        if self.checksums:
            value = crc32c(crc32c(self.seed, le32(index)), data[:0x1E] + b"\0\0" + data[0x20:])
        elif self.ro_compat & RO_COMPAT_GROUP_CHECKSUM:
            value = crc16(0xFFFF, self.uuid + le32(index) + data[:0x1E] + data[0x20:])
        else:
            return
        record.set("checksum", value)

    def fix_bitmap(self, index, name):
        if self.checksums:
            bits = (self.super.get("clusters_per_group") if name == "block_bitmap"
                    else self.inodes_per_group)
            data = self.read(self.group_block(index, name) * self.block_size, bits // 8)
            value, record = crc32c(self.seed, data), self.group(index)
            record.set(name + "_checksum", value)
            if self.descriptor_size >= 64:
                record.set(name + "_checksum_high", value >> 16)
        self.fix_group(index)

    def fix_inode(self, number):
        if not self.checksums:
            return
        record = self.inode(number)
        data = bytearray(self.read(record.offset, self.inode_size))
        data[0x7C:0x7E] = b"\0\0"
        wide = self.inode_size > 128 and record.get("extra_isize") >= 4
        if wide:
            data[0x82:0x84] = b"\0\0"
        value = crc32c(self.inode_seed(number), data)
        record.set("checksum_low", value)
        if wide:
            record.set("checksum_high", value >> 16)

    def fix_extent_node(self, number, offset):
        """The node in the inode has no checksum of its own."""
        record = self.inode(number)
        if offset == record.offset + 0x28:
            self.fix_inode(number)
        elif self.checksums:
            tail = 12 + 12 * struct.unpack("<H", self.read(offset + 4, 2))[0]
            if tail + 4 <= self.block_size:
                value = crc32c(self.inode_seed(number), self.read(offset, tail))
                self.write(offset + tail, le32(value))

    def fix_directory_block(self, number, block):
        if not self.checksums:
            return
        data = self.block(block)
        if data[-12:-4] == b"\0\0\0\0\x0c\0\0\xde":
            value = crc32c(self.inode_seed(number), data[:-12])
            self.write((block + 1) * self.block_size - 4, le32(value))
            return
        countlimit = self.index_entries_at(data)
        limit, count = struct.unpack_from("<HH", data, countlimit)
        tail = countlimit + 8 * limit
        if tail + 8 > self.block_size or countlimit + 8 * count > self.block_size:
            return
        value = crc32c(self.inode_seed(number), data[:countlimit + 8 * count])
        value = crc32c(crc32c(value, data[tail:tail + 4]), b"\0\0\0\0")
        self.write(block * self.block_size + tail + 4, le32(value))

    def index_entries_at(self, data):
        """The position of count and limit in an index root or an inner index node."""
        whole_block = struct.unpack_from("<H", data, 4)[0] in (self.block_size, 0, 65535)
        return 8 if whole_block else 0x20

    def fix_xattr_block(self, block):
        if self.checksums:
            data = bytearray(self.block(block))
            data[0x10:0x14] = b"\0\0\0\0"
            value = crc32c(crc32c(self.seed, struct.pack("<Q", block)), data)
            self.write(block * self.block_size + 0x10, le32(value))

    def fix_mmp(self, block):
        if self.checksums:
            data = self.read(block * self.block_size, 1020)
            self.write(block * self.block_size + 1020, le32(crc32c(self.seed, data)))

    def fix_journal_super(self, offset):
        data = bytearray(self.read(offset, 1024))
        if struct.unpack_from(">I", data, 0x28)[0] & 0x18:
            data[0xFC:0x100] = b"\0\0\0\0"
            self.write(offset + 0xFC, struct.pack(">I", crc32c(0xFFFFFFFF, data)))
