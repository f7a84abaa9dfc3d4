# SPDX-License-Identifier: GPL-2.0-or-later
"""The squashfs driver through the kernel: what mksquashfs makes is compared with what it was made from."""
import concurrent.futures
import contextlib
import errno
import hashlib
import os
import random
import socket
import stat

import pytest

import harness

BLOCK = 4096
READ_ONLY = "mounted read-only: the driver airlock-squashfs can only read"
MEDIA = {
    "gzip": ["-comp", "gzip"],
    "xz": ["-comp", "xz", "-Xbcj", "x86"],
    "lzo": ["-comp", "lzo"],
    "lz4": ["-comp", "lz4", "-Xhc"],
    "zstd": ["-comp", "zstd"],
    "small blocks": ["-b", "4K", "-always-use-fragments"],
    "large blocks": ["-b", "1M", "-comp", "zstd"],
    "no fragments": ["-b", "64K", "-no-fragments", "-no-exports"],
    "not compressed": ["-noI", "-noD", "-noF", "-noX", "-no-duplicates"],
}


class SquashfsMount(harness.Mount):
    def _command(self):
        return [harness.built("cli/mount.airlock"), self.device, self.where, "-t", "airlock.squashfs",
                "-o", ",".join(self.options or ("ro", "owner=media"))]


@pytest.fixture(autouse=True)
def squashfs_driver(monkeypatch):
    monkeypatch.setitem(harness.DRIVER_NAMES, harness.AIRLOCK, "airlock-squashfs"[:15])  # as the kernel cuts it


@contextlib.contextmanager
def mounted(image, options=(), device=None):
    """The folder it is mounted on; in the end the same driver must still be there."""
    where = image.with_name(image.name + ".mount")
    where.mkdir(exist_ok=True)
    mount = SquashfsMount(harness.AIRLOCK, device or image, where, options)
    try:
        yield mount
        assert not harness.has_ended(mount.driver)
        mount.unmount()
    finally:
        mount.detach()


def make_source(folder):
    """Something of everything that squashfs knows."""
    chance = random.Random("squashfs")
    folder.mkdir()
    for size in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 131_072, 131_073, 2_500_000):
        (folder / f"of {size}").write_bytes(chance.randbytes(size))
        (folder / f"text of {size}").write_bytes(b"a line of text and its number %d\n" % size * (size // 32 + 1))
    with open(folder / "holes", "wb") as file:
        file.seek(1_000_000)
        file.write(b"middle")
        file.truncate(3_000_000)
    deep = folder / "folder" / "in" / "folder"
    deep.mkdir(parents=True)
    (deep / "file").write_text("deep")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("folder/in/folder/file")
    (folder / "long link").symlink_to("x/" * 2000)
    os.link(deep / "file", folder / "other name")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
    os.mknod(folder / "terminal", stat.S_IFCHR | 0o600, os.makedev(4, 65))
    os.mknod(folder / "disk", stat.S_IFBLK | 0o600, os.makedev(259, 300))
    (folder / "many").mkdir()
    for number in range(3000):
        (folder / "many" / f"a file with the number {number:04}").write_text(str(number))
    for path in ("of 1", "of 131073", "many", "empty", "folder/in"):
        os.setxattr(folder / path, "user.comment", path.encode())
        os.setxattr(folder / path, "trusted.same", b"one value for all" * 20)
    os.setxattr(folder / "of 1", "security.large", b"z" * 3000)
    os.setxattr(folder / "link", "trusted.of.a.link", b"l", follow_symlinks=False)
    os.chown(folder / "of 1", 1234, 3_000_000_000)
    (folder / "of 1").chmod(0o4751)
    os.utime(folder / "of 1", (0, 4_000_000_000))
    return folder


@pytest.fixture(scope="module")
def source():
    with harness.scratch_directory() as scratch:
        yield make_source(scratch / "source")


def make_image(source, image, *options):
    harness.run(["mksquashfs", source, image, "-noappend", "-quiet", "-no-progress", *options])
    return image


def attributes_of(path):
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}


def described(root):
    """Every path below, and all that squashfs keeps of it."""
    found = {}
    for folder, folders, files in os.walk(root, onerror=pytest.fail):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            content = None
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            size = None if stat.S_ISDIR(status.st_mode) else (status.st_size, status.st_nlink)
            found[os.path.relpath(path, root)] = (status.st_mode, status.st_uid, status.st_gid, int(status.st_mtime),
                                                  status.st_rdev, size, content, attributes_of(path))
    return found


@pytest.mark.parametrize("options", MEDIA.values(), ids=MEDIA.keys())
def test_everything_is_as_in_the_source(source, scratch, options):
    with mounted(make_image(source, scratch / "image", *options)) as mount:
        expected, found = described(source), described(mount.where)
        assert sorted(found) == sorted(expected)
        for path, what in expected.items():
            assert found[path] == what, path


def test_it_is_what_unsquashfs_finds(source, scratch):
    image = make_image(source, scratch / "image", "-comp", "zstd")
    harness.run(["unsquashfs", "-quiet", "-no-progress", "-dest", scratch / "unpacked", image])
    with mounted(image) as mount:
        assert described(mount.where) == described(scratch / "unpacked")


def test_numbers_are_those_of_the_files(source, scratch):
    with mounted(make_image(source, scratch / "image")) as mount:
        for folder in (mount.where, mount.where / "folder", mount.where / "many"):
            with os.scandir(folder) as entries:
                for entry in entries:
                    assert entry.inode() == os.lstat(entry.path).st_ino, entry.path
        assert os.stat(mount.where / "other name").st_ino == os.stat(mount.where / "folder/in/folder/file").st_ino
        listed = harness.run(["ls", "-ai", mount.where / "folder" / "in"]).stdout.split()
        assert listed[listed.index("..") - 1] == str(os.stat(mount.where / "folder").st_ino)
        assert os.stat(mount.where / "holes").st_blocks < 3_000_000 // 512 // 2
        numbers = [os.stat(mount.where / name).st_ino for name in ("of 1", "many", "holes")]
    with mounted(scratch / "image") as mount:
        assert [os.stat(mount.where / name).st_ino for name in ("of 1", "many", "holes")] == numbers


def test_names_are_found_or_not(source, scratch):
    with mounted(make_image(source, scratch / "image")) as mount:
        for number in range(0, 3000, 97):
            assert (mount.where / "many" / f"a file with the number {number:04}").read_text() == str(number)
        for name in ("", " ", "a file", "a file with the number 0097x", "a file with the number 9", "zzz"):
            assert not (mount.where / "many" / (name or "a")).exists()


def test_a_device_is_mounted_like_an_image_and_shows_the_users_own(source, scratch):
    image = make_image(source, scratch / "image")
    with harness.LoopDevice(image) as loop:
        with mounted(image, ("rw",), loop.path) as mount:
            assert READ_ONLY in mount.message
            assert f" {mount.where} fuseblk.airlock.squashfs ro," in open("/proc/mounts", encoding="utf-8").read()
            assert os.stat(mount.where / "of 1").st_uid == os.getuid()
            assert (mount.where / "of 2500000").read_bytes() == (source / "of 2500000").read_bytes()
            with pytest.raises(OSError) as refused:
                (mount.where / "new").write_text("x")
            assert refused.value.errno == errno.EROFS
        loop.wait_released()


def test_attributes_of_other_kinds_do_not_exist(source, scratch):
    with mounted(make_image(source, scratch / "image")) as mount:
        for name, expected in (("user.none", errno.ENODATA), ("user.", errno.EINVAL), ("system.x", errno.EOPNOTSUPP),
                               ("system.posix_acl_access", errno.ENODATA)):
            with pytest.raises(OSError) as refused:
                os.getxattr(mount.where / "of 1", name)
            assert refused.value.errno == expected, name
        # The kernel asks for an access list before it opens what belongs to somebody else.
        assert (mount.where / "of 1").read_bytes() == (source / "of 1").read_bytes()


def test_an_image_without_attributes(source, scratch):
    with mounted(make_image(source, scratch / "image", "-no-xattrs")) as mount:
        with pytest.raises(OSError) as refused:
            os.getxattr(mount.where / "of 1", "user.comment")
        assert refused.value.errno in (errno.EOPNOTSUPP, errno.ENODATA)
        assert (mount.where / "of 1").read_bytes() == (source / "of 1").read_bytes()


def test_many_read_the_same_blocks_at_once(source, scratch):
    """Parts of large blocks, which are decompressed once and kept."""
    expected = (source / "text of 2500000").read_bytes()
    with mounted(make_image(source, scratch / "image", "-b", "1M")) as mount:
        descriptor = os.open(mount.where / "text of 2500000", os.O_RDONLY)
        try:
            offsets = [random.Random(seed).randrange(len(expected) - 5000) for seed in range(400)]
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                parts = pool.map(lambda offset: os.pread(descriptor, 5000, offset), offsets)
                for offset, part in zip(offsets, parts):
                    assert part == expected[offset:offset + 5000]
        finally:
            os.close(descriptor)


def refusal(image):
    with pytest.raises(harness.MountError) as refused:
        with mounted(image):
            pass
    assert refused.value.status == 32
    return refused.value.output


def test_a_cut_image_says_so(source, scratch):
    image = make_image(source, scratch / "image")
    os.truncate(image, image.stat().st_size // 2)
    assert "the end of it is missing" in refusal(image)


@pytest.mark.parametrize("compressor,words", ((2, "lzma"), (9, "method 9")))
def test_another_compressor_is_named(source, scratch, compressor, words):
    image = make_image(source, scratch / "image")
    with open(image, "r+b") as file:
        file.seek(20)
        file.write(bytes([compressor]))
    assert f"it is compressed with {words}" in refusal(image)


def test_damaged_data_is_an_error_of_its_file_only(scratch):
    folder = scratch / "two"
    folder.mkdir()
    (folder / "a").write_bytes(b"text that is compressed\n" * 5000)
    (folder / "b").write_bytes(b"other text that is compressed\n" * 5000)
    image = make_image(folder, scratch / "image", "-no-fragments", "-comp", "xz")
    with open(image, "r+b") as file:
        file.seek(96 + 60)  # the data of "a" comes right behind the superblock
        file.write(bytes(20))
    with mounted(image) as mount:
        with pytest.raises(OSError) as refused:
            (mount.where / "a").read_bytes()
        assert refused.value.errno == errno.EIO
        assert (mount.where / "b").read_bytes() == (folder / "b").read_bytes()
