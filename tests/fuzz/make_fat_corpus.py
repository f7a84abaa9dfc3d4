#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the first inputs of fuzz_fat_driver: fresh filesystems of mkfs.fat, a file, and damaged copies; and of
fuzz_fat_server: the sound media of fuzz_fat_driver, with operations.

    tests/fuzz/make_fat_corpus.py tests/fuzz/corpus/fat_driver tests/fuzz/corpus/fat_server
"""

import pathlib
import random
import struct
import subprocess
import sys
import tempfile

KINDS = {"fat12": (["-F12"], 720), "fat16": (["-F16", "-s1"], 2400), "fat32": (["-F32", "-s1"], 3900)}


def entry(name, attributes, cluster, size):
    return name.ljust(11).encode() + bytes([attributes]) + bytes(8) + struct.pack(
        "<HHHHI", 0, 0, 0x5821, cluster, size)


def image_of(options, kibibytes):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "image"
        subprocess.run(["/usr/sbin/mkfs.fat", *options, "-i", "12345678", "--invariant", "-C", path,
                        str(kibibytes)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        return bytearray(path.read_bytes())


def add_files(image):
    """Adds a file of two clusters and a folder behind the existing entries."""
    sector, cluster, reserved, tables, roots = struct.unpack_from("<HBHBH", image, 0x0b)
    small, wide = struct.unpack_from("<H", image, 0x16)[0], struct.unpack_from("<I", image, 0x24)[0]
    table = reserved * sector
    length = (small or wide) * sector
    root = table + tables * length
    data = root + roots * 32
    at = root if small else data
    image[at:at + 64] = entry("FILE    TXT", 0x20, 5, 700) + entry("FOLDER", 0x10, 7, 0)
    dots = data + 5 * sector * cluster
    image[dots:dots + 64] = entry(".", 0x10, 7, 0) + entry("..", 0x10, 0, 0)
    for copy in range(tables):
        begin = table + copy * length
        if not small:
            struct.pack_into("<III", image, begin + 20, 6, 0x0fffffff, 0x0fffffff)
        elif len(image) > 1 << 20:
            struct.pack_into("<HHH", image, begin + 10, 6, 0xffff, 0xffff)
        else:
            image[begin + 7:begin + 12] = bytes([0x60 | image[begin + 7] & 0xf, 0x00, 0xff, 0xff, 0xff])


def pieces(image):
    """The image without its zeroes."""
    text = struct.pack("<H", len(image) // 4096 - 1)
    at = 0
    while at < len(image):
        block = bytes(image[at:at + 64])
        if block.strip(b"\0"):
            text += struct.pack("<I", at)[:3] + struct.pack("<H", len(block)) + block
        at += 64
    return text


def make_driver_inputs(folder):
    for kind, (options, kibibytes) in KINDS.items():
        image = image_of(options, kibibytes)
        add_files(image)
        text = pieces(image)
        (folder / kind).write_bytes(text)
        for seed in range(6):
            chance = random.Random(f"{kind}{seed}")
            hurt = bytearray(text)
            for _ in range(chance.randrange(1, 8)):
                hurt[chance.randrange(2, len(hurt))] = chance.choice((0, 0xff, chance.randrange(256)))
            (folder / f"{kind}-hurt-{seed}").write_bytes(hurt)


def make_server_inputs(media, folder):
    for medium in sorted(media.iterdir()):
        if "-hurt-" in medium.name:
            continue
        text = medium.read_bytes()
        for seed in range(3):
            chance = random.Random(f"{medium.name}{seed}")
            work = bytes(chance.randrange(256) for _ in range(400))
            (folder / f"{medium.name}-{seed}").write_bytes(struct.pack("<I", len(text))[:3] + text + work)


def main():
    media, work = (pathlib.Path(name) for name in sys.argv[1:])
    for folder in (media, work):
        folder.mkdir(parents=True, exist_ok=True)
    make_driver_inputs(media)
    make_server_inputs(media, work)


main()
