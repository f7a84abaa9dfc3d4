#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the first inputs of fuzz_udf with mkudffs and tests/integration/udf_media.py: small media of every kind, with
something for the kernel to do. damage_test.cc damages the same media. As root, for the devices.

    contained/udf/tests/make_udf_corpus.py tests/fuzz/corpus/udf
"""
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tests/integration"))
import udf_media  # noqa: E402

SECTOR = 512
WHEN = 1_700_000_000
# Media type, block, revision, and who fills it.
KINDS = {
    "plain": ("hd", 512, "2.01", udf_media.Medium),
    "old": ("hd", 2048, "1.02", udf_media.Medium),
    "sparable": ("cdrw", 512, "2.01", udf_media.Sparable),
    "virtual": ("cdr", 512, "2.60", udf_media.Virtual),
    "old-virtual": ("dvdr", 512, "1.50", lambda *all: udf_media.Virtual(*all, old=True)),
    "metadata": ("hd", 512, "2.01", udf_media.Metadata),
}


def make_source(folder):
    inner = folder / "d" / "inner"
    inner.mkdir(parents=True)
    chance = random.Random("udf")
    (folder / "small").write_bytes(b"x" * 10)
    (folder / "pieces").write_bytes(chance.randbytes(1536) + bytes(3072) + chance.randbytes(700))
    (folder / "日本").write_text("wide")
    (inner / "file").write_text("deep")
    (folder / "short").symlink_to("d/../d/inner/file")
    os.link(folder / "small", inner / "far")
    os.mkfifo(folder / "pipe")
    os.mknod(folder / "terminal", 0o020600, os.makedev(4, 65))
    for number in range(12):
        (inner / f"entry {number:02}").touch()
    for root, folders, files in os.walk(folder, topdown=False):
        for name in files + folders:
            os.utime(os.path.join(root, name), (WHEN, WHEN), follow_symlinks=False)
    os.utime(folder, (WHEN, WHEN))


def runs_of(image):
    """The sectors with something in them, as the target wants them."""
    full = [i for i in range(len(image) // SECTOR) if any(image[i * SECTOR:(i + 1) * SECTOR])]
    text, at = struct.pack("<I", len(image) // SECTOR)[:3], 0
    while at < len(full):
        end = at
        while end + 1 < len(full) and full[end + 1] == full[end] + 1 and end - at < 254:
            end += 1
        first, count = full[at], end - at + 1
        text += struct.pack("<I", first)[:3] + bytes([count]) + image[first * SECTOR:(first + count) * SECTOR]
        at = end + 1
    return text + bytes(4)


def main():
    udf_media.Metadata.COUNT, udf_media.Sparable.lost = 128, b"\0"
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source, image = pathlib.Path(scratch, "source"), pathlib.Path(scratch, "image")
        make_source(source)
        for name, (media, block, revision, kind) in KINDS.items():
            image.unlink(missing_ok=True)
            subprocess.run(["mkudffs", "-m", media, "-b", str(block), "-r", revision, "-u", "0123456789abcdef", "--new-file", image,
                            str((4 << 20) // block)], check=True, stdout=subprocess.DEVNULL)
            medium = kind(image, block, revision >= "2.00")
            medium.spread = True
            medium.fill(source)
            work = bytes(random.Random(name).randrange(256) for _ in range(200))
            (folder / name).write_bytes(b"\1" + runs_of(image.read_bytes()) + work)


main()
