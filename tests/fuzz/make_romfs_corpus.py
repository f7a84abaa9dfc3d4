#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the first inputs of fuzz_romfs: a small medium with operations for the kernel, and damaged copies.

    tests/fuzz/make_romfs_corpus.py tests/fuzz/corpus/romfs
"""
import os
import pathlib
import random
import struct
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "drivers/romfs/tests"))
from romfs_image import Image, NEXT, SIZE, TARGET  # noqa: E402

SEALED, AS_IT_IS = b"\1", b"\0"


def make_source(folder):
    inner = folder / "d" / "inner"
    inner.mkdir(parents=True)
    for name, size in (("small", 10), ("many", 300)):
        (folder / name).write_bytes(b"x" * size)
    (inner / "file").write_text("deep")
    (folder / "short").symlink_to("d/inner/file")
    os.link(folder / "small", inner / "far")
    os.mkfifo(folder / "pipe")
    (folder / ("n" * 50)).write_text("")


def input_of(image, work=b"", kind=SEALED):
    return kind + struct.pack("<I", len(image))[:3] + bytes(image) + work


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as source:
        make_source(pathlib.Path(source))
        sound = Image(source)
        (folder / "sound").write_bytes(input_of(sound.data))
        (folder / "cut").write_bytes(input_of(sound.data[:1000]))
        for seed in range(4):
            work = bytes(random.Random(seed).randrange(256) for _ in range(300))
            (folder / f"kernel-{seed}").write_bytes(input_of(sound.data, work))
        for seed in range(20):
            chance = random.Random(seed)
            hurt = Image(source)
            for path in chance.sample(sorted(hurt.at), 2):
                value = chance.choice((0, 1, 0xffffffff, chance.getrandbits(11), *hurt.at.values()))
                hurt.set(hurt.at[path], chance.choice((NEXT, TARGET, SIZE)), value)
            (folder / f"hurt-{seed}").write_bytes(input_of(hurt.data))
        for name, changed in (("long-name", b"n" * 300), ("slash", b"a/b\0"), ("no-name", b"\0")):
            odd = Image(source)
            begin = odd.at["small"] + 16
            odd.data[begin:begin + len(changed)] = changed
            (folder / name).write_bytes(input_of(odd.data))
        odd = Image(source)
        odd.data[odd.at["small"] + 12] ^= 1
        odd.seal_superblock()
        (folder / "wrong-sum").write_bytes(input_of(odd.data, kind=AS_IT_IS))


main()
