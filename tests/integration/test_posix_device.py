# SPDX-License-Identifier: GPL-2.0-or-later
"""The effect of a mount on its device, and the devices it refuses: read from the image itself."""

import os
import re
import shutil
import time

import pytest

import harness
import superblock

MEDIA = ("noatime", "owner=media")
WRITEBACK_DEADLINE = 7.5  # the promise is five seconds; the rest is for debugfs
NO_CHECKSUMS = ("-O", "^metadata_csum")


def on_disk(image, path):
    """The fields of a file according to debugfs, or None if the directory does not have it."""
    text = harness.debugfs(image, f"stat {path}")
    return None if "not found" in text else text


def test_changes_reach_the_device_in_five_seconds(mounter, scratch):
    """Without a journal, because debugfs does not read it, and without any fsync."""
    image = harness.make_image(scratch / "f.img", ("-O", "^has_journal"))
    with harness.mounted(mounter, image, MEDIA) as mount:
        time.sleep(0.5)
        (mount.where / "directory").mkdir()
        (mount.where / "file").touch()
        os.chmod(mount.where / "file", 0o4711)
        # The kernel's own page cache of the loop device takes up to half a minute.
        with harness.within(60 if mounter == harness.KERNEL else WRITEBACK_DEADLINE):
            harness.wait_until(lambda: "Mode:  04711" in (on_disk(image, "/file") or ""), harness.PATIENCE,
                               "the file to show up on disk")
            harness.wait_until(lambda: on_disk(image, "/directory"), harness.PATIENCE, "the directory as well")
    harness.e2fsck_clean(image)


@pytest.mark.parametrize("how", ("fsync", "O_SYNC", "syncfs"))
def test_what_is_synced_is_on_the_device(how, mounter, scratch):
    image = harness.make_image(scratch / "f.img", ("-O", "^has_journal"))
    content = os.urandom(50000)
    # syncfs does not reach a plain FUSE server on any kernel, a fuseblk server on new ones only.
    by_device = how == "syncfs"
    if by_device and tuple(map(int, os.uname().release.split(".")[:2])) < (6, 18):
        pytest.skip("this kernel does not pass syncfs on")
    with harness.mounted(mounter, image, MEDIA, block_device=by_device) as mount:
        flags = os.O_CREAT | os.O_WRONLY | (os.O_SYNC if how == "O_SYNC" else 0)
        descriptor = os.open(mount.where / "file", flags, 0o644)
        os.write(descriptor, content)
        directory = os.open(mount.where, os.O_RDONLY)
        if how == "fsync":
            os.fsync(descriptor)
        if how == "syncfs":
            harness.run(["sync", "-f", mount.where])
        else:
            os.fsync(directory)
        os.close(directory)
        harness.run(["debugfs", "-R", f"dump /file {scratch / 'dumped'}", image])
        assert (scratch / "dumped").read_bytes() == content
        os.close(descriptor)
    harness.e2fsck_clean(image)


def test_after_sync_an_image_is_complete_in_five_seconds(scratch):
    """The kernel passes its data to the driver of plain fuse, but does not tell it to write that out."""
    image = harness.make_image(scratch / "f.img", ("-O", "^has_journal"))
    content = os.urandom(300000)
    dumped = scratch / "dumped"

    def is_on_the_image():
        harness.run(["debugfs", "-R", f"dump /file {dumped}", image])
        return dumped.exists() and dumped.read_bytes() == content

    with harness.mounted(harness.AIRLOCK, image, MEDIA) as mount:
        with open(mount.where / "file", "wb") as file:
            file.write(content)
        harness.run(["sync", "-f", mount.where])
        with harness.within(WRITEBACK_DEADLINE):
            harness.wait_until(is_on_the_image, harness.PATIENCE, "the file to be on the image")
    harness.e2fsck_clean(image)


@pytest.mark.parametrize("kind", ("ext2", "ext4"))
def test_the_superblock_says_whether_it_is_in_use(kind, mounter, scratch):
    image = harness.make_image(scratch / "f.img", kind=kind)
    before = int(time.time())
    count = superblock.read(image, "mount_count")

    def is_marked():
        dirty = not superblock.read(image, "state") & superblock.STATE_CLEAN
        recovery = superblock.read(image, "incompatible") & superblock.NEEDS_RECOVERY
        # With a journal, the kernel marks this in the journal's flag.
        return dirty or (mounter == harness.KERNEL and recovery)

    with harness.mounted(mounter, image, MEDIA) as mount:
        (mount.where / "file").touch()
        harness.run(["sync", "-f", mount.where])
        # Nobody tells a driver of plain fuse about that sync: it writes soon.
        harness.wait_until(is_marked, harness.PATIENCE, "the mark of a volume in use")
    assert superblock.read(image, "state") & superblock.STATE_CLEAN
    assert not superblock.read(image, "incompatible") & superblock.NEEDS_RECOVERY
    assert superblock.read(image, "mount_count") == count + 1
    assert superblock.read(image, "mount_time") >= before
    assert superblock.read(image, "write_time") >= before
    harness.e2fsck_clean(image)


def test_reading_only_changes_nothing(mounter, ext4):
    before = ext4.read_bytes()
    with harness.mounted(mounter, ext4, (*MEDIA, "ro")) as mount:
        assert mount.read_only()
        os.listdir(mount.where)
        with pytest.raises(OSError, match="Read-only"):
            (mount.where / "file").touch()
    assert ext4.read_bytes() == before


def disk_owner(image, path):
    found = re.search(r"User:\s+(\d+)\s+Group:\s+(\d+)", harness.debugfs(image, f"stat {path}"))
    return int(found[1]), int(found[2])


def make_owned(image):
    """A directory and a file of a user unknown on this machine."""
    with harness.mounted(harness.KERNEL, image) as mount:
        directory = mount.where / "theirs"
        directory.mkdir(mode=0o700)
        (directory / "old").write_bytes(b"old")
        os.chmod(directory / "old", 0o600)
        for path in (directory, directory / "old"):
            os.chown(path, 3333, 4444)


@pytest.mark.airlock_only
def test_by_default_everything_belongs_to_the_user(mounter, ext4):
    make_owned(ext4)
    with harness.mounted(mounter, ext4,
                         ("owner=user", "uid=1000", "gid=1000", "allow_other")) as mount:
        directory = mount.where / "theirs"
        (directory / "new").write_bytes(b"new")
        (directory / "subdirectory").mkdir()
        for path in (mount.where, directory, directory / "old", directory / "new"):
            assert (os.stat(path).st_uid, os.stat(path).st_gid) == (1000, 1000)
    for name in ("theirs/old", "theirs/new", "theirs/subdirectory"):
        assert disk_owner(ext4, f"/{name}") == (3333, 4444), name
    harness.e2fsck_clean(ext4)


@pytest.mark.airlock_only
def test_the_medium_can_say_who_owns_what(mounter, ext4):
    make_owned(ext4)
    with harness.mounted(mounter, ext4, ("owner=media",)) as mount:
        assert os.stat(mount.where / "theirs/old").st_uid == 3333
        (mount.where / "theirs/new").touch()
    assert disk_owner(ext4, "/theirs/new") == (0, 0)


def image_with_a_journal_to_replay(scratch):
    image = harness.make_image(scratch / "busy.img")
    copy = scratch / "crashed.img"
    with harness.mounted(harness.KERNEL, image) as mount:
        (mount.where / "file").write_bytes(b"content")
        harness.run(["sync", "-f", mount.where])
        shutil.copyfile(image, copy)
    assert superblock.read(copy, "incompatible") & superblock.NEEDS_RECOVERY
    return copy


@pytest.mark.airlock_only
def test_a_journal_to_replay_means_read_only_with_that_reason(mounter, scratch):
    image = image_with_a_journal_to_replay(scratch)
    before = image.read_bytes()
    with harness.mounted(mounter, image, ("rw",)) as mount:
        assert mount.read_only()
        assert "journal" in mount.message.lower()
        assert "read-only" in mount.message.lower()
        os.listdir(mount.where)
    assert image.read_bytes() == before


@pytest.mark.contained
def test_unknown_incompatible_features_are_refused(mounter, scratch):
    image = harness.make_image(scratch / "f.img", NO_CHECKSUMS)
    known = superblock.read(image, "incompatible")
    superblock.write(image, "incompatible", known | superblock.UNKNOWN_INCOMPATIBLE)
    with pytest.raises(harness.MountError) as refused:
        with harness.mounted(mounter, image, ("ro",)):
            pass
    if mounter == harness.AIRLOCK:
        assert "feature" in refused.value.output.lower()


@pytest.mark.contained
def test_unknown_read_only_features_mean_read_only(mounter, scratch):
    image = harness.make_image(scratch / "f.img", NO_CHECKSUMS)
    known = superblock.read(image, "read_only_compatible")
    superblock.write(image, "read_only_compatible",
                     known | superblock.UNKNOWN_READ_ONLY_COMPATIBLE)
    before = image.read_bytes()
    with harness.mounted(mounter, image, ("rw",)) as mount:
        assert mount.read_only()
        if mounter == harness.AIRLOCK:
            assert "feature" in mount.message.lower() and "read-only" in mount.message.lower()
    assert image.read_bytes() == before


@pytest.fixture
def protected(scratch):
    """An image with multiple-mount protection, checked as often as mke2fs allows."""
    return harness.make_image(scratch / "mmp.img", ("-O", "mmp", "-E", "mmp_update_interval=1"))


@pytest.mark.airlock_only
def test_a_filesystem_in_use_by_the_kernel_is_left_alone(mounter, protected, scratch):
    with harness.mounted(harness.KERNEL, protected):
        with pytest.raises(harness.MountError) as refused:
            with harness.mounted(mounter, protected, ("rw",), where=scratch / "second"):
                pass
        said = refused.value.output.lower()
        assert "use" in said or "busy" in said or "mmp" in said
    harness.e2fsck_clean(protected)


@pytest.mark.airlock_only
def test_the_kernel_sees_that_we_use_a_filesystem(mounter, protected, scratch):
    with harness.mounted(mounter, protected, ("rw",)) as mount:
        (mount.where / "file").touch()
        with pytest.raises(harness.MountError):
            with harness.mounted(harness.KERNEL, protected, where=scratch / "second"):
                pass
    with harness.mounted(harness.KERNEL, protected) as mount:
        assert (mount.where / "file").exists()
    harness.e2fsck_clean(protected)


@pytest.mark.contained
def test_a_device_can_not_be_written_by_two(mounter, ext4, scratch):
    with harness.LoopDevice(ext4) as loop:
        first = harness.Mount(mounter, loop.path, _directory(scratch, "first"), ("rw",))
        try:
            with pytest.raises(harness.MountError):
                harness.Mount(harness.KERNEL, loop.path, _directory(scratch, "second"))
            if mounter == harness.AIRLOCK:
                with pytest.raises(harness.MountError):
                    harness.Mount(mounter, loop.path, _directory(scratch, "second"), ("rw",))
            first.unmount()
        finally:
            first.detach()
            harness.run(["umount", scratch / "second"], allowed=None)


def _directory(scratch, name):
    path = scratch / name
    path.mkdir(exist_ok=True)
    return path


@pytest.mark.contained
@pytest.mark.parametrize("content", (b"", b"\0" * (1 << 20), b"no filesystem " * 100000),
                         ids=("empty", "zeroes", "text"))
def test_what_is_no_ext_is_refused(content, mounter, scratch):
    image = scratch / "nothing.img"
    image.write_bytes(content)
    with pytest.raises(harness.MountError) as refused:
        with harness.mounted(mounter, image, ("ro",)):
            pass
    assert refused.value.output.strip(), "refused without a word"
