# SPDX-License-Identifier: GPL-2.0-or-later
"""The example driver through the kernel: sound media compared with what they were made from, and damaged ones."""
import contextlib
import errno
import os
import random
import socket
import stat
import struct

import pytest

import harness
import romfs_image
from romfs_image import Image, NEXT, SIZE, SUM, TARGET

READ_ONLY = "mounted read-only: the driver airlock-romfs can only read"


class RomfsMount(harness.Mount):
    def _command(self):
        return [harness.built("tests/drivers/mount.airlock"), self.device, self.where, "-t", "airlock.romfs",
                "-o", ",".join(self.options or ("rw",))]


@pytest.fixture(autouse=True)
def romfs_driver(monkeypatch, drivers):
    monkeypatch.setenv("AIRLOCK_DRIVER_DIR", str(drivers))
    monkeypatch.setitem(harness.DRIVER_NAMES, harness.AIRLOCK, "airlock-romfs")


@contextlib.contextmanager
def mounted(image, options=(), device=None):
    """The folder it is mounted on; in the end the same driver must still be there."""
    where = image.with_name(image.name + ".mount")
    where.mkdir(exist_ok=True)
    mount = RomfsMount(harness.AIRLOCK, device or image, where, options)
    try:
        yield mount
        assert not harness.has_ended(mount.driver)
        mount.unmount()
    finally:
        mount.detach()


def make_source(folder):
    """Something of everything that romfs knows."""
    chance = random.Random("romfs")
    folder.mkdir()
    for size in (0, 1, 15, 16, 17, 4095, 4096, 4097, 300_000):
        (folder / f"of {size}").write_bytes(chance.randbytes(size))
    for length in (1, 15, 16, 17, 255):
        (folder / ("n" * length)).write_text(f"a name of {length}")
    program = folder / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    deep = folder / "folder" / "in" / "folder"
    deep.mkdir(parents=True)
    (deep / "file").write_text("deep")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("folder/in/folder/file")
    (folder / "long link").symlink_to("x/" * 700)
    os.link(program, deep / "other name")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
    os.mknod(folder / "terminal", stat.S_IFCHR | 0o600, os.makedev(4, 65))
    os.mknod(folder / "disk", stat.S_IFBLK | 0o600, os.makedev(259, 3))
    (folder / "many").mkdir()
    for number in range(2000):
        (folder / "many" / f"file {number:04}").write_text(str(number))
    return folder


def described(root):
    """Every path below, and all that romfs keeps of it."""
    found, first = {}, {}
    for folder, folders, files in os.walk(root, onerror=pytest.fail):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            told = path.removeprefix(str(root))
            same_as = first.setdefault(status.st_ino, told) if kind == stat.S_IFREG else told
            content = None
            if kind == stat.S_IFREG:
                with open(path, "rb") as file:
                    content = file.read()
            elif kind == stat.S_IFLNK:
                content = os.readlink(path)
            runs = bool(status.st_mode & 0o100) if kind == stat.S_IFREG else None
            found[told] = (kind, content, runs, status.st_rdev)
            if same_as != told:
                found[told] += ("has several names",)
    return found


def made_by_us(source, image):
    return Image(source).write_to(image)


def made_by_genromfs(source, image):
    harness.run(["genromfs", "-f", image, "-d", source, "-V", "ROMFS"])
    return image


@pytest.mark.parametrize("make", (made_by_us, made_by_genromfs))
def test_everything_is_as_in_the_source(scratch, make):
    source = make_source(scratch / "source")
    with mounted(make(source, scratch / "image")) as mount:
        expected, found = described(source), described(mount.where)
        assert sorted(found) == sorted(expected)
        # Which of two names comes first is up to the folder.
        for path, what in expected.items():
            assert found[path][:4] == what[:4], path
        assert os.stat(mount.where / "program").st_ino == os.stat(mount.where / "folder/in/folder/other name").st_ino
        assert os.stat(mount.where / "folder/in/..").st_ino == os.stat(mount.where / "folder").st_ino
        numbers = os.statvfs(mount.where)
        assert numbers.f_blocks == -(-(scratch / "image").stat().st_size // 1024) and numbers.f_bfree == 0


def test_the_listing_numbers_are_those_of_the_files(scratch):
    source = make_source(scratch / "source")
    with mounted(made_by_us(source, scratch / "image")) as mount:
        for folder in (mount.where, mount.where / "folder", mount.where / "many"):
            with os.scandir(folder) as entries:
                for entry in entries:
                    assert entry.inode() == os.lstat(entry.path).st_ino, entry.path
        listed = harness.run(["ls", "-ai", mount.where / "folder" / "in"]).stdout.split()
        assert listed[listed.index("..") - 1] == str(os.stat(mount.where / "folder").st_ino)


def test_a_device_is_mounted_like_an_image(scratch):
    source = make_source(scratch / "source")
    image = made_by_us(source, scratch / "image")
    with harness.LoopDevice(image) as loop:
        with mounted(image, device=loop.path) as mount:
            assert f" {mount.where} fuseblk.airlock.romfs ro," in open("/proc/mounts", encoding="utf-8").read()
            assert (mount.where / "of 300000").read_bytes() == (source / "of 300000").read_bytes()
        loop.wait_released()


def test_nothing_can_be_written(scratch):
    source = make_source(scratch / "source")
    image = made_by_us(source, scratch / "image")
    before = image.read_bytes()
    with mounted(image) as mount:
        assert READ_ONLY in mount.message
        file, new = mount.where / "of 16", mount.where / "new"
        for attempt in (lambda: new.write_text("x"), lambda: new.mkdir(), lambda: new.symlink_to("x"),
                        lambda: os.link(file, new), lambda: file.rename(new), file.unlink,
                        (mount.where / "empty").rmdir, lambda: os.truncate(file, 1), lambda: file.chmod(0o600),
                        lambda: os.utime(file), lambda: os.setxattr(file, "user.x", b"x"),
                        lambda: os.mkfifo(new)):
            with pytest.raises(OSError) as refused:
                attempt()
            assert refused.value.errno == errno.EROFS
    assert image.read_bytes() == before
    with mounted(image, options=("ro",)) as mount:
        assert READ_ONLY not in mount.message


def access_modes(driver, image):
    """Of all descriptors of the driver for the image."""
    wanted = image.stat().st_ino
    modes = []
    for name in os.listdir(f"/proc/{driver}/fd"):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{driver}/fd/{name}").st_ino == wanted:
                with open(f"/proc/{driver}/fdinfo/{name}", encoding="ascii") as info:
                    flags = next(line for line in info if line.startswith("flags:"))
                modes.append(int(flags.split()[1], 8) & os.O_ACCMODE)
    return modes


def test_the_driver_could_not_write_even_if_it_wanted_to(scratch):
    image = made_by_us(make_source(scratch / "source"), scratch / "image")
    with mounted(image, options=("rw",)) as mount:
        assert access_modes(mount.driver, image) == [os.O_RDONLY]


# Damaged media. The small tree they begin with:

@pytest.fixture
def small(scratch):
    source = scratch / "small"
    (source / "folder").mkdir(parents=True)
    for name in ("a", "b", "c", "folder/d"):
        (source / name).write_bytes(f"content of {name}".encode() * 100)
    (source / "link").symlink_to("a")
    return Image(source)


def refusal(image):
    with pytest.raises(harness.MountError) as refused:
        with mounted(image):
            pass
    assert refused.value.status == 32
    return refused.value.output


def errno_of(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return 0


def listed(folder):
    """The names in it, sorted; a listing without an end is a failure, not a test that hangs."""
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            names.append(entry.name)
            assert len(names) < 100, names[:10]
    return sorted(names)


def content_of(name):
    return f"content of {name}".encode() * 100


def check_readable(mount, *names):
    for name in names:
        assert (mount.where / name).read_bytes() == content_of(name)


def write_unsealed(image, path):
    path.write_bytes(image.data)
    return path


def test_another_format_is_refused(small, scratch):
    small.data[0:8] = b"-rom9fs-"
    assert "this is not a romfs filesystem" in refusal(write_unsealed(small, scratch / "image"))
    (scratch / "image").write_bytes(b"-rom1fs-".ljust(64, b"\0"))
    assert "this is not a romfs filesystem" in refusal(scratch / "image")


def test_a_superblock_with_a_wrong_sum_is_refused(small, scratch):
    small.data[20] ^= 1
    assert "the checksum of its superblock is wrong" in refusal(write_unsealed(small, scratch / "image"))


def test_a_root_that_is_no_folder_is_refused(small, scratch):
    small.set_kind(small.at["."], romfs_image.FILE)
    assert "its root is not a directory" in refusal(small.write_to(scratch / "image"))
    small.data[small.at["."] + SUM] ^= 1
    assert "read its root directory: Input/output error" in refusal(small.write_to(scratch / "image"))
    small.data[16:] = b"x" * len(small.data[16:])  # the name of the volume has no end
    assert "read its root directory: Input/output error" in refusal(small.write_to(scratch / "image"))


@pytest.mark.parametrize("where_to", ("b", "a", ".", "nowhere", "behind the end", "between"))
def test_a_list_that_leads_astray_ends(small, scratch, where_to):
    outside = {"nowhere": 0xfffffff0, "behind the end": len(small.data), "between": small.at["c"] + 32}
    small.set_next(small.at["b"], outside.get(where_to, small.at.get(where_to)))
    with mounted(small.write_to(scratch / "image")) as mount:
        # What the next header should be is not one: its name is text of c, or there is nothing.
        assert where_to == "between" or errno_of(listed, mount.where) == errno.EIO
        check_readable(mount, "a", "b")
        assert errno_of(os.stat, mount.where / "c") in (errno.EIO, errno.ENOENT)
        assert errno_of(os.stat, mount.where / "no such file") in (errno.EIO, errno.ENOENT)


def test_what_lies_behind_the_filesystem_is_none_of_its_files(small, scratch):
    size = struct.unpack_from(">I", small.data, 8)[0]
    small.data += bytes(1024)
    outside = size + 512
    begin, end = small.at["c"], small.name_field(small.at["c"])[1]
    small.data[outside:outside + end - begin] = small.data[begin:end]
    small.set_next(small.at["b"], outside)
    with mounted(small.write_to(scratch / "image")) as mount:
        assert errno_of(listed, mount.where) == errno.EIO
        assert errno_of(os.stat, mount.where / "c") == errno.EIO
        check_readable(mount, "a", "b")


def test_a_name_that_is_too_long_is_left_out(small, scratch):
    where = small.at["b"]
    begin, _ = small.name_field(where)
    small.data[begin:begin + 300] = b"x" * 300
    with mounted(small.write_to(scratch / "image")) as mount:
        assert listed(mount.where) == ["a", "c", "folder", "link"]
        check_readable(mount, "a", "c", "folder/d")


@pytest.mark.parametrize("name", (b"", b"x/y", b".", b".."))
def test_a_name_that_no_file_can_have_is_left_out(small, scratch, name):
    begin, end = small.name_field(small.at["b"])
    small.data[begin:end] = name.ljust(end - begin, b"\0")
    small.seal(small.at["b"])
    with mounted(small.write_to(scratch / "image")) as mount:
        assert listed(mount.where) == ["a", "c", "folder", "link"]
        check_readable(mount, "a", "c", "folder/d")


@pytest.mark.parametrize("name", ("a", "folder", "link"))
def test_a_header_with_a_wrong_sum_is_an_error_of_that_file_only(small, scratch, name):
    small.data[small.at[name] + SUM] ^= 1
    with mounted(small.write_to(scratch / "image")) as mount:
        assert listed(mount.where) == ["a", "b", "c", "folder", "link"]
        assert errno_of(os.lstat, mount.where / name) == errno.EIO
        check_readable(mount, *{"a", "b", "c", "folder/d"} - {name, f"{name}/d"})


def test_a_truncated_medium_loses_only_what_is_behind_its_end(small, scratch):
    small.seal_superblock()
    (scratch / "image").write_bytes(small.data[:small.at["c"] + 500])
    with mounted(scratch / "image") as mount:
        check_readable(mount, "a", "b")
        assert errno_of((mount.where / "c").read_bytes) == errno.EIO
        assert errno_of(os.stat, mount.where / "folder") == errno.EIO


@pytest.mark.parametrize("size", (0xffffffff, 0x7fffffff, 100_000))
def test_a_file_that_claims_too_much_is_an_error_of_that_file_only(small, scratch, size):
    small.set(small.at["b"], SIZE, size)
    image = small.write_to(scratch / "image")
    with open(image, "ab") as file:
        file.write(bytes(200_000))  # of the medium, not of the filesystem
    with mounted(image) as mount:
        with open(mount.where / "b", "rb") as file:
            file.seek(size - 10)
            assert errno_of(file.read) == errno.EIO
        check_readable(mount, "a", "c", "folder/d")


def test_a_link_that_claims_too_much_is_an_error_of_that_link_only(small, scratch):
    for size in (0, 4096, 0xffffffff):
        small.set(small.at["link"], SIZE, size)
        with mounted(small.write_to(scratch / "image")) as mount:
            assert errno_of(os.readlink, mount.where / "link") == errno.EIO
            check_readable(mount, "a", "b")


def test_hard_links_that_lead_nowhere_are_errors_of_their_own(small, scratch):
    targets = {"a": small.at["a"], "b": small.at["c"], "c": small.at["b"], "link": 0xfffffff0}
    for name, target in targets.items():
        small.set_kind(small.at[name], romfs_image.HARD_LINK)
        small.set(small.at[name], TARGET, target)
    with mounted(small.write_to(scratch / "image")) as mount:
        assert listed(mount.where) == ["a", "b", "c", "folder", "link"]
        for name in targets:
            assert errno_of(os.lstat, mount.where / name) == errno.EIO
        check_readable(mount, "folder/d")


def test_a_folder_inside_itself_is_not_endless(small, scratch):
    for target in (small.at["."], small.at["folder"]):
        small.set(small.at["folder"], TARGET, target)
        with mounted(small.write_to(scratch / "image")) as mount:
            walked = list(zip(range(1000), os.walk(mount.where)))
            assert len(walked) < 10
            check_readable(mount, "a", "b", "c")


def test_a_folder_whose_list_is_text_is_an_error_of_that_folder_only(small, scratch):
    small.set(small.at["folder"], TARGET, small.at["a"] + 64)
    with mounted(small.write_to(scratch / "image")) as mount:
        errno_of(listed, mount.where / "folder")
        check_readable(mount, "a", "b", "c")


def test_random_damage_ends_no_driver(small, scratch):
    for seed in range(25):
        chance = random.Random(seed)
        hurt = Image(scratch / "small")
        for path in chance.sample(sorted(hurt.at), 3):
            field = chance.choice((NEXT, TARGET, SIZE))
            hurt.set(hurt.at[path], field, chance.choice((0, 16, 0xffffffff, chance.choice(list(hurt.at.values())),
                                                          chance.getrandbits(12), chance.getrandbits(32))))
        image = hurt.write_to(scratch / "image")
        try:
            with mounted(image) as mount:
                for number, (folder, _, files) in enumerate(os.walk(mount.where)):
                    assert number < 1000
                    for name in files[:50]:
                        with contextlib.suppress(OSError):
                            path = os.path.join(folder, name)
                            if stat.S_ISREG(os.lstat(path).st_mode):
                                with open(path, "rb") as file:
                                    file.read(1 << 20)
        except harness.MountError as refused:
            assert "root" in refused.output, f"seed {seed}: {refused}"


def test_the_numbers_of_the_format_are_where_the_driver_looks(small):
    """So that the damage above hits what it is meant to hit."""
    assert struct.unpack_from(">I", small.data, small.at["a"] + SIZE)[0] == len(content_of("a"))
