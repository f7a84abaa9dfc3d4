# SPDX-License-Identifier: GPL-2.0-or-later
"""FAT and exFAT through the kernel: typical work on a stick, checked by fsck and by a second mount."""

import contextlib
import errno
import fcntl
import os
import pathlib
import random
import shutil
import stat
import struct
import sys
import time

import pytest

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "check"))
import fat_media  # noqa: E402

KINDS = {
    "fat12": (["mkfs.fat", "-F12"], "1440K"),
    "fat16": (["mkfs.fat", "-F16"], "16M"),
    "fat32": (["mkfs.fat", "-F32", "-s1"], "40M"),
    "fat32-4k-sectors": (["mkfs.fat", "-F32", "-S4096", "-s1"], "300M"),
    "fat16-64k-clusters": (["mkfs.fat", "-F16", "-s128"], "300M"),
    "exfat": (["mkfs.exfat", "-c4K"], "40M"),
    "exfat-1k-clusters": (["mkfs.exfat", "-c1K"], "16M"),
    "exfat-128k-clusters": (["mkfs.exfat", "-c128K"], "300M"),
}
LARGEST = (1 << 32) - 1
FS_IOC_GETFLAGS = 0x80086601
FS_CASEFOLD_FL = 0x40000000
FIGETBSZ = 2


def is_exfat(image):
    with open(image, "rb") as file:
        return file.read(11)[3:] == b"EXFAT   "


class FatMount(harness.Mount):
    """Always mounted by Airlock's driver, because this machine's kernel may have no FAT."""

    def _command(self):
        kind = "airlock.exfat" if is_exfat(self.device) else "airlock.vfat"
        return [harness.built("cli/mount.airlock"), self.device, self.where, "-t", kind,
                "-o", ",".join(self.options or ("rw",))]


@pytest.fixture(autouse=True)
def fat_driver(monkeypatch):
    monkeypatch.setenv("AIRLOCK_DRIVER_DIR", str(harness.built("contained/airlock-fat").parent))
    monkeypatch.setitem(harness.DRIVER_NAMES, harness.AIRLOCK, "airlock-fat")


def make_image(path, kind="fat32"):
    command, size = KINDS[kind]
    harness.run(["truncate", "-s", size, path])
    harness.run([*command, path])
    return path


@contextlib.contextmanager
def mounted(image, options=("rw",), device=None):
    where = image.with_name(image.name + ".mount")
    where.mkdir(exist_ok=True)
    mount = FatMount(harness.AIRLOCK, device or image, where, options)
    try:
        yield mount
        if mount.mounted:
            mount.unmount()
    finally:
        mount.detach()


def fsck_clean(image):
    fsck = "fsck.exfat" if is_exfat(image) else "fsck.fat"
    done = harness.run([fsck, "-n", image], timeout=300, allowed=None)
    assert done.returncode == 0, done.stdout
    assert "ree cluster summary" not in done.stdout, done.stdout


def refused(error, function, *arguments):
    with pytest.raises(OSError) as caught:
        function(*arguments)
    assert caught.value.errno == error, os.strerror(caught.value.errno)


@pytest.fixture(params=["fat32", "exfat"])
def image(scratch, request):
    return make_image(scratch / "fat.img", request.param)


@pytest.fixture
def mount(image):
    """A mounted stick; must be sound afterwards, whatever the test did to it."""
    with mounted(image) as mount:
        yield mount
    fsck_clean(image)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tree_survives_on_every_kind(scratch, kind):
    image = make_image(scratch / "fat.img", kind)
    expected = {}
    with mounted(image) as mount:
        for number in range(40):
            folder = mount.where / f"folder {number % 4}" / "ünder"
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"file with a long name {number}.bin"
            content = random.Random(number).randbytes(number * 700)
            path.write_bytes(content)
            expected[path.relative_to(mount.where)] = content
        for number, name in enumerate(list(expected)):
            if number % 5 == 0:
                (mount.where / name).unlink()
                del expected[name]
    fsck_clean(image)
    with mounted(image, ("ro",)) as mount:
        found = {path.relative_to(mount.where): path.read_bytes()
                 for path in mount.where.rglob("*") if path.is_file()}
        assert found == expected
        assert mount.read_only()
        refused(errno.EROFS, (mount.where / "new").touch)


def test_names_keep_their_case_and_are_found_in_any(mount):
    (mount.where / "ReadMe.Txt").write_text("hello", encoding="ascii")
    assert os.listdir(mount.where) == ["ReadMe.Txt"]
    for other in ("README.TXT", "readme.txt", "rEADmE.tXT"):
        assert (mount.where / other).read_text(encoding="ascii") == "hello"
    refused(errno.EEXIST, os.mkdir, mount.where / "README.TXT")
    # For the kernel both names are the same, so a change of case takes two steps.
    (mount.where / "ReadMe.Txt").rename(mount.where / "between")
    (mount.where / "between").rename(mount.where / "README.TXT")
    assert os.listdir(mount.where) == ["README.TXT"]
    assert not (mount.where / "Ünder").exists()
    (mount.where / "ÜNDER").mkdir()
    assert (mount.where / "ünder").is_dir()


def test_what_went_by_another_spelling_is_gone_under_its_own(mount):
    def make():
        (mount.where / "ReadMe.txt").write_text("first", encoding="ascii")
        assert (mount.where / "ReadMe.txt").exists()

    make()
    (mount.where / "README.TXT").rename(mount.where / "moved")
    assert not (mount.where / "ReadMe.txt").exists()
    (mount.where / "ReadMe.txt").write_text("second", encoding="ascii")
    assert (mount.where / "moved").read_text(encoding="ascii") == "first"
    (mount.where / "readme.txt").unlink()
    assert not (mount.where / "ReadMe.txt").exists()
    make()
    (mount.where / "moved").rename(mount.where / "readme.TXT")
    (mount.where / "ReadMe.txt").write_text("third", encoding="ascii")
    assert (mount.where / "readMe.txt").read_text(encoding="ascii") == "third"
    assert len(os.listdir(mount.where)) == 1


def test_folders_say_that_they_know_no_case(mount):
    def flags(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return struct.unpack("I", fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(4)))[0]
        finally:
            os.close(descriptor)

    (mount.where / "file").touch()
    (mount.where / "folder").mkdir()
    assert flags(mount.where) == flags(mount.where / "folder") == FS_CASEFOLD_FL
    assert flags(mount.where / "file") == 0


def numbers_listed(folder):
    """The inode numbers from readdir(); Python shows neither those nor the dots."""
    lines = harness.run(["ls", "-Uai1", folder]).stdout.splitlines()
    return {name: int(number) for number, name in (line.split(maxsplit=1) for line in lines)}


@pytest.mark.parametrize("kind", ("fat16", "fat32", "exfat"))
def test_the_dots_have_the_number_of_the_folder_above(scratch, kind):
    with mounted(make_image(scratch / "image", kind)) as mount:
        (mount.where / "above/below").mkdir(parents=True)
    # A new mount, so that the kernel knows nothing yet; listed with attributes, then moved.
    with mounted(scratch / "image") as mount:
        above = mount.where / "above"
        for folder in (mount.where, above, above / "below"):
            os.listdir(folder)
        for folder in (above, above / "below"):
            listed = numbers_listed(folder)
            assert listed[".."] == os.stat(folder.parent).st_ino
            assert listed["."] == os.stat(folder).st_ino
        (above / "below").rename(mount.where / "moved")
        assert numbers_listed(mount.where / "moved")[".."] == os.stat(mount.where).st_ino


def test_the_size_of_a_block_is_told(mount):
    with open(mount.where / "file", "w", encoding="ascii") as file:
        size = struct.unpack("i", fcntl.ioctl(file, FIGETBSZ, bytes(4)))[0]
    assert size >= 512
    assert size & (size - 1) == 0


@pytest.mark.parametrize("name", ["a:b", "what?", "a*", 'quo"te', "pi|pe", "back\\slash", "<", "end.",
                                  "space ", "\x01", b"\xff\xfe"])
def test_names_that_cannot_be_are_refused(mount, name):
    path = os.path.join(os.fsencode(mount.where), os.fsencode(name))
    refused(errno.EINVAL, os.mkdir, path)


def test_the_longest_name_fits_and_a_longer_one_does_not(mount):
    longest = "n" * 255
    (mount.where / longest).touch()
    assert os.listdir(mount.where) == [longest]
    refused(errno.ENAMETOOLONG, (mount.where / ("ü" * 256)).touch)


def test_links_devices_and_owners_are_not_there(mount):
    (mount.where / "file").touch()
    refused(errno.EPERM, os.symlink, "file", mount.where / "link")
    refused(errno.EPERM, os.link, mount.where / "file", mount.where / "link")
    refused(errno.EPERM, os.mkfifo, mount.where / "pipe")
    refused(errno.EPERM, os.chown, mount.where / "file", 1234, 1234)
    os.chown(mount.where / "file", os.getuid(), os.getgid())


def test_permissions_come_from_options_and_the_read_only_mark(image):
    with mounted(image, ("rw", "umask=022", "fmask=133")) as mount:
        path = mount.where / "file"
        path.touch()
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert stat.S_IMODE(mount.where.stat().st_mode) == 0o755
        path.chmod(0o444)
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        assert os.getxattr(path, "system.dos_attrib") == struct.pack("<I", 0x21)
        os.setxattr(path, "system.dos_attrib", struct.pack("<I", 0x22))
        assert os.listxattr(path) == ["system.dos_attrib"]
        refused(errno.EINVAL, os.setxattr, path, "system.dos_attrib", struct.pack("<I", 0x10))
        refused(errno.ENOTSUP, os.setxattr, path, "user.note", b"x")
    with mounted(image) as mount:
        assert stat.S_IMODE((mount.where / "file").stat().st_mode) == 0o600
        assert stat.S_IMODE(mount.where.stat().st_mode) == 0o700
        assert os.getxattr(mount.where / "file", "system.dos_attrib") == struct.pack("<I", 0x22)


def test_times_are_kept_in_two_seconds_of_the_zone_asked_for(scratch):
    image = make_image(scratch / "fat.img")
    moment = 1_700_000_001
    with mounted(image) as mount:
        (mount.where / "file").touch()
        os.utime(mount.where / "file", (moment, moment))
    with mounted(image) as mount:
        assert (mount.where / "file").stat().st_mtime == moment - 1
    with mounted(image, ("ro", "time_offset=60")) as mount:
        assert (mount.where / "file").stat().st_mtime == moment - 1 - 3600


def test_times_of_exfat_know_their_zone(scratch):
    image = make_image(scratch / "fat.img", "exfat")
    moment = 1_700_000_001
    with mounted(image, ("rw", "time_offset=330")) as mount:
        (mount.where / "file").touch()
        os.utime(mount.where / "file", (moment, moment))
    with mounted(image, ("ro", "time_offset=-60")) as mount:
        assert (mount.where / "file").stat().st_mtime == moment


def test_a_deleted_file_lives_until_it_is_closed(mount):
    path = mount.where / "file"
    free = os.statvfs(mount.where).f_bfree
    with open(path, "w+b") as file:
        file.write(b"x" * 100_000)
        file.flush()
        path.unlink()
        path.write_bytes(b"another file in the same place")
        file.seek(0)
        assert file.read() == b"x" * 100_000
        file.write(b"y" * 1000)
    path.unlink()
    harness.wait_until(lambda: os.statvfs(mount.where).f_bfree == free, harness.PATIENCE, "the space to be free")


def test_growing_reads_as_zeroes_and_shrinking_forgets(mount):
    path = mount.where / "file"
    path.write_bytes(b"x" * 5000)
    os.truncate(path, 100)
    os.truncate(path, 20_000)
    assert path.read_bytes() == b"x" * 100 + bytes(19_900)
    with open(path, "r+b") as file:
        file.seek(50_000)
        file.write(b"end")
    assert path.read_bytes() == b"x" * 100 + bytes(49_900) + b"end"
    with open(path, "r+b") as file:
        os.posix_fallocate(file.fileno(), 0, 60_000)
    assert path.stat().st_size == 60_000


def test_the_largest_file_is_the_largest(scratch):
    image = make_image(scratch / "fat.img")
    with mounted(image) as mount:
        path = mount.where / "file"
        path.touch()
        refused(errno.EFBIG, os.truncate, path, LARGEST + 1)
        with open(path, "wb", buffering=0) as file:
            refused(errno.EFBIG, os.pwrite, file.fileno(), b"x", LARGEST)
    fsck_clean(image)


def test_more_than_there_is_room_for_is_refused_at_once(mount):
    path = mount.where / "file"
    path.touch()
    refused(errno.ENOSPC, os.truncate, path, LARGEST)
    assert path.stat().st_size == 0


def test_a_file_of_exfat_is_larger_than_four_gib(scratch):
    image = scratch / "large.img"
    harness.run(["truncate", "-s", "9G", image])
    harness.run(["mkfs.exfat", image])
    size = (5 << 30) + 12345
    with mounted(image) as mount:
        path = mount.where / "file"
        with harness.within(5):
            with open(path, "wb", buffering=0) as file:
                file.write(b"start")
                os.posix_fallocate(file.fileno(), 0, size)
        assert path.stat().st_size == size
        with open(path, "rb") as file:
            assert file.read(8) == b"start\0\0\0"
            assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) == 5
            file.seek(size - 3)
            assert file.read() == bytes(3)
    assert image.stat().st_blocks < (100 << 20) // 512
    fsck_clean(image)


def test_a_full_medium_says_so_at_the_write_and_comes_free_again(mount):
    path = mount.where / "big"
    written = 0
    with open(path, "wb", buffering=0) as file:
        with pytest.raises(OSError) as caught:
            while True:
                written += file.write(b"z" * 65536)
    assert caught.value.errno == errno.ENOSPC
    assert path.stat().st_size >= written
    assert os.statvfs(mount.where).f_bfree == 0
    refused(errno.ENOSPC, os.mkdir, mount.where / "folder")
    path.unlink()
    (mount.where / "second").write_bytes(b"z" * 1_000_000)


def test_the_root_of_fat16_is_full_at_its_limit(scratch):
    image = make_image(scratch / "fat.img", "fat16")
    with mounted(image) as mount:
        made = 0
        with pytest.raises(OSError) as caught:
            for made in range(600):
                (mount.where / f"F{made}").touch()
        assert caught.value.errno == errno.ENOSPC and made == 512
        (mount.where / "F7").unlink()
        (mount.where / "AGAIN").touch()
    fsck_clean(image)


def test_renaming_over_and_between_folders(mount):
    for folder in ("one", "two"):
        (mount.where / folder).mkdir()
    (mount.where / "one" / "file").write_text("new", encoding="ascii")
    (mount.where / "two" / "file").write_text("old", encoding="ascii")
    os.rename(mount.where / "one" / "file", mount.where / "two" / "file")
    assert (mount.where / "two" / "file").read_text(encoding="ascii") == "new"
    (mount.where / "one" / "inner").mkdir()
    (mount.where / "one" / "inner" / "deep").touch()
    os.rename(mount.where / "one" / "inner", mount.where / "two" / "moved with a longer name")
    assert os.listdir(mount.where / "two" / "moved with a longer name") == ["deep"]
    refused(errno.ENOTEMPTY, os.rename, mount.where / "one", mount.where / "two")
    refused(errno.ENOTEMPTY, os.rmdir, mount.where / "two")
    refused(errno.EINVAL, os.rename, mount.where / "two", mount.where / "two" / "itself")


def test_many_files_in_one_folder_stay_quick(mount):
    folder = mount.where / "many"
    folder.mkdir()

    def make(numbers):
        begin = time.monotonic()
        for number in numbers:
            os.close(os.open(folder / f"file number {number:06}", os.O_CREAT | os.O_WRONLY))
        return time.monotonic() - begin

    first = make(range(1000))
    make(range(1000, 8000))
    last = make(range(8000, 9000))
    assert last < first * 4 + 0.5
    assert len(os.listdir(folder)) == 9000


def test_fsync_is_on_the_medium_when_it_returns(image):
    with mounted(image) as mount:
        with open(mount.where / "precious", "wb") as file:
            file.write(b"only copy" * 1000)
            file.flush()
            os.fsync(file.fileno())
        mount.kill_driver()
    with mounted(image) as mount:
        assert mount.read_only() and "not unmounted cleanly" in mount.message
        assert (mount.where / "precious").read_bytes() == b"only copy" * 1000


@pytest.mark.parametrize("command", [["mkfs.fat", "-F32", "-s64"], ["mkfs.exfat"]],
                         ids=lambda command: command[0])
def test_a_large_empty_stick_is_used_and_counted(scratch, command):
    image = scratch / "large.img"
    harness.run(["truncate", "-s", "1900G", image])
    harness.run([*command, image], timeout=120)
    with mounted(image) as mount:
        empty = os.statvfs(mount.where)
        (mount.where / "file").write_bytes(b"x" * 1_000_000)
        taken = -(-1_000_000 // empty.f_frsize)
        harness.wait_until(lambda: empty.f_bfree - os.statvfs(mount.where).f_bfree >= taken, 60,
                           "what is free to be counted")


def test_trim_gives_back_what_is_free(image):
    with mounted(image) as mount:
        (mount.where / "file").write_bytes(random.Random(1).randbytes(8 << 20))
        harness.run(["sync", "-f", mount.where])
        used = image.stat().st_blocks
        (mount.where / "file").unlink()
        harness.run(["fstrim", mount.where])
        assert image.stat().st_blocks < used - (7 << 20) // 512
    fsck_clean(image)


TRACES = [pytest.param(kind, trace, name, id=f"{kind.KIND}-{trace}")
          for kind, name in ((fat_media.Fat, "KEPT.TXT"), (fat_media.Exfat, "other")) for trace in kind.TRACES]


@pytest.mark.parametrize("kind, trace, name", TRACES)
def test_writing_on_after_an_interruption_makes_nothing_worse(scratch, kind, trace, name):
    medium = kind(scratch / "interrupted.img")
    leave, words = kind.TRACES[trace]
    leave(medium)
    medium.save()
    new = random.Random(2).randbytes(20_000)
    with mounted(medium.path) as mount:
        content = (mount.where / name).read_bytes() + new
        with open(mount.where / name, "ab") as file:
            file.write(new)
        (mount.where / "another file").write_bytes(new)
    with mounted(medium.path, ["ro"]) as mount:
        assert (mount.where / name).read_bytes() == content
        assert (mount.where / "another file").read_bytes() == new
    checker = "fsck.exfat" if is_exfat(medium.path) else "fsck.fat"
    left = harness.run([checker, "-n", medium.path], allowed=None).stdout
    checker, *found, _ = [line for line in left.splitlines() if line and not line.startswith(("  ", "Leaving"))]
    assert not found or found == [words.replace("no file has", "Reclaimed")] or found[0].startswith(words), left


def test_a_block_device_is_mounted_by_the_type_blkid_finds(image):
    with harness.LoopDevice(image) as loop:
        kind = harness.run(["blkid", "-p", "-s", "TYPE", "-o", "value", loop.path]).stdout.strip()
        assert kind == ("exfat" if is_exfat(image) else "vfat")
        with mounted(image, device=loop.path) as mount:
            (mount.where / "file").write_text("through a device", encoding="ascii")
        loop.wait_released()
    fsck_clean(image)


@pytest.mark.parametrize("seed", range(2))
def test_random_writes_and_sizes_of_one_file(image, seed):
    with mounted(image) as mount:
        path = mount.where / "fsx"
        content = bytearray()
        chance = random.Random(seed)
        with open(path, "w+b", buffering=0) as file:
            for _ in range(1500):
                offset = chance.randrange(200_000)
                action = chance.randrange(4)
                if action == 0:
                    os.truncate(path, offset)
                    content = content[:offset].ljust(offset, b"\0")
                elif action == 1:
                    assert os.pread(file.fileno(), 9000, offset) == content[offset:offset + 9000]
                else:
                    data = chance.randbytes(chance.randrange(1, 12_000))
                    os.pwrite(file.fileno(), data, offset)
                    content = content.ljust(offset, b"\0")
                    content[offset:offset + len(data)] = data
        assert path.read_bytes() == content
    fsck_clean(image)


@pytest.mark.parametrize("size", (40_000, 2 << 20))
def test_one_file_holds_what_fsx_gave_it(image, size):
    with mounted(image) as mount:
        for seed in (1, 2):
            harness.run([harness.built("tests/integration/fsx"), f"--seed={seed}", "--ops=1500",
                         f"--size={size}", mount.where / f"file{seed}"], timeout=120)
    fsck_clean(image)


def damage(image, chance):
    with open(image, "r+b") as file:
        for _ in range(chance.randrange(1, 20)):
            file.seek(chance.choice((chance.randrange(512), chance.randrange(200_000))))
            file.write(bytes([chance.randrange(256)]))


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_medium_harms_nobody(image, seed):
    with mounted(image) as mount:
        for number in range(20):
            (mount.where / f"folder {number}").mkdir()
            (mount.where / f"folder {number}" / "file").write_bytes(b"x" * number * 1000)
    damage(image, random.Random(seed))
    try:
        with mounted(image) as mount:
            for path in [*mount.where.rglob("*")][:500]:
                with contextlib.suppress(OSError):
                    path.read_bytes()
            with contextlib.suppress(OSError):
                (mount.where / "new").write_bytes(b"y" * 5000)
            with contextlib.suppress(OSError):
                shutil.rmtree(mount.where / "folder 3")
            assert not harness.has_ended(mount.driver)
    except harness.MountError as refusal:
        assert "the driver says" in refusal.output or "FAT" in refusal.output
