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
from test_iso import described, make_unix_tree, make_windows_tree, same, set_times

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


def make(image, media="hd", block=2048, revision="2.01", megabytes=16, words=()):
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
    for number in range(100, 600):
        (folder / "many" / f"a file with a name, number {number:04}").unlink()
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
             ("hd", 512, "1.02"), ("hd", 1024, "2.01"), ("hd", 4096, "2.01"), ("hd", 8192, "1.50"), ("dvd", 2048, "1.02"),
             ("dvdram", 2048, "2.00"), ("dvdrw", 2048, "1.50"), ("cdrw", 512, "2.01"), ("dvdr", 2048, "1.50"),
             ("cdr", 2048, "2.01"), ("bdr", 2048, "2.60"), ("bdr", 4096, "2.50"))}

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


@pytest.mark.parametrize("block", (512, 2048))
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


def test_what_7z_finds_is_what_is_shown(scratch):
    """It knows fewer kinds of allocation, and no links."""
    source = make_windows_tree(scratch / "source")
    for block in (512, 2048):  # it takes nothing larger
        image = make(scratch / "image", block=block)
        medium = udf_media.Medium(image, block)
        medium.forms = []
        medium.fill(source)
        out = scratch / f"by 7z {block}"
        harness.run(["7z", "x", "-tudf", f"-o{out}", image])
        same(described(out, plainly=True), described(source, plainly=True))
        with mounted(image) as mount:
            same(described(mount.where), described(source))


@pytest.mark.parametrize("words", ((), ("-R", "-J", "-joliet-long")))
def test_the_udf_side_of_a_bridge_is_read(scratch, words):
    source = make_windows_tree(scratch / "source")
    (source / "日本 2").mkdir()
    image = scratch / "image"
    harness.run(["genisoimage", "-quiet", "-udf", "-input-charset", "utf-8", *words, "-o", image, source])
    assert "TYPE=udf" in harness.run(["blkid", "-p", "-o", "export", image]).stdout
    out = scratch / "by 7z"
    harness.run(["7z", "x", "-tudf", f"-o{out}", image])
    same(described(out, plainly=True), described(source, plainly=True))
    with mounted(image) as mount:
        same(described(mount.where, plainly=True), described(source, plainly=True))
        assert int((mount.where / "lower.txt").stat().st_mtime) == int((source / "lower.txt").stat().st_mtime)


def test_a_bridge_with_a_broken_udf_side_names_the_other_one(scratch):
    source = make_windows_tree(scratch / "source")
    image = scratch / "image"
    harness.run(["genisoimage", "-quiet", "-udf", "-R", "-input-charset", "utf-8", "-o", image, source])
    with open(image, "r+b") as file:
        for block in (256, image.stat().st_size // 2048 - 1):
            file.seek(block * 2048)
            file.write(bytes(2048))
    with pytest.raises(harness.MountError) as refused:
        with mounted(image):
            pass
    assert "no anchor says where its volume descriptors are; the medium has ISO 9660 too" in refused.value.output


EMPTY = (("hd", 2048, "2.01", "--strategy=4096"), ("hd", 2048, "2.01", "--ad=long"),
         ("hd", 512, "1.02", "--ad=short", "--space=freedtable"), ("hd", 2048, "2.01", "--spartable=4"),
         ("hd", 2048, "2.01", "--vat", "--closed"), ("cdr", 2048, "2.01", "--closed"), ("bdr", 2048, "2.50", "--closed"),
         ("dvdr", 2048, "1.50", "--closed"), ("cd", 32768, "2.01"), ("hd", 2048, "2.01", "--noefe", "--bootarea=mbr", "--read-only"))


def test_empty_media_are_empty(scratch):
    for media, block, revision, *words in EMPTY:
        image = make(scratch / "image", media, block, revision, 32, words)
        with mounted(image) as mount:
            assert os.listdir(mount.where) == [], words


def test_a_file_that_was_written_anew_is_the_last_one(scratch):
    """Strategy 4096, for media that are written once: behind an old entry is where the next one is."""
    image = make(scratch / "image")
    medium = udf_media.Medium(image, 2048)
    status = os.stat(scratch)
    numbers = [medium.take_entry(2) for _ in range(4)]
    for version, number in enumerate(numbers):
        medium.entry(number, udf_media.FILE, f"version {version}".encode(), status, strategy=4096)
    for number, following in zip(numbers, numbers[1:]):
        put_indirection(medium, number + 1, following)
    root, loop = medium.take_entry(), medium.take_entry(2)
    medium.entry(loop, udf_media.FILE, b"never seen", status, strategy=4096)
    put_indirection(medium, loop + 1, loop)
    medium.entry(root, udf_media.FOLDER, medium.identifier("", root, 10) + medium.identifier("file", numbers[0])
                 + medium.identifier("loop", loop), status)
    medium.set_root(root)
    medium.finish()
    with mounted(image) as mount:
        assert (mount.where / "file").read_text() == "version 3"
        refuses(mount.where / "loop")


def put_indirection(medium, number, following):
    body = bytes(20) + udf_media.long_extent(medium.block, following, medium.place)
    medium.put_entry(number, udf_media.tagged(udf_media.INDIRECT, number, body))


def refuses(path):
    with pytest.raises(OSError) as failed:
        path.read_bytes()
    assert failed.value.errno == errno.EIO, path


def test_a_device_is_mounted_like_an_image_and_nothing_can_be_written(scratch):
    source = make_windows_tree(scratch / "source")
    image = make(scratch / "image", block=512)
    udf_media.Medium(image, 512).fill(source)
    before = image.read_bytes()
    with harness.LoopDevice(image) as loop:
        with mounted(image, device=loop.path, options=("rw",)) as mount:
            assert f" {mount.where} fuseblk.airlock.udf ro," in open("/proc/mounts", encoding="utf-8").read()
            assert READ_ONLY in mount.message
            with pytest.raises(OSError) as refused:
                (mount.where / "new").write_text("x")
            assert refused.value.errno == errno.EROFS
            same(described(mount.where), described(source))
        loop.wait_released()
    assert image.read_bytes() == before


def test_owners_are_those_of_the_medium_if_somebody_asks_for_them(scratch):
    source = make_windows_tree(scratch / "source")
    os.chown(source / "lower.txt", 1234, 5678)
    os.chown(source / "two.dots.txt", 0xffffffff - 1, 5)
    image = make(scratch / "image")
    udf_media.Medium(image, 2048).fill(source)
    with mounted(image) as mount:
        assert (mount.where / "lower.txt").stat().st_uid == os.geteuid()
    with mounted(image, options=("ro", "owner=media")) as mount:
        status = (mount.where / "lower.txt").stat()
        assert (status.st_uid, status.st_gid) == (1234, 5678)


# Damaged media; contained/udf/tests damages every byte.

def test_another_format_is_refused_with_a_reason(scratch):
    (scratch / "image").write_bytes(bytes(100_000))
    with pytest.raises(harness.MountError) as refused:
        with mounted(scratch / "image"):
            pass
    assert refused.value.status == 32
    assert "this is not a UDF filesystem" in refused.value.output


def test_one_copy_of_the_volume_descriptors_is_enough(scratch):
    source = make_windows_tree(scratch / "source")
    image = make(scratch / "image")
    medium = udf_media.Medium(image, 2048)
    medium.fill(source)
    main, reserve = (medium.number(256, at, "I") for at in (20, 28))
    last = len(medium.image) // 2048 - 1
    for lost in ((main,), (reserve,), (256,), (256, last), (main + 1, 256)):
        with open(image, "r+b") as file:
            for block in lost:
                file.seek(block * 2048)
                file.write(bytes(20))
        with mounted(image) as mount:
            same(described(mount.where), described(source))
        medium.finish()
    with open(image, "r+b") as file:
        for begin in (main, reserve):
            file.seek(begin * 2048)
            file.write(bytes(16 * 2048))
    with pytest.raises(harness.MountError) as refused:
        with mounted(image):
            pass
    assert "it has no logical volume descriptor that can be read" in refused.value.output


def test_an_error_belongs_to_one_file(scratch):
    image = make(scratch / "image")
    medium = udf_media.Medium(image, 2048)
    status, content = os.stat(scratch), random.Random("one").randbytes(9000)
    names = ["sound", "wrong sum", "elsewhere", "end", "endless", "short"]
    numbers = {name: medium.take_entry() for name in names}
    for name in names:
        medium.entry(numbers[name], udf_media.FILE, content, status, form=udf_media.SHORT)
    begin = {name: (medium.start + number) * 2048 for name, number in numbers.items()}
    medium.image[begin["wrong sum"] + 60] ^= 1
    medium.image[begin["elsewhere"]:begin["elsewhere"] + 2048] = medium.image[begin["sound"]:begin["sound"] + 2048]

    def change(name, at, text):
        entry = medium.image[begin[name]:begin[name] + 2048]
        entry[at:at + len(text)] = text
        medium.image[begin[name]:begin[name] + 2048] = medium.signed_again(entry)

    # The first descriptor of extents: behind the partition; more of them in a block that leads to itself; half of it.
    change("end", 216, struct.pack("<II", 9000, medium.length - 1))
    again = medium.take_entry()
    medium.put_entry(again, udf_media.tagged(udf_media.MORE, again, struct.pack("<IIII", 0, 8, udf_media.DESCRIPTORS | 2048, again)))
    change("endless", 216, struct.pack("<II", udf_media.DESCRIPTORS | 2048, again))
    change("short", 216, struct.pack("<I", 4096))
    root = medium.take_entry()
    folder = medium.identifier("", root, 10) + b"".join(medium.identifier(name, numbers[name]) for name in names)
    medium.entry(root, udf_media.FOLDER, folder + medium.identifier("itself", root, 2), status)
    medium.set_root(root)
    medium.finish()
    with mounted(image) as mount:
        assert sorted(os.listdir(mount.where)) == sorted([*names, "itself"])
        assert (mount.where / "sound").read_bytes() == content
        for name in names[1:]:
            refuses(mount.where / name)
        with open(mount.where / "short", "rb") as file:
            assert os.pread(file.fileno(), 4096, 0) == content[:4096]
        # The kernel knows a folder once.
        with contextlib.suppress(OSError):
            os.listdir(mount.where / "itself" / "itself")


def test_an_entry_without_an_end_is_the_last_of_its_folder(scratch):
    image = make(scratch / "image")
    medium = udf_media.Medium(image, 2048)
    status = os.stat(scratch)
    file, root = medium.take_entry(), medium.take_entry()
    medium.entry(file, udf_media.FILE, b"content", status)
    parts = [medium.identifier("", root, 10)] + [medium.identifier(name, file) for name in ("before", "bad", "after")]
    parts[2] = parts[2][:-2] + b"xx"
    medium.entry(root, udf_media.FOLDER, b"".join(parts), status)
    medium.set_root(root)
    medium.finish()
    with mounted(image) as mount:
        with pytest.raises(OSError) as failed:
            os.listdir(mount.where)
        assert failed.value.errno == errno.EIO
        assert (mount.where / "before").read_bytes() == b"content"


def test_random_damage_ends_no_driver(scratch):
    source = make_windows_tree(scratch / "source")
    image = make(scratch / "image", block=512, megabytes=4)
    medium = udf_media.Medium(image, 512)
    medium.fill(source)
    sound, end = bytes(medium.image), (medium.start + medium.next) * 512
    for seed in range(6):
        chance = random.Random(seed)
        hurt = bytearray(sound)
        for _ in range(60):
            hurt[chance.randrange(medium.start * 512, end)] = chance.choice((0, 0xff, chance.getrandbits(8)))
        image.write_bytes(hurt)
        with contextlib.suppress(harness.MountError):
            with mounted(image) as mount:
                for number, (folder, _, files) in enumerate(os.walk(mount.where)):
                    assert number < 1000
                    for name in files:
                        with contextlib.suppress(OSError):
                            pathlib.Path(folder, name).read_bytes()
