# SPDX-License-Identifier: GPL-2.0-or-later
"""Behaviour that programs rely on without thinking: directories read while they change, files that
live on after their last name, inherited permissions, times, numbers that add up."""

import concurrent.futures
import ctypes
import contextlib
import errno
import fcntl
import os
import signal
import stat
import struct
import subprocess
import time

import pytest

import harness
import opscript

MEDIA = ("noatime", "owner=media")
FITRIM = 0xC0185879
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.opendir.restype = ctypes.c_void_p
LIBC.readdir.restype = ctypes.c_void_p
LIBC.telldir.restype = ctypes.c_long
for function in ("readdir", "telldir", "seekdir", "closedir"):
    getattr(LIBC, function).argtypes = [ctypes.c_void_p, ctypes.c_long][:1 + (function == "seekdir")]


class DirectoryStream:
    """opendir() and related calls, which Python hides: positions and reading bit by bit."""

    NAME_OFFSET = 19  # of d_name in a 64-bit dirent

    def __init__(self, path):
        self.stream = LIBC.opendir(os.fsencode(path))
        assert self.stream, os.strerror(ctypes.get_errno())

    def next(self):
        entry = LIBC.readdir(self.stream)
        return os.fsdecode(ctypes.string_at(entry + self.NAME_OFFSET)) if entry else None

    def rest(self):
        return list(iter(self.next, None))

    def tell(self):
        return LIBC.telldir(self.stream)

    def seek(self, position):
        LIBC.seekdir(self.stream, position)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        LIBC.closedir(self.stream)


@pytest.fixture
def mount(mounter, ext4):
    """A mounted ext4; must be sound afterwards, whatever the test did to it."""
    with harness.mounted(mounter, ext4, MEDIA) as mounted:
        yield mounted
    harness.e2fsck_clean(ext4)


def make_files(directory, count, prefix="stable"):
    names = {f"{prefix}-{number:05}" for number in range(count)}
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).touch()
    return names


@pytest.mark.parametrize("count", (20, 3000))
def test_entries_that_stay_are_read_once_while_others_come_and_go(mount, count):
    directory = mount.where / "busy"
    stable = make_files(directory, count)
    doomed = sorted(make_files(directory, count, "doomed"))
    seen = []
    with DirectoryStream(directory) as stream:
        for step in range(10 * count):
            name = stream.next()
            if name is None:
                break
            seen.append(name)
            (directory / f"new-{step:05}").touch()
            if step < len(doomed):
                (directory / doomed[step]).unlink()
    assert sorted(name for name in seen if name.startswith("stable")) == sorted(stable)


def test_directory_positions_stay_good(mount):
    directory = mount.where / "positions"
    make_files(directory, 2000)
    with DirectoryStream(directory) as stream:
        positions = []
        while True:
            position = stream.tell()
            name = stream.next()
            if name is None:
                break
            positions.append((position, name))
        for position, name in positions[::-97]:
            stream.seek(position)
            assert stream.next() == name
        (directory / positions[5][1]).unlink()
        middle = len(positions) // 2
        stream.seek(positions[middle][0])
        assert stream.rest() == [name for _, name in positions[middle:]]


def hammer(directory, worker):
    """Creates, renames, links, reads and removes in a directory shared with other workers."""
    for number in range(150):
        path = directory / f"{worker}-{number}"
        content = f"{worker} {number}\n".encode() * 50
        path.write_bytes(content)
        os.link(path, directory / f"{worker}-{number}-link")
        os.replace(path, directory / f"{worker}-{number}-moved")
        assert (directory / f"{worker}-{number}-link").read_bytes() == content
        if number % 3:
            (directory / f"{worker}-{number}-moved").unlink()
        os.listdir(directory) if number % 25 == 0 else os.stat(directory)


def test_threads_do_not_disturb_each_other(mount):
    directory = mount.where / "shared"
    directory.mkdir()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(hammer, directory, worker) for worker in range(6)]:
            done.result()
    names = os.listdir(directory)
    assert len(names) == 6 * (150 + 50)
    assert all(os.stat(directory / name).st_nlink == (2 if number % 3 == 0 else 1)
               for name in names for number in [int(name.split("-")[1])])


def test_only_one_of_many_creates_the_name(mount):
    def create(_):
        try:
            os.close(os.open(mount.where / "contested", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return 0
        return 1
    for _ in range(50):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(create, range(4))) == 1
        os.unlink(mount.where / "contested")


def free_blocks(where):
    descriptor = os.open(where, os.O_RDONLY)
    try:
        LIBC.syncfs(descriptor)
    finally:
        os.close(descriptor)
    return os.statvfs(where).f_bfree


def test_an_unlinked_open_file_keeps_its_space_until_closed(mount):
    (mount.where / "anything").touch()
    before = free_blocks(mount.where)
    with open(mount.where / "gone", "w+b") as file:
        file.write(os.urandom(8 << 20))
        file.flush()
        os.fsync(file.fileno())
        os.unlink(mount.where / "gone")
        assert not (mount.where / "gone").exists()
        assert os.fstat(file.fileno()).st_nlink == 0
        assert free_blocks(mount.where) <= before - (8 << 20) // 4096
        file.seek(4 << 20)
        file.write(b"still writable")
        file.flush()
        file.seek(4 << 20)
        assert file.read(14) == b"still writable"
    # close() returns before the driver hears of it.
    harness.wait_until(lambda: free_blocks(mount.where) >= before - 8, 5, "the space to come back")


@pytest.mark.contained
def test_a_killed_driver_leaves_unlinked_open_files_to_e2fsck(mounter, ext4):
    with harness.mounted(mounter, ext4, MEDIA) as mount:
        file = os.open(mount.where / "gone", os.O_CREAT | os.O_WRONLY)
        os.write(file, os.urandom(1 << 20))
        os.fsync(file)
        os.unlink(mount.where / "gone")
        descriptor = os.open(mount.where, os.O_RDONLY)
        os.fsync(descriptor)
        mount.kill_driver()
        for opened in (file, descriptor):
            with contextlib.suppress(OSError):  # the kernel may have times to write back
                os.close(opened)
        mount.detach()
    done = harness.run(["e2fsck", "-fy", ext4], allowed=(0, 1))
    harness.e2fsck_clean(ext4)
    assert "lost+found" not in done.stdout, "a deleted file came back"


@pytest.mark.airlock_only
def test_a_driver_told_to_end_leaves_the_medium_clean(mounter, ext4):
    with harness.mounted(mounter, ext4, MEDIA) as mount:
        (mount.where / "file").write_bytes(b"content")
        mount.kill_driver(signal.SIGTERM)
        mount.wait_driver_gone(10)
        with pytest.raises(OSError):
            os.stat(mount.where / "file")
        mount.detach()
    harness.e2fsck_clean(ext4)
    with harness.mounted(harness.KERNEL, ext4, ("ro",)) as mount:
        assert (mount.where / "file").read_bytes() == b"content"


@pytest.mark.parametrize("when", (-2147483647, -1, 0, 1, 2147483648, 4294967296, 15032385534),
                         ids=str)
def test_times_to_the_nanosecond_and_past_2038(when, mounter, ext4):
    """Large inodes have 34 bits for seconds, up to 2446; the kernel cuts the outermost second."""
    moment = (when * 10**9 + 123456789, when * 10**9 + 987654321)
    with harness.mounted(mounter, ext4, MEDIA) as mount:
        (mount.where / "f").touch()
        os.utime(mount.where / "f", ns=moment)
    for reader in (mounter, harness.KERNEL):
        with harness.mounted(reader, ext4, (*MEDIA, "ro")) as mount:
            found = os.stat(mount.where / "f")
            assert (found.st_atime_ns, found.st_mtime_ns) == moment


def test_small_inodes_keep_times_inside_their_range(mounter, scratch):
    image = harness.make_image(scratch / "small.img", ("-I", "128"), kind="ext2")
    seen = []
    for tested in (harness.KERNEL, mounter):
        with harness.mounted(tested, image, MEDIA) as mount:
            (mount.where / tested).touch()
            os.utime(mount.where / tested, ns=(4294967296 * 10**9 + 5, -4294967296 * 10**9))
    with harness.mounted(harness.KERNEL, image, ("ro",)) as mount:
        for tested in (harness.KERNEL, mounter):
            found = os.stat(mount.where / tested)
            seen.append((found.st_atime_ns, found.st_mtime_ns))
    assert seen[0] == seen[1]
    harness.e2fsck_clean(image)


def test_statfs_agrees_with_the_kernel(mounter, scratch):
    """The driver reserves no clusters for delayed writes, so small differences are right."""
    for options in (("-b", "1024"), ("-b", "4096", "-m", "5"), ("-m", "0")):
        image = harness.make_image(scratch / "f.img", options, "200M")
        numbers = []
        for tested in (harness.KERNEL, mounter):
            with harness.mounted(tested, image, (*MEDIA, "ro")) as mount:
                numbers.append(os.statvfs(mount.where))
        kernel, tested = numbers
        for exact in ("f_bsize", "f_frsize", "f_blocks", "f_files", "f_ffree", "f_namemax"):
            assert getattr(tested, exact) == getattr(kernel, exact), exact
        for close in ("f_bfree", "f_bavail"):
            assert abs(getattr(tested, close) - getattr(kernel, close)) < kernel.f_blocks // 50, close


def test_statfs_follows_what_happens(mount):
    before = os.statvfs(mount.where)
    (mount.where / "f").write_bytes(os.urandom(10 << 20))
    free_blocks(mount.where)
    after = os.statvfs(mount.where)
    used = (before.f_bfree - after.f_bfree) * after.f_frsize
    assert 10 << 20 <= used <= 11 << 20
    assert before.f_ffree - after.f_ffree == 1


@pytest.mark.parametrize("block_device", (False, True), ids=("image", "device"))
def test_fitrim_gives_unused_blocks_back(block_device, mounter, scratch):
    image = harness.make_image(scratch / "trim.img", ("-O", "^has_journal"), "64M")
    with harness.mounted(mounter, image, MEDIA, block_device=block_device) as mount:
        (mount.where / "stays").write_bytes(b"x" * (1 << 20))
        (mount.where / "goes").write_bytes(os.urandom(20 << 20))
        free_blocks(mount.where)
    before = os.stat(image).st_blocks * 512
    assert before >= 20 << 20
    with harness.mounted(mounter, image, MEDIA, block_device=block_device) as mount:
        free = os.statvfs(mount.where).f_bavail
        (mount.where / "goes").unlink()
        # Its blocks are free once the kernel drops it, which happens separately.
        harness.wait_until(lambda: os.statvfs(mount.where).f_bavail > free, 10, "the file to be gone")
        descriptor = os.open(mount.where, os.O_RDONLY)
        os.fsync(descriptor)
        answer = bytearray(struct.pack("<QQQ", 0, (1 << 64) - 1, 0))
        fcntl.ioctl(descriptor, FITRIM, answer)
        os.close(descriptor)
        assert struct.unpack("<QQQ", answer)[1] >= 20 << 20
        assert (mount.where / "stays").read_bytes() == b"x" * (1 << 20)
    assert os.stat(image).st_blocks * 512 <= before - (19 << 20)
    harness.e2fsck_clean(image)


def acl_scenario(where):
    """Default ACLs, their effect on new objects, and the effect of chmod on them."""
    directory = where / "handed-down"
    directory.mkdir()
    named = ((opscript.ACL_USER, 1000, 7), (opscript.ACL_GROUP, 2000, 5))
    os.setxattr(directory, "system.posix_acl_default", opscript.acl(7, 5, 0, named))
    before = os.umask(0o022)
    try:
        (directory / "file").touch(mode=0o666)
        os.close(os.open(directory / "private", os.O_CREAT | os.O_WRONLY, 0o600))
        (directory / "sub").mkdir(mode=0o777)
        (directory / "sub" / "deeper").mkdir(mode=0o777)
        os.mkfifo(directory / "fifo", 0o666)
        os.symlink("file", directory / "link")
        (directory / "sub" / "changed").touch()
        os.chmod(directory / "sub" / "changed", 0o640)
    finally:
        os.umask(before)


def permissions_below(where):
    found = {}
    for base, directories, files in os.walk(where / "handed-down"):
        for name in (*directories, *files, "."):
            path = os.path.join(base, name)
            acls = {}
            for kind in ("system.posix_acl_access", "system.posix_acl_default"):
                try:
                    acls[kind] = os.getxattr(path, kind, follow_symlinks=False).hex()
                except OSError as error:
                    acls[kind] = errno.errorcode[error.errno]
            found[os.path.relpath(path, where)] = (oct(os.lstat(path).st_mode), acls)
    return found


def test_acls_are_handed_down_as_the_kernel_does(mounter, scratch):
    found = []
    for tested in (harness.KERNEL, mounter):
        image = harness.make_image(scratch / f"acl-{len(found)}.img")
        with harness.mounted(tested, image, MEDIA) as mount:
            acl_scenario(mount.where)
            live = permissions_below(mount.where)
        with harness.mounted(harness.KERNEL, image, ("ro",)) as mount:
            assert permissions_below(mount.where) == live
        harness.e2fsck_clean(image)
        found.append(live)
    assert found[0] == found[1]


def test_setgid_directories_hand_down_their_group(mount):
    directory = mount.where / "team"
    directory.mkdir()
    os.chown(directory, 5, 4242)
    os.chmod(directory, 0o2775)
    (directory / "file").touch()
    (directory / "sub").mkdir()
    assert os.stat(directory / "file").st_gid == 4242
    assert os.stat(directory / "sub").st_gid == 4242
    assert os.stat(directory / "sub").st_mode & stat.S_ISGID


def as_user(user, *command):
    return subprocess.run(["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups",
                           *map(str, command)], check=False, timeout=20, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_other_users_meet_permissions_and_the_sticky_bit(mounter, ext4, scratch):
    os.chmod(scratch, 0o755)
    options = (*MEDIA, "allow_other") if mounter == harness.AIRLOCK else MEDIA
    with harness.mounted(mounter, ext4, options) as mount:
        common = mount.where / "tmp"
        common.mkdir()
        os.chmod(common, 0o1777)
        os.chmod(mount.where, 0o755)
        (common / "of-root").write_text("x", encoding="utf-8")
        os.chmod(common / "of-root", 0o600)
        assert as_user(1001, "touch", common / "mine").returncode == 0
        assert os.stat(common / "mine").st_uid == 1001
        assert as_user(1002, "rm", "-f", common / "mine").returncode != 0
        assert as_user(1002, "cat", common / "of-root").returncode != 0
        assert as_user(1001, "touch", mount.where / "nowhere").returncode != 0
        assert as_user(1001, "rm", "-f", common / "mine").returncode == 0


# Prints the result of each call; runs as the user in question.
ATTRIBUTE_CALLS = r"""
import errno, os, sys
path, *names = sys.argv[1:]
calls = {
    "set": lambda name: os.setxattr(path, name, bytes.fromhex(VALUE), follow_symlinks=False),
    "get": lambda name: os.getxattr(path, name, follow_symlinks=False),
    "remove": lambda name: os.removexattr(path, name, follow_symlinks=False),
}
for name in names:
    for what, call in calls.items():
        try:
            call(name)
            answer = "done"
        except OSError as error:
            answer = errno.errorcode[error.errno]
        print(what, name, answer)
"""


def attribute_answers(user, path, names):
    # An access list that says more than a mode, so that it is kept.
    value = opscript.acl(7, 5, 0, ((opscript.ACL_USER, 1000, 7),)).hex()
    script = f"VALUE = {value!r}\n{ATTRIBUTE_CALLS}"
    done = as_user(user, "/usr/bin/python3", "-c", script, path, *names)
    assert done.returncode == 0, done.stdout
    return [f"{user} {path.name} {line}" for line in done.stdout.splitlines()]


def system_attribute_answers(tested, image, scratch):
    """The answers for root and a user, about files of root and of the user, a folder and a link."""
    names = ("system.posix_acl_access", "system.posix_acl_default", "system.posix_acl_accessory",
             "system.richacl", "system.foo", "system.data", "system.", "system", "sys.x", "user.")
    options = (*MEDIA, "allow_other") if tested == harness.AIRLOCK else MEDIA
    answers = []
    with harness.mounted(tested, image, options) as mount:
        os.chmod(mount.where, 0o755)
        for name in ("of-root", "of-user"):
            (mount.where / name).touch()
            os.chmod(mount.where / name, 0o666)
        (mount.where / "folder").mkdir(mode=0o777)
        os.chmod(mount.where / "folder", 0o777)
        (mount.where / "link").symlink_to("of-root")
        os.chown(mount.where / "of-user", 1001, 1001)
        for user in (1001, 0):
            for name in ("of-root", "of-user", "folder", "link"):
                answers += attribute_answers(user, mount.where / name, names)
    harness.e2fsck_clean(image)
    return answers


def test_system_attributes_answer_as_the_kernels(mounter, scratch):
    os.chmod(scratch, 0o755)
    kernel, tested = (
        system_attribute_answers(asked, harness.make_image(scratch / f"{asked}-s.img"), scratch)
        for asked in (harness.KERNEL, mounter))
    different = [f"{ours}, the kernel: {theirs.split()[-1]}"
                 for ours, theirs in zip(tested, kernel, strict=True) if ours != theirs]
    assert not different, "\n".join(different)
    assert any(line.endswith("EPERM") for line in kernel) and any("done" in line for line in kernel)


def test_holes_punched_give_space_back(mount):
    with open(mount.where / "f", "w+b") as file:
        file.write(b"x" * (4 << 20))
        file.flush()
        os.fsync(file.fileno())
        before = os.fstat(file.fileno()).st_blocks
        harness.run(["fallocate", "--punch-hole", "--offset", 1 << 20, "--length", 2 << 20,
                     mount.where / "f"])
        os.fsync(file.fileno())
        after = os.fstat(file.fileno())
        assert before - after.st_blocks >= (2 << 20) // 512
        assert after.st_size == 4 << 20


def test_what_no_file_can_reach_is_refused(mounter, scratch):
    """Block-mapped with 1 KiB blocks: a little more than 16 GiB. The file stays usable."""
    image = harness.make_image(scratch / "f.img", ("-b", "1024"), kind="ext2")
    with harness.mounted(mounter, image, MEDIA) as mount:
        with open(mount.where / "f", "w+b", buffering=0) as file:
            with pytest.raises(OSError) as refused:
                os.ftruncate(file.fileno(), 1 << 40)
            assert refused.value.errno == errno.EFBIG
            with pytest.raises(OSError) as refused:
                os.pwrite(file.fileno(), b"x", 1 << 40)
                os.fsync(file.fileno())
            assert refused.value.errno == errno.EFBIG
            os.ftruncate(file.fileno(), 0)
            os.pwrite(file.fileno(), b"fine", 0)
        assert (mount.where / "f").read_bytes() == b"fine"
    harness.e2fsck_clean(image)


def test_data_written_a_moment_ago_is_no_hole(mount):
    """cp first looks for holes; it would skip unwritten pages reported as a hole."""
    with open(mount.where / "f", "w+b", buffering=0) as file:
        os.ftruncate(file.fileno(), 1 << 20)
        os.pwrite(file.fileno(), b"data", 512 << 10)
        assert os.lseek(file.fileno(), 0, os.SEEK_DATA) <= 512 << 10
    harness.run(["cp", "--sparse=auto", mount.where / "f", mount.where / "copy"])
    assert (mount.where / "copy").read_bytes()[512 << 10:][:4] == b"data"


def test_a_deep_move_of_a_directory_changes_its_parent(mount):
    for name in ("a/b/c", "d"):
        (mount.where / name).mkdir(parents=True)
    inode = os.stat(mount.where / "d").st_ino
    os.rename(mount.where / "a/b", mount.where / "d/b")
    assert os.stat(mount.where / "d/b/..").st_ino == inode
    assert os.stat(mount.where / "a").st_nlink == 2
    assert os.stat(mount.where / "d").st_nlink == 3


def test_changed_times_show_at_once(mount):
    path = mount.where / "f"
    path.write_bytes(b"x")
    os.utime(path, (1, 1))
    time.sleep(0.02)
    path.write_bytes(b"y")
    assert time.time() - os.stat(path).st_mtime < 10
    before = os.stat(mount.where).st_mtime_ns
    time.sleep(0.02)
    (mount.where / "another").touch()
    assert os.stat(mount.where).st_mtime_ns > before
