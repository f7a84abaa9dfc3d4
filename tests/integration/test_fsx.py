# SPDX-License-Identifier: GPL-2.0-or-later
"""Random overlapping operations on single files, every byte checked against a model in memory."""

import contextlib
import os
import subprocess
import threading

import pytest

import harness
import mkfs_spread

RUN_DEADLINE = 2 * harness.PATIENCE
KIND_BY_NAME = {kind.name: kind for kind in mkfs_spread.KINDS}
KINDS = ("ext2-1k", "ext3", "ext4", "ext4-1k", "ext4-inline-data")
OPERATIONS = 3000
LONG_OPERATIONS = 60000


@pytest.fixture
def operations(long_run):
    return LONG_OPERATIONS if long_run else OPERATIONS


def fsx_command(file, *options):
    return [str(harness.built("tests/integration/fsx")), *options, str(file)]


def finish(processes, mount, deadline=RUN_DEADLINE):
    """All of them must end well before the deadline; afterwards their driver is killed."""
    timer = threading.Timer(deadline, mount.kill_driver)
    timer.start()
    try:
        outputs = [process.communicate()[0] for process in processes]
    finally:
        timer.cancel()
    failed = [f"exit {process.returncode}: {output}"
              for process, output in zip(processes, outputs) if process.returncode != 0]
    assert not failed, "\n".join(failed)


def start(command):
    return subprocess.Popen(command, text=True, errors="replace", stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def exercise(mount, file, *options):
    finish([start(fsx_command(file, *options))], mount)


@contextlib.contextmanager
def fresh_mount(mounter, scratch, kind):
    image = harness.make_image(scratch / "fsx.img", kind.mkfs, "256M", kind.mkfs_type)
    with harness.mounted(mounter, image, ("noatime", "owner=media")) as mount:
        yield mount
    harness.e2fsck_clean(image)


@pytest.mark.parametrize("size", (200, 40000, 2 << 20))
@pytest.mark.parametrize("name", KINDS)
def test_one_file(name, size, mounter, scratch, seeds, operations):
    """With the small size, data fits into the inode, grows out of it and back."""
    with fresh_mount(mounter, scratch, KIND_BY_NAME[name]) as mount:
        for seed in seeds or (1, 2):
            exercise(mount, mount.where / f"file{seed}", f"--seed={seed}", f"--ops={operations}",
                     f"--size={size}")


@pytest.mark.parametrize("name", ("ext2-1k", "ext4", "ext4-1k"))
def test_one_file_across_mounts(name, mounter, scratch, operations):
    """The next mount must read the data of the last: nothing may live only in a cache."""
    kind = KIND_BY_NAME[name]
    image = harness.make_image(scratch / "fsx.img", kind.mkfs, "256M", kind.mkfs_type)
    # Every other mount is the kernel's, so that a mistake is read back by the other implementation.
    for turn, reader in enumerate((mounter, harness.KERNEL) * 3):
        with harness.mounted(reader, image, ("noatime", "owner=media")) as mount:
            exercise(mount, mount.where / "file", f"--seed={turn}", f"--ops={operations // 4}",
                     "--size=1000000", f"--model={scratch / 'model'}")
        harness.e2fsck_clean(image)


def shared_file(mount, model):
    """A constant file for several readers."""
    content = os.urandom(3_000_000)
    model.write_bytes(content)
    (mount.where / "shared").write_bytes(content)


@pytest.mark.parametrize("name", ("ext2-4k", "ext4"))
def test_several_processes(name, mounter, scratch, operations):
    """Four processes change files of their own while two others read a fifth file."""
    with fresh_mount(mounter, scratch, KIND_BY_NAME[name]) as mount:
        model = scratch / "shared.model"
        shared_file(mount, model)
        writers = [fsx_command(mount.where / f"file{number}", f"--seed={number}",
                               f"--ops={operations // 2}", "--size=600000") for number in range(4)]
        readers = [fsx_command(mount.where / "shared", f"--seed={number}", "--size=3000000",
                               f"--model={model}", f"--readers={operations // 2}")
                   for number in range(2)]
        finish([start(command) for command in writers + readers], mount)


def test_it_notices_a_wrong_byte(mounter, scratch):
    """The check itself: it must fail for a model that differs in one byte."""
    with fresh_mount(mounter, scratch, KIND_BY_NAME["ext4"]) as mount:
        model = scratch / "model"
        shared_file(mount, model)
        wrong = bytearray(model.read_bytes())
        wrong[1234567] ^= 1
        model.write_bytes(wrong)
        with pytest.raises(AssertionError, match="byte 1234567"):
            exercise(mount, mount.where / "shared", f"--model={model}", "--ops=1",
                     "--size=3000000")
