# SPDX-License-Identifier: GPL-2.0-or-later
"""A medium pulled out under a live mount: the device loses all its bytes at once.

The image behind a loop device is cut to nothing and the device is told so, which is the closest
thing to a pulled stick without USB: every read and write fails from then on. The flushed data stays
in a copy of the image, taken at the moment of the pull.
"""
import contextlib
import errno
import fcntl
import os
import shutil
import struct
import threading

import pytest

import harness

pytestmark = pytest.mark.contained
# A driver that waits for a missing medium would block its callers for ever.
ANSWER_DEADLINE = 10
LOOP_SET_STATUS64, LOOP_GET_STATUS64 = 0x4C04, 0x4C05
LOOP_INFO_SIZE = 232  # struct loop_info64: four 64-bit numbers before lo_sizelimit
LOOP_SIZE_LIMIT_AT = 32


def pull_out(image, loop):
    """Returns the contents of the medium at that moment."""
    harness.run(["sync", "-f", image])
    kept = image.with_name("kept.img")
    shutil.copyfile(image, kept)
    shrink_to_a_sector(loop.path)
    os.truncate(image, 0)
    harness.run(["losetup", "--set-capacity", loop.path])
    return kept


def shrink_to_a_sector(device):
    """A loop device reads zeros from a shortened file until it is told, unlike a pulled stick."""
    with open(device, "rb") as loop:
        info = bytearray(LOOP_INFO_SIZE)
        fcntl.ioctl(loop, LOOP_GET_STATUS64, info)
        struct.pack_into("=Q", info, LOOP_SIZE_LIMIT_AT, 512)
        fcntl.ioctl(loop, LOOP_SET_STATUS64, info)


def error_of(action):
    """The errno the action ends with, 0 for none; it must end in time."""
    result = []

    def attempt():
        try:
            action()
            result.append(0)
        except OSError as failed:
            result.append(failed.errno)
    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    with harness.within(ANSWER_DEADLINE):
        thread.join(harness.PATIENCE)
    assert result, "there is no answer"
    return result[0]


def write_synced(path, data):
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def stick(scratch, mounter, **image_options):
    """A mounted loop stick; removed by force at the end, because a pulled one cannot be unmounted properly."""
    image = harness.make_image(scratch / "stick.img", **image_options)
    where = scratch / "mounted"
    where.mkdir()
    with harness.LoopDevice(image) as loop:
        mount = harness.Mount(mounter, loop.path, where)
        try:
            yield image, loop, mount
        finally:
            mount.detach()


@pytest.mark.parametrize("kind", ["ext4", "ext2"])
def test_everything_is_answered_after_the_pull_and_flushed_files_are_kept(scratch, mounter, kind):
    with stick(scratch, mounter, kind=kind) as (image, loop, mount):
        write_synced(mount.where / "flushed", b"kept" * 5000)
        write_synced(mount.where / "large", os.urandom(4 << 20))
        file = os.open(mount.where / "open", os.O_RDWR | os.O_CREAT)
        os.write(file, b"not flushed")
        kept = pull_out(image, loop)

        assert error_of(lambda: os.fsync(file)) == errno.EIO
        assert error_of(lambda: write_synced(mount.where / "new", b"x")) in (errno.EIO, errno.EROFS)
        assert error_of(lambda: os.mkdir(mount.where / "folder")) in (errno.EIO, errno.EROFS)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        assert error_of(lambda: os.listdir(mount.where)) in (0, errno.EIO)
        assert error_of(lambda: os.close(file)) in (0, errno.EIO)
        assert not harness.has_ended(mount.driver), "the driver died of a pulled medium"

        with harness.within(ANSWER_DEADLINE):
            harness.run(["umount", mount.where], timeout=harness.PATIENCE)
            mount.mounted = False
            mount.wait_driver_gone(harness.PATIENCE)

    with harness.mounted(harness.KERNEL, kept) as again:
        assert (again.where / "flushed").read_bytes() == b"kept" * 5000
    harness.run(["e2fsck", "-fn", kept])


def test_a_pull_in_the_middle_of_a_large_write_ends_the_write(scratch, mounter):
    with stick(scratch, mounter, size="512M") as (image, loop, mount):
        progress = []

        def write_for_ever():
            with open(mount.where / "big", "wb", buffering=0) as file:
                for _ in range(400):
                    file.write(b"z" * (1 << 20))
                    progress.append(1)
                    os.fsync(file.fileno())
        outcome = []
        writer = threading.Thread(target=lambda: outcome.append(error_of(write_for_ever)), daemon=True)
        writer.start()
        harness.wait_until(lambda: len(progress) > 5, harness.PATIENCE, "the writer to be at work")
        pull_out(image, loop)
        writer.join(harness.PATIENCE)
        assert outcome and outcome[0] in (errno.EIO, errno.EROFS)


def test_a_cold_read_after_the_pull_fails_instead_of_returning_nothing(scratch, mounter):
    content = os.urandom(8 << 20)
    with stick(scratch, mounter) as (image, loop, mount):
        write_synced(mount.where / "file", content)
        mount.unmount()
        mount = harness.Mount(mounter, loop.path, mount.where)
        try:
            with open(mount.where / "file", "rb", buffering=0) as file:
                assert file.read(4096) == content[:4096]
                pull_out(image, loop)
                harness.run(["blockdev", "--flushbufs", loop.path], allowed=None)
                file.seek(6 << 20)
                assert error_of(lambda: file.read(1 << 20)) == errno.EIO
        finally:
            mount.detach()


def test_a_second_mount_does_not_notice(scratch, mounter, ext4):
    with harness.mounted(mounter, ext4, block_device=True) as other:
        with stick(scratch, mounter) as (image, loop, mount):
            write_synced(mount.where / "file", b"x")
            pull_out(image, loop)
            with harness.within(ANSWER_DEADLINE):
                write_synced(other.where / "file", b"y" * 100_000)
                assert (other.where / "file").read_bytes() == b"y" * 100_000
