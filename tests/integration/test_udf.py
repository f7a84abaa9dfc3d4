# SPDX-License-Identifier: GPL-2.0-or-later
"""UDF through the kernel: media that mkudffs makes and udf_media.py fills, and those of genisoimage, compared with what
they were made from. 7z says of some of them what it finds."""

import contextlib
import errno
import os
import pathlib
import random
import shutil
import struct

import pytest

import harness
import udf_media
from test_iso import described, make_unix_tree, same, set_times

READ_ONLY = "mounted read-only: the driver airlock-udf can only read"
MEGABYTE = 1 << 20


class UdfMount(harness.Mount):
    def _command(self):
        return [harness.built("cli/mount.airlock"), self.device, self.where, "-t", "airlock.udf",
                "-o", ",".join(self.options or ("ro",))]


@pytest.fixture(autouse=True)
def udf_driver(monkeypatch):
    missing = [tool for tool in ("mkudffs", "genisoimage", "7z") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    monkeypatch.setenv("AIRLOCK_DRIVER_DIR", str(harness.built("contained/airlock-udf").parent))
    monkeypatch.setitem(harness.DRIVER_NAMES, harness.AIRLOCK, "airlock-udf")


@contextlib.contextmanager
def mounted(image, options=(), device=None):
    """The mount; in the end the same driver must still be there."""
    where = image.with_name(image.name + ".mount")
    where.mkdir(exist_ok=True)
    mount = UdfMount(harness.AIRLOCK, device or image, where, options)
    try:
        yield mount
        assert not harness.has_ended(mount.driver)
        mount.unmount()
    finally:
        mount.detach()


def make(image, media="hd", block=2048, revision="2.01", megabytes=48, words=()):
    """An empty medium."""
    image.unlink(missing_ok=True)
    harness.run(["mkudffs", "-m", media, "-b", str(block), "-r", revision, "-l", "HOLIDAY", *words, "--new-file", image,
                 str(megabytes * MEGABYTE // block)])
    return image


def make_tree(folder):
    """What UDF can have of a tree of Unix: names and links are Unicode, and components of links are short."""
    make_unix_tree(folder)
    shutil.rmtree(folder / "bytes", ignore_errors=True)
    for number in (7, 10):
        (folder / "links" / str(number)).unlink()
    # It has no doubled slashes and keeps "." and "..".
    for number, target in enumerate(("Grüße/日本", "/", "a/./b/../c", "x" * 200)):
        (folder / "links" / f"more {number}").symlink_to(target)
    chance = random.Random("udf")
    (folder / "holes").write_bytes(chance.randbytes(30_000) + bytes(400_000) + chance.randbytes(70_001))
    (folder / "日本語のファイル").write_text("wide")
    (folder / "small").mkdir()
    for number in range(40):
        (folder / "small" / f"é {number}").write_text("small " * number)
    set_times(folder)
    return folder


MEDIA = {f"{media}-{block}-{revision}": (media, block, revision)
         for media, block, revision in (
             ("hd", 512, "1.02"), ("hd", 512, "2.01"), ("hd", 1024, "1.50"), ("hd", 2048, "2.00"), ("hd", 4096, "2.01"),
             ("hd", 4096, "1.02"), ("hd", 8192, "2.01"), ("dvd", 2048, "1.02"), ("dvdram", 2048, "2.00"), ("cd", 2048, "1.50"),
             ("dvdrw", 2048, "1.50"), ("dvdrw", 512, "2.01"), ("cdrw", 2048, "2.01"), ("dvdr", 2048, "1.50"),
             ("cdr", 2048, "2.01"), ("cdr", 512, "2.50"), ("bdr", 2048, "2.60"), ("bdr", 4096, "2.50"))}


def medium_of(image, media, block, revision):
    kind = {"dvdrw": udf_media.Sparable, "cdrw": udf_media.Sparable, "dvdr": udf_media.Virtual, "cdr": udf_media.Virtual,
            "bdr": udf_media.Virtual}.get(media, udf_media.Medium)
    extra = {"old": revision == "1.50"} if kind is udf_media.Virtual else {}
    medium = kind(image, block, revision >= "2.00", **extra)
    medium.spread = True
    return medium


@pytest.mark.parametrize("media", MEDIA)
def test_a_tree_of_unix_is_as_it_was(scratch, media):
    source = make_tree(scratch / "source")
    image = make(scratch / "image", *MEDIA[media])
    medium_of(image, *MEDIA[media]).fill(source)
    check(image, source)


def check(image, source):
    with mounted(image) as mount:
        same(described(mount.where), described(source))
        assert (mount.where / "of 1").stat().st_ino == (mount.where / "other name of 1").stat().st_ino
        assert (mount.where / "of 1").stat().st_nlink == 2
        where = mount.where / "a" / "b"
        assert (where / "..").stat().st_ino == where.parent.stat().st_ino
        with os.scandir(mount.where) as entries:
            assert all(entry.inode() == entry.stat(follow_symlinks=False).st_ino for entry in entries)
        status = (mount.where / "holes").stat()
        assert status.st_blocks * 512 < status.st_size - 300_000


@pytest.mark.parametrize("block", (512, 2048, 4096))
def test_a_metadata_partition_is_read(scratch, block):
    source = make_tree(scratch / "source")
    image = make(scratch / "image", block=block)
    medium = udf_media.Metadata(image, block)
    medium.spread = True
    medium.fill(source)
    check(image, source)
    # The copy is as good.
    with open(image, "r+b") as file:
        file.seek((medium.start + medium.files[0]) * block)
        file.write(bytes(block))
    check(image, source)
