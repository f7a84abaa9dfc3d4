# SPDX-License-Identifier: GPL-2.0-or-later
"""FAT beside mtools, exFAT beside exfat-fuse: each reads the other's files, to the last byte."""

import contextlib
import os
import random

import pytest

import harness
from test_fat import (FatMount, fat_driver, fsck_clean, make_image, mounted)  # noqa: F401  a fixture

EXFAT_FUSE = "exfat-fuse"
# mtools uses local time, and names in the encoding of the locale.
PLAIN = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
NOON = 1_700_000_000
NAMES = ("README.TXT", "lower.txt", "MiXeD.TxT", "a long name with spaces.html", "ünïcödé – ελληνικά.txt",
         "two.dots.tar.gz", ".hidden", "Long file name.txt", "Long file name 2.txt", "x" * 200, "no extension",
         "[brackets] + plus = equals; comma,")
# Around the size of a cluster, and more than one.
SIZES = (0, 1, 511, 512, 513, 4095, 4096, 4097, 20_000)


def write_tree(root, seed):
    """Makes folders of files, one with more names than a cluster holds."""
    chance = random.Random(seed)
    paths = [f"{folder}{name}" for folder in ("", "Folder/", "Folder/deeper ünder/") for name in NAMES]
    paths += [f"many/a file of many, number {number}" for number in range(150)]
    for number, path in enumerate(paths):
        file = root / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(chance.randbytes(SIZES[number % len(SIZES)]))
        os.utime(file, (NOON, NOON + 2 * number))


def tree(root):
    """Path to content and time; folders have neither."""
    return {str(path.relative_to(root)):
            (path.read_bytes(), int(path.stat().st_mtime)) if path.is_file() else None
            for path in root.rglob("*")}


class ExfatFuseMount(harness.Mount):
    def _command(self):
        return ["mount.exfat-fuse", "-o", ",".join(self.options), self.device, self.where]


class Mtools:
    """Copies between a folder and an image, without mounting anything."""

    def __init__(self, image):
        self.image = image

    def write(self, folder):
        harness.run(["mcopy", "-i", self.image, "-s", "-m", *sorted(folder.iterdir()), "::"], env=PLAIN)

    def read_into(self, folder):
        harness.run(["mcopy", "-i", self.image, "-s", "-m", "-n", "::*", folder], env=PLAIN)
        return tree(folder)


class ExfatFuse:
    """The same by mounting it with exfat-fuse."""

    def __init__(self, image):
        self.image = image

    @contextlib.contextmanager
    def _mounted(self, option):
        where = self.image.with_name("other")
        where.mkdir(exist_ok=True)
        with harness.LoopDevice(self.image) as loop:  # it mounts nothing else
            mount = ExfatFuseMount(EXFAT_FUSE, loop.path, where, (option,))
            try:
                yield where
                mount.unmount()
                loop.wait_released()
            finally:
                mount.detach()

    def write(self, folder):
        with self._mounted("rw") as where:
            harness.run(["cp", "-r", "--preserve=timestamps", f"{folder}/.", where])

    def read_into(self, _folder):
        with self._mounted("ro") as where:
            return tree(where)


OTHERS = {"fat12": Mtools, "fat16": Mtools, "fat32": Mtools, "fat32-4k-sectors": Mtools,
          "exfat": ExfatFuse, "exfat-1k-clusters": ExfatFuse}


@pytest.fixture(params=OTHERS)
def stick(request, scratch, monkeypatch):
    """An empty image, and another program that can read and write it."""
    monkeypatch.setitem(harness.DRIVER_NAMES, EXFAT_FUSE, "mount.exfat-fus")
    image = make_image(scratch / "stick.img", request.param)
    return image, OTHERS[request.param](image)


def test_what_we_write_the_other_reads(stick, scratch):
    image, other = stick
    with mounted(image) as mount:
        write_tree(mount.where, seed=1)
        (mount.where / "many" / "a file of many, number 7").unlink()
        (mount.where / "Folder" / "MiXeD.TxT").rename(mount.where / "moved here with a longer name.txt")
        expected = tree(mount.where)
    fsck_clean(image)
    (scratch / "read").mkdir()
    assert other.read_into(scratch / "read") == expected


def test_what_the_other_writes_we_read(stick, scratch):
    image, other = stick
    (scratch / "source").mkdir()
    write_tree(scratch / "source", seed=2)
    other.write(scratch / "source")
    with mounted(image, ("ro",)) as mount:
        assert tree(mount.where) == tree(scratch / "source")


def test_each_goes_on_where_the_other_ended(stick, scratch):
    image, other = stick
    (scratch / "source").mkdir()
    write_tree(scratch / "source", seed=3)
    other.write(scratch / "source")
    with mounted(image) as mount:
        for number in range(0, 150, 3):
            (mount.where / "many" / f"a file of many, number {number}").unlink()
        for number in range(60):
            (mount.where / "many" / f"one more, {number}").write_bytes(b"more" * number)
        (mount.where / "Folder" / "deeper ünder").rename(mount.where / "not so deep")
        with open(mount.where / "Folder" / "lower.txt", "ab") as file:
            file.write(b"and more" * 1000)
        expected = tree(mount.where)
    fsck_clean(image)
    (scratch / "read").mkdir()
    assert other.read_into(scratch / "read") == expected
