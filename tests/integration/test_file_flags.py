# SPDX-License-Identifier: GPL-2.0-or-later
"""What ext4 can do beyond POSIX, beside the kernel: flags (chattr), files without a name (O_TMPFILE), renames
that leave a whiteout, times of birth, the label. A scenario returns what each step answered."""

import contextlib
import ctypes
import errno
import fcntl
import os
import struct
import time

import pytest

import harness

MEDIA = ("owner=media", "noatime")
JOURNALS = pytest.mark.parametrize("journal", ((), ("-O", "^has_journal")), ids=("journal", "no-journal"))
LIBC = ctypes.CDLL(None, use_errno=True)
NOBODY = 1234

GETFLAGS, SETFLAGS = 0x80086601, 0x40086602
FSGETXATTR, FSSETXATTR = 0x801C581F, 0x401C5820
GETFSLABEL, SETFSLABEL = 0x81009431, 0x41009432
IMMUTABLE, APPEND, NODUMP, NOATIME, DIRSYNC = 0x10, 0x20, 0x40, 0x80, 0x10000
NOREPLACE, EXCHANGE, WHITEOUT = 1, 2, 4


def answer(step, *arguments):
    """What a step returned, or the name of its error."""
    try:
        return step(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def ioctl(path, command, argument):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return fcntl.ioctl(descriptor, command, argument)
    finally:
        os.close(descriptor)


def flags(path):
    return struct.unpack("I", ioctl(path, GETFLAGS, bytes(4)))[0]


def change(path, add=0, take=0):
    ioctl(path, SETFLAGS, struct.pack("I", flags(path) & ~take | add))


def extended(path):
    return struct.unpack("IIIII8s", ioctl(path, FSGETXATTR, bytes(28)))


def set_extended(path, wanted, project=0):
    ioctl(path, FSSETXATTR, struct.pack("IIIII8s", wanted, 0, 0, project, 0, bytes(8)))


def rename(old, new, how):
    if LIBC.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), how) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


def give_name(descriptor, name):
    if LIBC.linkat(-100, f"/proc/self/fd/{descriptor}".encode(), -100, os.fsencode(name), 0x400) != 0:
        raise OSError(ctypes.get_errno(), "linkat")


def as_somebody(step, *arguments):
    """The answer in a process of another user, who has no privileges."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, str(answer(step, *arguments)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()


@contextlib.contextmanager
def both(mounter, scratch, mkfs_options=()):
    """Runs what is inside with the kernel and with the mounter under test, each on a fresh image; e2fsck
    judges afterwards. Yields a function that takes a scenario."""
    def run(scenario):
        answers = []
        for number, tested in enumerate((harness.KERNEL, mounter)):
            image = harness.make_image(scratch / f"{number}.img", mkfs_options, "16M")
            options = MEDIA if tested == harness.KERNEL else (*MEDIA, "allow_other")
            with harness.mounted(tested, image, options) as mount:
                os.chmod(mount.where, 0o777)
                os.chmod(scratch, 0o755)
                answers.append(scenario(mount.where))
            harness.e2fsck_clean(image)
        assert answers[0] == answers[1]
        return answers[1]
    yield run


def flag_scenario(where):
    file, directory, mine = where / "file", where / "directory", where / "mine"
    file.write_text("content")
    directory.mkdir()
    (directory / "inside").touch()
    mine.touch()
    os.chown(mine, NOBODY, NOBODY)
    seen = [answer(flags, path) for path in (where, file, directory)]
    for path in (file, directory):
        change(path, add=NODUMP | NOATIME)
        seen += [flags(path), extended(path)]
        change(path, take=NODUMP)
        seen += [flags(path), answer(set_extended, path, 0x80), flags(path), extended(path)]
        seen.append(answer(set_extended, path, 0x80, 77))  # a project, which the volume has not
    (directory / "child").mkdir()
    (directory / "child.txt").touch()
    seen += [flags(directory / "child"), flags(directory / "child.txt")]
    # Whose it is, and what only root may.
    seen += [as_somebody(change, file, NODUMP), as_somebody(change, mine, NODUMP),
             as_somebody(change, mine, IMMUTABLE), as_somebody(change, mine, APPEND)]
    seen.append(flags(mine))
    return seen


def guard_scenario(where):
    file, other, directory, growing = where / "file", where / "other", where / "directory", where / "growing"
    file.write_text("content")
    other.touch()
    for path in (directory, growing):
        path.mkdir()
        (path / "inside").touch()
    for path in (file, directory):
        change(path, add=IMMUTABLE)
    change(growing, add=APPEND)
    tried = [
        (os.chmod, file, 0o600), (os.chown, file, 1, 1), (os.utime, file, (1, 1)), (os.utime, file),
        (os.truncate, file, 3), (os.setxattr, file, "user.a", b"b"), (os.unlink, file),
        (os.rename, file, where / "elsewhere"), (os.rename, other, file), (os.link, file, where / "second"),
        (rename, other, file, EXCHANGE), (change, file, NODUMP),
        (os.chmod, directory, 0o700), (os.mkdir, directory / "new"), (os.unlink, directory / "inside"),
        (os.rename, directory / "inside", where / "outside"), (os.rename, other, directory / "new"),
        (os.rmdir, directory), (os.link, other, directory / "second"), (os.symlink, "x", directory / "link"),
        (os.setxattr, directory, "user.a", b"b"),
        (os.mkdir, growing / "new"), (os.unlink, growing / "inside"), (os.rmdir, growing / "new"),
        (os.rename, growing / "inside", where / "outside"), (os.link, other, growing / "second"),
    ]
    seen = [answer(*step) for step in tried]
    assert seen.count("EPERM") > 20
    seen += [sorted(os.listdir(path)) for path in (where, directory, growing)]
    for path in (file, directory):
        change(path, take=IMMUTABLE)
    change(growing, take=APPEND)
    seen += [answer(os.unlink, file), answer(os.unlink, directory / "inside"), answer(os.unlink, growing / "inside")]
    return seen


def test_flags_as_with_the_kernel(mounter, scratch):
    with both(mounter, scratch) as run:
        run(flag_scenario)


def test_guarded_files_as_with_the_kernel(mounter, scratch):
    with both(mounter, scratch) as run:
        run(guard_scenario)


def test_flags_stay_on_the_medium(mounter, ext4):
    with harness.mounted(mounter, ext4, MEDIA) as mount:
        (mount.where / "file").write_text("content")
        change(mount.where / "file", add=IMMUTABLE | NODUMP)
    assert "Flags: 0x80050" in harness.debugfs(ext4, "stat /file")
    harness.e2fsck_clean(ext4)
    with harness.mounted(harness.KERNEL, ext4, MEDIA) as mount:
        assert answer(os.unlink, mount.where / "file") == "EPERM"
        change(mount.where / "file", take=IMMUTABLE)


@pytest.mark.airlock_only
def test_a_write_to_an_immutable_file_changes_nothing(mounter, ext4):
    """The kernel takes it and asks us later, so the program is told when it closes the file."""
    with harness.mounted(mounter, ext4, MEDIA) as mount:
        file = mount.where / "file"
        file.write_text("content")
        change(file, add=IMMUTABLE)
        with pytest.raises(OSError):
            with open(file, "r+", encoding="ascii") as handle:
                handle.write("CHANGED")
    harness.e2fsck_clean(ext4)
    assert harness.debugfs(ext4, "cat /file").endswith("content")


def test_what_was_written_before_is_in_an_immutable_file(mounter, ext4):
    with harness.mounted(mounter, ext4, MEDIA) as mount:
        for number in range(5):  # more than there are threads to answer
            file = mount.where / f"file{number}"
            with open(file, "wb", buffering=0) as handle:
                handle.write(b"before" * 100000)
                change(file, add=IMMUTABLE)
    harness.e2fsck_clean(ext4)
    with harness.mounted(harness.KERNEL, ext4, (*MEDIA, "ro")) as mount:
        for number in range(5):
            assert (mount.where / f"file{number}").read_bytes() == b"before" * 100000


@pytest.mark.airlock_only
def test_flags_that_would_promise_more_are_refused(mounter, ext4):
    with harness.mounted(mounter, ext4, MEDIA) as mount:
        assert answer(change, mount.where, DIRSYNC) == "ENOTSUP"  # the other name of EOPNOTSUPP
        assert flags(mount.where) & DIRSYNC == 0


def whiteout_scenario(where):
    (where / "other").mkdir()
    for name in ("file", "taken", "same", "gone"):
        (where / name).write_text(name)
    (where / "folder").mkdir()
    (where / "folder" / "inside").touch()
    seen = [answer(rename, where / old, where / new, how) for old, new, how in (
        ("file", "moved", WHITEOUT), ("same", "taken", WHITEOUT), ("gone", "other/gone", WHITEOUT),
        ("folder", "other/folder", WHITEOUT), ("moved", "taken", WHITEOUT | NOREPLACE),
        ("moved", "taken", WHITEOUT | EXCHANGE), ("absent", "x", WHITEOUT))]
    for base, directories, files in sorted(os.walk(where)):
        for name in sorted((*directories, *files)):
            status = os.lstat(os.path.join(base, name))
            seen.append((name, oct(status.st_mode), status.st_rdev, status.st_uid, status.st_nlink))
    return seen


@JOURNALS
def test_a_whiteout_is_left_as_by_the_kernel(journal, mounter, scratch):
    with both(mounter, scratch, journal) as run:
        seen = run(whiteout_scenario)
    assert ("file", "0o20000", 0, 0, 1) in seen


def test_an_overlay_can_have_its_upper_layer_here(mounter, ext4, scratch):
    lower, merged = scratch / "lower", scratch / "merged"
    for directory in (lower / "folder", merged):
        directory.mkdir(parents=True)
    (lower / "kept").write_text("kept")
    (lower / "removed").write_text("removed")
    (lower / "folder" / "inside").touch()
    with harness.mounted(mounter, ext4, MEDIA) as mount:
        for name in ("upper", "work"):
            (mount.where / name).mkdir()
        harness.run(["mount", "-t", "overlay", "overlay", "-o",
                     f"lowerdir={lower},upperdir={mount.where}/upper,workdir={mount.where}/work", merged])
        try:
            (merged / "removed").unlink()
            (merged / "kept").rename(merged / "renamed")
            (merged / "folder" / "inside").rename(merged / "outside")
            assert sorted(os.listdir(merged)) == ["folder", "outside", "renamed"]
            assert (merged / "renamed").read_text() == "kept"
        finally:
            harness.run(["umount", merged])
        assert os.lstat(mount.where / "upper" / "removed").st_rdev == 0
    harness.e2fsck_clean(ext4)


def unnamed_file(where, text):
    descriptor = os.open(where, os.O_TMPFILE | os.O_RDWR, 0o640)
    os.write(descriptor, text)
    return descriptor


@JOURNALS
def test_files_without_a_name(journal, mounter, scratch):
    image = harness.make_image(scratch / "f.img", journal, "16M")
    with harness.mounted(mounter, image, MEDIA) as mount:
        free = os.statvfs(mount.where).f_ffree
        kept, dropped = unnamed_file(mount.where, b"kept" * 5000), unnamed_file(mount.where, b"dropped" * 5000)
        assert os.listdir(mount.where) == ["lost+found"]
        assert os.fstat(kept).st_nlink == 0
        give_name(kept, mount.where / "named")
        assert os.fstat(kept).st_nlink == 1
        for descriptor in (kept, dropped):
            os.close(descriptor)
        harness.wait_until(lambda: os.statvfs(mount.where).f_ffree == free - 1, 10, "the other one to go")
        assert (mount.where / "named").read_bytes() == b"kept" * 5000
        assert oct((mount.where / "named").stat().st_mode) == oct(0o100640 & ~mask())
    harness.e2fsck_clean(image)
    with harness.mounted(harness.KERNEL, image, MEDIA) as mount:
        assert (mount.where / "named").read_bytes() == b"kept" * 5000


def mask():
    now = os.umask(0)
    os.umask(now)
    return now


@JOURNALS
@pytest.mark.contained
def test_files_without_a_name_do_not_outlive_a_crash(journal, mounter, scratch):
    image = harness.make_image(scratch / "f.img", journal, "16M")
    with harness.mounted(mounter, image, MEDIA) as mount:
        lost, named = unnamed_file(mount.where, b"lost"), unnamed_file(mount.where, b"named")
        give_name(named, mount.where / "named")
        for descriptor in (lost, named):
            os.fsync(descriptor)
        mount.crash()
        for descriptor in (lost, named):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        mount.detach()
    harness.run(["e2fsck", "-fp", image], allowed=(0, 1))
    harness.e2fsck_clean(image)
    assert harness.debugfs(image, "cat /named").endswith("named")
    assert "Free inodes:              " in harness.run(["dumpe2fs", "-h", image]).stdout
    assert "lost+found" in harness.debugfs(image, "ls /")
    assert "#" not in harness.debugfs(image, "ls /lost+found")


def born(path):
    return float(harness.run(["stat", "-c", "%.9W", path]).stdout)


def test_the_time_of_birth_is_shown(mounter, ext4):
    before = time.time() - 1
    with harness.mounted(mounter, ext4, MEDIA) as mount:
        (mount.where / "file").touch()
        (mount.where / "folder").mkdir()
        os.utime(mount.where / "file", (1, 1))
        seen = [born(mount.where / name) for name in ("file", "folder")]
    assert all(before < moment < time.time() + 1 for moment in seen)
    with harness.mounted(harness.KERNEL, ext4, MEDIA) as mount:
        assert seen == [born(mount.where / name) for name in ("file", "folder")]


def test_small_inodes_have_no_time_of_birth(mounter, scratch):
    image = harness.make_image(scratch / "f.img", ("-I", "128"), "16M")
    with harness.mounted(mounter, image, MEDIA) as mount:
        (mount.where / "file").touch()
        assert born(mount.where / "file") == 0


@pytest.mark.airlock_only
@pytest.mark.parametrize("wanted", ("relatime", "strictatime"))
def test_the_mount_table_says_that_reading_sets_no_time(wanted, mounter, ext4):
    with harness.mounted(mounter, ext4, ("owner=media", wanted)) as mount:
        file = mount.where / "file"
        file.write_text("content")
        os.utime(file, (1, 1))
        assert file.read_text() == "content"
        assert os.stat(file).st_atime == 1
        assert os.statvfs(mount.where).f_flag & os.ST_NOATIME


def label_scenario(where):
    def label():
        return ioctl(where, GETFSLABEL, bytes(256)).rstrip(b"\0")

    def relabel(text):
        return ioctl(where, SETFSLABEL, text.ljust(256, b"\0")) and label()
    return [label(), answer(relabel, b"sixteen letters!"), answer(relabel, b"seventeen letters"), label(),
            as_somebody(relabel, b"stranger"), label(), answer(relabel, b""), answer(relabel, b"new")]


def test_the_label_as_with_the_kernel(mounter, scratch):
    with both(mounter, scratch, ("-L", "old")) as run:
        assert run(label_scenario)[0] == b"old"
    assert "volume name:   new" in harness.run(["dumpe2fs", "-h", scratch / "1.img"]).stdout


CASEFOLD = 0x40000000


@pytest.fixture
def folded(scratch):
    """Nobody can know whether the kernel here folds names (CONFIG_UNICODE), so e2fsck alone judges."""
    return harness.make_image(scratch / "folded.img", ("-b", "1024", "-O", "casefold", "-E", "encoding=utf8"), "32M")


@pytest.mark.airlock_only
def test_names_are_found_in_any_case_where_the_folder_wants_it(mounter, folded):
    with harness.mounted(mounter, folded, MEDIA) as mount:
        assert not mount.read_only()
        folder, plain = mount.where / "folder", mount.where / "plain"
        folder.mkdir()
        plain.mkdir()
        assert harness.run(["chattr", "+F", folder]).returncode == 0
        assert flags(folder) & CASEFOLD and not flags(plain) & CASEFOLD
        for number in range(600):
            (folder / f"A Game's File \u00c4 {number}").write_text(str(number))
        for number in range(0, 600, 7):
            assert (folder / f"a game's FILE a\u0308 {number}").read_text() == str(number)
        assert answer(os.open, folder / "a GAME's file \u00e4 5", os.O_CREAT | os.O_EXCL) == "EEXIST"
        assert answer(change, folder, 0, CASEFOLD) == "ENOTEMPTY"
        for name in ("a", "A"):
            (plain / name).write_text(name)
        assert (plain / "a").read_text() == "a"
    harness.e2fsck_clean(folded)
    assert "A Game's File" in harness.debugfs(folded, "ls /folder")
    with harness.mounted(mounter, folded, MEDIA) as mount:
        assert len(os.listdir(mount.where / "folder")) == 600
        assert (mount.where / "folder" / "A GAME'S FILE \u00c4 599").read_text() == "599"


@pytest.mark.airlock_only
def test_no_spelling_outlives_its_file(mounter, folded):
    """The kernel takes each spelling for a name of its own, and must believe none of them for long."""
    with harness.mounted(mounter, folded, MEDIA) as mount:
        folder = mount.where / "folder"
        folder.mkdir()
        change(folder, add=CASEFOLD)
        for number in range(20):
            small, large = folder / f"name{number}", folder / f"NAME{number}"
            assert not large.exists()
            small.write_text("small")
            assert large.read_text() == "small" and small.read_text() == "small"
            if number % 2:
                large.unlink()
            else:
                large.rename(folder / f"moved{number}")
            assert not small.exists() and not large.exists()
            large.write_text("large")
            assert small.read_text() == "large"
            assert f"NAME{number}" in os.listdir(folder)
    harness.e2fsck_clean(folded)
