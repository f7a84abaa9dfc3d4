#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the first inputs of fuzz_squashfs with mksquashfs: small media, with something for the kernel to do.
damage_test.cc damages the same media. As root, for the attributes.

    contained/squashfs/tests/make_squashfs_corpus.py tests/fuzz/corpus/squashfs
"""
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

KINDS = {
    "gzip": ["-comp", "gzip"], "xz": ["-comp", "xz"], "lzo": ["-comp", "lzo"], "lz4": ["-comp", "lz4"],
    "zstd": ["-comp", "zstd"], "plain": ["-noI", "-noD", "-noF", "-noX"],
    "plain-metadata": ["-noI", "-noX", "-no-exports"], "no-fragments": ["-noI", "-noX", "-no-fragments"],
}


def make_source(folder):
    inner = folder / "d" / "inner"
    inner.mkdir(parents=True)
    (folder / "small").write_bytes(b"x" * 10)
    (folder / "blocks").write_bytes(b"block " * 2000)
    with open(folder / "holes", "wb") as file:
        file.write(b"y")
        file.truncate(3 * 4096 + 5)
    (inner / "file").write_text("deep")
    (folder / "short").symlink_to("d/inner/file")
    os.link(folder / "small", inner / "far")
    os.mkfifo(folder / "pipe")
    os.mknod(folder / "terminal", 0o020600, os.makedev(4, 65))
    for path, size in ((folder / "small", 3), (inner, 40)):
        os.setxattr(path, "user.word", b"w" * size)
        os.setxattr(path, "trusted.same", b"the same value, which is kept once for all files")
    for number in range(40):
        (inner / f"entry {number:02}").touch()
    for folder_, folders, files in os.walk(folder):
        for name in folders + files:
            os.utime(os.path.join(folder_, name), (0, 0), follow_symlinks=False)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source, image = pathlib.Path(scratch) / "source", pathlib.Path(scratch) / "image"
        make_source(source)
        for seed, (name, options) in enumerate(KINDS.items()):
            subprocess.run(["mksquashfs", source, image, "-noappend", "-nopad", "-quiet", "-no-progress", "-b", "4096",
                            "-mkfs-time", "0", "-all-time", "0", *options], check=True, stdout=subprocess.DEVNULL)
            medium = image.read_bytes()
            work = bytes(random.Random(seed).randrange(256) for _ in range(200))
            (folder / name).write_bytes(struct.pack("<I", len(medium))[:3] + medium + work)


main()
