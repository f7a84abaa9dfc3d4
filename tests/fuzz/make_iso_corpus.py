#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the first inputs of fuzz_iso: small images of two makers, with something for the kernel to do, and damaged
copies.

    tests/fuzz/make_iso_corpus.py tests/fuzz/corpus/iso
"""
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

BLOCK = 2048
SYSTEM_AREA = 16 * BLOCK
GENISOIMAGE = ["genisoimage", "-quiet", "-no-pad"]
XORRISO = ["xorriso", "-as", "mkisofs", "-quiet", "-no-pad"]
MAKERS = {"plain": [*GENISOIMAGE, "-iso-level", "2"], "joliet": [*GENISOIMAGE, "-J"], "rock-ridge": [*GENISOIMAGE, "-R"],
          "all": [*XORRISO, "-R", "-J"], "compressed": [*GENISOIMAGE, "-R", "-z"]}


def make_source(folder):
    deep = folder.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    (deep / "file").write_text("deep")
    (folder / "small").write_bytes(b"x" * 10)
    (folder / "text").write_bytes(b"line after line\n" * 150)
    (folder / "link").symlink_to("../a/./b/" + "c" * 240)
    os.mkfifo(folder / "pipe")
    (folder / ("n" * 200)).write_text("")


def input_of(image, work=b""):
    content = image[SYSTEM_AREA:]
    return struct.pack("<I", len(content))[:3] + content + work


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source, image = pathlib.Path(scratch, "source"), pathlib.Path(scratch, "image")
        make_source(source)
        subprocess.run(["mkzftree", source, f"{scratch}/compressed"], check=True)
        for name, maker in MAKERS.items():
            what = f"{scratch}/compressed" if name == "compressed" else source
            image.unlink(missing_ok=True)
            subprocess.run([*maker, "-o", image, what], check=True, stderr=subprocess.DEVNULL)
            sound = image.read_bytes()
            work = bytes(random.Random(name).randrange(256) for _ in range(300))
            (folder / name).write_bytes(input_of(sound, work))
            for seed in range(1):
                chance, hurt = random.Random(f"{name} {seed}"), bytearray(sound)
                for _ in range(40):
                    hurt[chance.randrange(SYSTEM_AREA + 156, len(hurt))] = chance.getrandbits(8)
                (folder / f"{name}-hurt-{seed}").write_bytes(input_of(bytes(hurt)))
    shutil.copyfile(folder / "plain", folder / "cut")
    os.truncate(folder / "cut", 5 * BLOCK)


main()
