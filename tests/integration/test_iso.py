# SPDX-License-Identifier: GPL-2.0-or-later
"""ISO 9660 through the kernel: images that genisoimage and xorriso make, compared with what they were made from."""

import contextlib
import errno
import os
import pathlib
import random
import shutil
import socket
import stat
import struct

import pytest

import harness

BLOCK = 2048
PRIMARY = 16 * BLOCK
READ_ONLY = "mounted read-only: the driver airlock-iso can only read"
WHEN = 1_700_000_000
# A file keeps a time of whole seconds.
GENISOIMAGE = ["genisoimage", "-quiet"]
XORRISO = ["xorriso", "-as", "mkisofs", "-quiet"]


class IsoMount(harness.Mount):
    def _command(self):
        return [harness.built("cli/mount.airlock"), self.device, self.where, "-t", "airlock.iso9660",
                "-o", ",".join(self.options or ("ro",))]


@pytest.fixture(autouse=True)
def iso_driver(monkeypatch):
    missing = [tool for tool in ("genisoimage", "xorriso", "mkzftree", "isoinfo") if not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    monkeypatch.setenv("AIRLOCK_DRIVER_DIR", str(harness.built("contained/airlock-iso").parent))
    monkeypatch.setitem(harness.DRIVER_NAMES, harness.AIRLOCK, "airlock-iso")


@contextlib.contextmanager
def mounted(image, options=(), device=None):
    """The mount; in the end the same driver must still be there."""
    where = image.with_name(image.name + ".mount")
    where.mkdir(exist_ok=True)
    mount = IsoMount(harness.AIRLOCK, device or image, where, options)
    try:
        yield mount
        assert not harness.has_ended(mount.driver)
        mount.unmount()
    finally:
        mount.detach()


def make(image, maker, *words):
    harness.run([*maker, "-o", image, *words])
    return image


def set_times(root):
    for number, (folder, folders, files) in enumerate(os.walk(root, topdown=False)):
        for name in [*files, *folders]:
            os.utime(os.path.join(folder, name), (WHEN, WHEN + number % 1000), follow_symlinks=False)


def make_unix_tree(folder):
    """Something of everything that Rock Ridge knows."""
    chance = random.Random("iso")
    folder.mkdir()
    for size in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 300_000):
        (folder / f"of {size}").write_bytes(chance.randbytes(size))
    for name in (".hidden", "UPPER.case", "a.b.c.d", "Grüße 😀", "back\\slash", "semi;1", "tail.", "n" * 200, "m" * 240):
        (folder / name).write_text(name)
    (folder / "bytes").mkdir()
    with open(os.fsencode(folder / "bytes") + b"/\xff\xfe", "wb") as file:
        file.write(b"no UTF-8")
    program = folder / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o4751)
    (folder / "secret").mkdir(mode=0o700)
    (folder / "secret" / "key").write_text("key")
    (folder / "secret" / "key").chmod(0o600)
    deep = folder.joinpath(*"abcdefghijklm")
    deep.mkdir(parents=True)
    (deep / "file").write_text("deep")
    (deep / "link").symlink_to("../file")
    (folder / "empty").mkdir()
    links = folder / "links"
    links.mkdir()
    # xorriso refuses longer ones.
    for number, target in enumerate(("file", "/", "/an/absolute/path", "..", "../..", ".", "./x/../y", "l" * 240,
                                     "x/" * 300 + "x", "/".join(["component"] * 50), "w" * 255)):
        (links / str(number)).symlink_to(target)
    os.link(folder / "of 1", folder / "other name of 1")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
    os.mknod(folder / "terminal", stat.S_IFCHR | 0o600, os.makedev(4, 65))
    os.mknod(folder / "disk", stat.S_IFBLK | 0o640, os.makedev(8, 17))
    (folder / "many").mkdir()
    for number in range(600):
        (folder / "many" / f"a file with a name, number {number:04}").write_text(str(number))
    set_times(folder)
    return folder


def make_windows_tree(folder):
    """Names that Joliet can have."""
    chance = random.Random("joliet")
    (folder / "Some Folder" / "inner folder").mkdir(parents=True)
    for name in ("Grüße", "日本語", "long name " * 6, "UPPER.TXT", "lower.txt", "two.dots.txt", "Some Folder/file",
                 "Some Folder/inner folder/file"):
        (folder / name).write_bytes(chance.randbytes(5000))
    (folder / "many").mkdir()
    for number in range(200):
        (folder / "many" / f"A file of Windows {number:04}.dat").write_text(str(number))
    set_times(folder)
    return folder


def make_plain_tree(folder):
    """Names that every level keeps."""
    (folder / "folder" / "inner").mkdir(parents=True)
    for name, size in (("readme.txt", 5000), ("noext", 1), ("folder/a.b", 4096), ("folder/inner/file_1.bin", 0)):
        (folder / name).write_bytes(random.Random(name).randbytes(size))
    set_times(folder)
    return folder


def described(root, plainly=False):
    """Every path below, and all that Rock Ridge keeps of it."""
    found = {}
    for folder, folders, files in os.walk(root, onerror=pytest.fail):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            told = [kind]
            if kind == stat.S_IFREG:
                with open(path, "rb") as file:
                    told += [status.st_size, file.read()]
            if not plainly:
                told += [oct(status.st_mode), status.st_rdev, int(status.st_mtime)]
                told += [os.readlink(path)] if kind == stat.S_IFLNK else []
            found[path.removeprefix(str(root))] = told
    return found


def same(found, expected):
    """Says which file differs, not all of them."""
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


ROCK_RIDGE = {
    "genisoimage": [*GENISOIMAGE, "-R"],
    "genisoimage-joliet-udf": [*GENISOIMAGE, "-R", "-J", "-joliet-long", "-udf"],
    "genisoimage-deep": [*GENISOIMAGE, "-R", "-D", "-iso-level", "3"],
    "xorriso": [*XORRISO, "-R"],
    "xorriso-joliet": [*XORRISO, "-R", "-J", "-iso-level", "3"],
    "xorriso-level-1": [*XORRISO, "-R", "-iso-level", "1"],
}


@pytest.mark.parametrize("maker", ROCK_RIDGE)
def test_a_tree_of_unix_is_as_it_was(scratch, maker):
    source = make_unix_tree(scratch / "source")
    # What it moves because it lies too deep has a folder of its own, which Linux shows too.
    relocates = maker in ("genisoimage", "genisoimage-joliet-udf")
    if maker.startswith("genisoimage"):
        # It cannot write links of many components: the entry on the medium says that it is shorter than it is.
        for name in ("links/8", "links/9"):
            (source / name).unlink()
        os.utime(source / "links", (WHEN, WHEN))
    if "joliet" in maker:
        shutil.rmtree(source / "bytes", ignore_errors=True)
    image = make(scratch / "image", ROCK_RIDGE[maker], source)
    with mounted(image) as mount:
        found = described(mount.where)
        if relocates:
            assert os.listdir(mount.where / "rr_moved") == []
            del found["/rr_moved"]
        same(found, described(source))
        where = mount.where.joinpath(*"abcdefghij")
        assert (where / ".." / "..").stat().st_ino == where.parent.parent.stat().st_ino
        with os.scandir(where) as entries:
            assert all(entry.inode() == entry.stat(follow_symlinks=False).st_ino for entry in entries)


JOLIET = {"genisoimage": [*GENISOIMAGE, "-J", "-joliet-long", "-input-charset", "utf-8"],
          "xorriso": [*XORRISO, "-J", "-joliet-long", "--norock"]}


@pytest.mark.parametrize("maker", JOLIET)
def test_a_tree_of_windows_is_as_it_was(scratch, maker):
    source = make_windows_tree(scratch / "source")
    image = make(scratch / "image", JOLIET[maker], source)
    with mounted(image) as mount:
        same(described(mount.where, plainly=True), described(source, plainly=True))
        assert oct((mount.where / "lower.txt").stat().st_mode) == "0o100444"
        assert oct((mount.where / "many").stat().st_mode) == "0o40555"


PLAIN = {f"{tool}-level-{level}": [*command, "-iso-level", str(level)]
         for tool, command in (("genisoimage", GENISOIMAGE), ("xorriso", [*XORRISO, "--norock"])) for level in (1, 2, 3)}


@pytest.mark.parametrize("maker", PLAIN)
def test_a_plain_tree_has_small_letters_and_no_versions(scratch, maker):
    source = make_plain_tree(scratch / "source")
    image = make(scratch / "image", PLAIN[maker], source)
    assert "README.TXT;1" in harness.run(["isoinfo", "-f", "-i", image]).stdout
    with mounted(image) as mount:
        same(described(mount.where, plainly=True), described(source, plainly=True))
        assert int((mount.where / "noext").stat().st_mtime) == int((source / "noext").stat().st_mtime)


@pytest.mark.parametrize("maker", ("mkzftree", "xorriso"))
def test_compressed_files_are_as_they_were(scratch, maker):
    source, image = scratch / "source", scratch / "image"
    source.mkdir()
    chance = random.Random("zisofs")
    for name, content in (("text", b"line after line\n" * 50_000), ("holes", bytes(200_000) + b"end"), ("small", b"x"),
                          ("random", chance.randbytes(100_000)), ("mixed", chance.randbytes(70_000) * 3 + bytes(100_000))):
        (source / name).write_bytes(content)
    set_times(source)
    if maker == "mkzftree":
        harness.run(["mkzftree", source, scratch / "compressed"])
        make(image, GENISOIMAGE, "-R", "-z", scratch / "compressed")
    else:
        harness.run(["xorriso", "-outdev", f"stdio:{image}", "-zisofs", "level=6:block_size=64k", "-map", source, "/",
                     "-set_filter_r", "--zisofs", "/", "--"])
    assert image.stat().st_size < sum(file.stat().st_size for file in source.iterdir())
    with mounted(image) as mount:
        same(described(mount.where, plainly=True), described(source, plainly=True))
        with open(mount.where / "mixed", "rb") as file:
            for offset in (0, 1, 32_767, 65_535, 131_071, 209_999):
                assert os.pread(file.fileno(), 1000, offset) == (source / "mixed").read_bytes()[offset:offset + 1000]


def test_the_last_session_is_shown(scratch):
    image = scratch / "image"
    for number in range(3):
        (scratch / f"file {number}").write_text(f"of session {number}")
        harness.run(["xorriso", "-dev", f"stdio:{image}", "-map", scratch / f"file {number}", f"/file {number}"])
    with mounted(image) as mount:
        assert sorted(os.listdir(mount.where)) == ["file 0", "file 1", "file 2"]
        assert (mount.where / "file 2").read_text() == "of session 2"


def test_a_hybrid_is_read_as_a_disk_and_as_its_partition(scratch):
    source = make_windows_tree(scratch / "source")
    image = make(scratch / "image", XORRISO, "-R", "-partition_offset", "16", "--protective-msdos-label", source)
    content = image.read_bytes()
    assert content[510:512] == b"\x55\xaa"
    start = struct.unpack_from("<I", content, 446 + 8)[0]
    assert start == 64
    partition = scratch / "partition"
    partition.write_bytes(content[start * 512:])
    for medium in (image, partition):
        with mounted(medium) as mount:
            same(described(mount.where), described(source))


def record(name, block, size, flags=0):
    both = lambda number: struct.pack("<I", number) + struct.pack(">I", number)  # noqa: E731
    text = bytes([0, 0]) + both(block) + both(size) + bytes(7) + bytes([flags, 0, 0]) + bytes(4) + bytes([len(name)]) + name
    text += bytes(len(text) % 2)
    return bytes([len(text)]) + text[1:]


def test_a_file_of_more_than_4_gib_is_read_at_both_ends(scratch):
    image, most = scratch / "image", (1 << 32) - BLOCK
    first, second = 32, 32 + most // BLOCK
    root = record(b"\0", 20, BLOCK, 2) + record(b"\1", 20, BLOCK, 2)
    root += record(b"LARGE.BIN;1", first, most, 0x80) + record(b"LARGE.BIN;1", second, 10_000)
    descriptor = bytearray(BLOCK)
    descriptor[:7] = b"\1CD001\1"
    descriptor[128:130] = struct.pack("<H", BLOCK)
    descriptor[156:190] = record(b"\0", 20, BLOCK, 2)
    with open(image, "wb") as file:
        for block, data in ((16, descriptor), (17, b"\xffCD001\1"), (20, root), (first, b"begin"),
                            (second - 1, b"x" * (BLOCK - 3) + b"end"), (second, b"more")):
            file.seek(block * BLOCK)
            file.write(data)
        file.truncate((second + 5) * BLOCK)
    with mounted(image) as mount:
        assert os.listdir(mount.where) == ["large.bin"]
        with open(mount.where / "large.bin", "rb") as file:
            assert os.fstat(file.fileno()).st_size == most + 10_000
            assert os.pread(file.fileno(), 5, 0) == b"begin"
            assert os.pread(file.fileno(), 10, most - 3) == b"endmore\0\0\0"
            assert len(os.pread(file.fileno(), 20_000, most)) == 10_000


def test_a_device_is_mounted_like_an_image_and_nothing_can_be_written(scratch):
    source = make_plain_tree(scratch / "source")
    image = make(scratch / "image", GENISOIMAGE, "-R", source)
    before = image.read_bytes()
    with harness.LoopDevice(image) as loop:
        with mounted(image, device=loop.path, options=("rw",)) as mount:
            assert f" {mount.where} fuseblk.airlock.iso9660 ro," in open("/proc/mounts", encoding="utf-8").read()
            assert READ_ONLY in mount.message
            with pytest.raises(OSError) as refused:
                (mount.where / "new").write_text("x")
            assert refused.value.errno == errno.EROFS
            assert (mount.where / "readme.txt").read_bytes() == (source / "readme.txt").read_bytes()
        loop.wait_released()
    assert image.read_bytes() == before


def test_owners_are_those_of_the_medium_if_somebody_asks_for_them(scratch):
    source = make_plain_tree(scratch / "source")
    os.chown(source / "readme.txt", 1234, 5678)
    image = make(scratch / "image", GENISOIMAGE, "-R", source)
    with mounted(image) as mount:
        assert (mount.where / "readme.txt").stat().st_uid == os.geteuid()
    with mounted(image, options=("ro", "owner=media")) as mount:
        status = (mount.where / "readme.txt").stat()
        assert (status.st_uid, status.st_gid) == (1234, 5678)


# Damaged media; contained/iso/tests has one test for every class of damage.

def test_another_format_is_refused_with_a_reason(scratch):
    (scratch / "image").write_bytes(bytes(100_000))
    with pytest.raises(harness.MountError) as refused:
        with mounted(scratch / "image"):
            pass
    assert refused.value.status == 32
    assert "this is not an ISO 9660 filesystem" in refused.value.output


def test_a_truncated_medium_loses_only_what_is_behind_its_end(scratch):
    source = scratch / "source"
    source.mkdir()
    for name in "ab":
        (source / name).write_bytes(random.Random(name).randbytes(500_000))
    image = make(scratch / "image", GENISOIMAGE, "-R", "-no-pad", source)
    os.truncate(image, image.stat().st_size - 10_000)
    with mounted(image) as mount:
        assert (mount.where / "a").read_bytes() == (source / "a").read_bytes()
        with pytest.raises(OSError) as failed:
            (mount.where / "b").read_bytes()
        assert failed.value.errno == errno.EIO


def test_random_damage_ends_no_driver(scratch):
    source = make_unix_tree(scratch / "source")
    for number in range(100, 600):
        (source / "many" / f"a file with a name, number {number:04}").unlink()
    image = make(scratch / "image", XORRISO, "-R", source)
    sound = image.read_bytes()
    # Where the directories are; damage to the data of files would show nothing.
    end = sound.index(b"no UTF-8") // BLOCK * BLOCK
    begin = PRIMARY + 3 * BLOCK
    for seed in range(6):
        chance = random.Random(seed)
        hurt = bytearray(sound)
        for _ in range(60):
            hurt[chance.randrange(begin, end)] = chance.choice((0, 0xff, chance.getrandbits(8)))
        image.write_bytes(hurt)
        try:
            with mounted(image) as mount:
                for number, (folder, _, files) in enumerate(os.walk(mount.where)):
                    assert number < 1000
                    for name in files:
                        with contextlib.suppress(OSError):
                            path = pathlib.Path(folder, name)
                            if stat.S_ISREG(path.lstat().st_mode):
                                with open(path, "rb") as file:
                                    file.read(1 << 20)
        except harness.MountError as refused:
            assert "root" in refused.output, f"seed {seed}: {refused}"
