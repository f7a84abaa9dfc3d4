# SPDX-License-Identifier: GPL-2.0-or-later
"""The same random operations on the mount under test and on the kernel's ext4 must give the same
answers, the same trees and a sound filesystem.

A failure prints the seed; `--seed=N -k KIND` replays it, and AIRLOCK_MINIMISE=1 shortens it first.
"""

import dataclasses
import os
import re
import struct

import pytest

import differential
import harness
import mkfs_spread
import opscript

DEFAULT_SEEDS = (1,)
LONG_SEEDS = tuple(range(1, 21))
DEFAULT_OPERATIONS = 4000
LONG_OPERATIONS = 20000

KIND_BY_NAME = {kind.name: kind for kind in mkfs_spread.KINDS}
EXT4 = KIND_BY_NAME["ext4"]
EXT4_1K = KIND_BY_NAME["ext4-1k"]


def disagreement(oprunner, mounter, directory, kind, script):
    pair = differential.Pair(oprunner, mounter, directory, kind)
    try:
        pair.run(script)
        pair.check_on_disk()
    except (AssertionError, harness.HarnessError) as found:
        return found
    return None


def shortened(oprunner, mounter, directory, kind, script):
    # Every line is kept as its own script line number would shift; only the outcome counts.
    return differential.minimise(
        lambda shorter: disagreement(oprunner, mounter, directory, kind, shorter) is not None,
        script)


def run_seed(oprunner, mounter, directory, kind, seed, count):
    script = opscript.random_script(seed, kind, count)
    found = disagreement(oprunner, mounter, directory, kind, script)
    if found is None:
        return
    if os.environ.get("AIRLOCK_MINIMISE"):
        if isinstance(found, differential.Disagreement):
            script = script[:found.line + 1]
        script = shortened(oprunner, mounter, directory, kind, script)
        found = disagreement(oprunner, mounter, directory, kind, script) or found
        found = AssertionError(f"{found}\nshortest script:\n" + "\n".join(script))
    raise AssertionError(f"--seed={seed} -k {kind.name}: {found}") from found


@pytest.mark.parametrize("kind", mkfs_spread.KINDS, ids=lambda kind: kind.name)
@pytest.mark.deadline(25)
def test_random_operations(kind, oprunner, mounter, scratch, seeds, long_run):
    count = LONG_OPERATIONS if long_run else DEFAULT_OPERATIONS
    for seed in seeds or (LONG_SEEDS if long_run else DEFAULT_SEEDS):
        run_seed(oprunner, mounter, scratch, kind, seed, count)


@pytest.mark.parametrize("name", ("ext2-1k", "ext4", "ext4-1k", "ext4-no-dir-index",
                                  "ext4-large-dir"))
def test_crowded_directories(name, oprunner, mounter, scratch, long_run):
    pair = differential.Pair(oprunner, mounter, scratch, KIND_BY_NAME[name])
    pair.run(opscript.crowd_script(20000 if long_run else 3000))
    pair.check_on_disk()


def test_deep_paths(oprunner, mounter, scratch):
    pair = differential.Pair(oprunner, mounter, scratch, EXT4)
    pair.run(opscript.deep_script(800))
    pair.check_on_disk()


@pytest.mark.parametrize("name", ("ext2-4k", "ext4"))
def test_hard_link_limit(name, oprunner, mounter, scratch):
    """65000 names for one file, and the next one is refused."""
    pair = differential.Pair(oprunner, mounter, scratch, KIND_BY_NAME[name])
    pair.run(["mkdir links 755", "mkfile one 644", "manylinks links 65100 1 one", "stat one",
              "link one extra", "unlink one", "link links/entry-with-a-longish-name-7 extra",
              "stat extra"])
    harness.e2fsck_clean(pair.images[1])  # walking 65000 names once more would show nothing new


@pytest.mark.parametrize("name", ("ext2-4k", "ext4", "ext4-inline-data"))
def test_large_attributes(name, oprunner, mounter, scratch):
    """One value that nearly fills the attribute block, replaced, enlarged past it and removed."""
    kind = KIND_BY_NAME[name]
    script = ["mkfile f 644"]
    for size in (3000, 3900, 100, 3900, 60000, 3900):
        script += [f"setxattr f user.big 0 {size} {size}", "listxattr f"]
    script += ["setxattr f user.second 0 3000 5", "listxattr f", "removexattr f user.big",
               "setxattr f user.second 0 3000 5", "listxattr f", "tree"]
    pair = differential.Pair(oprunner, mounter, scratch, kind)
    pair.run(script)
    pair.check_on_disk()


def attribute_churn():
    """Attributes that come, grow and go, with data growing in the same inode."""
    lines = ["open 0 f bc 644"]
    for step in range(60):
        lines += [f"setxattr f user.n{step % 7} 0 {step * 13 % 180} {step}",
                  f"pwrite 0 {step * 5} 40 {step}", "listxattr f", "pread 0 0 4000"]
        if step % 5 == 4:
            lines += [f"removexattr f user.n{step % 3}", f"ftruncate 0 {step}"]
    return [*lines, "tree"]


@pytest.mark.parametrize("name", ("ext4", "ext4-inline-data", "ext4-1k"))
def test_attributes_and_data_share_an_inode(name, oprunner, mounter, scratch):
    pair = differential.Pair(oprunner, mounter, scratch, KIND_BY_NAME[name])
    pair.run(attribute_churn())
    pair.check_on_disk()


def fill_by_kernel(image, oprunner, kind, count=1500):
    with harness.mounted(harness.KERNEL, image, ("noatime",)) as mount:
        differential.run_script(oprunner, mount, opscript.random_script(5, kind, count))


def read_back(oprunner, mounter, image):
    """The tree in the view of the mounter under test, and of the kernel."""
    trees = []
    for reader in (harness.KERNEL, mounter):
        with harness.mounted(reader, image, ("ro", "noatime", "owner=media")) as mount:
            lines = differential.run_script(oprunner, mount, ["tree"])
            trees.append([without_second_map(line) for line in lines])
    return trees


def without_second_map(line):
    """The kernel reports preallocated blocks as data once it has read them, so a file has another map
    when the listing meets it by a second name."""
    return line if " links=1 " in line else re.sub(r" map:\S*", "", line)


@pytest.mark.parametrize("kind", mkfs_spread.KINDS, ids=lambda kind: kind.name)
def test_reads_what_the_kernel_wrote(kind, oprunner, mounter, scratch):
    image = harness.make_image(scratch / "kernel.img", kind.mkfs, "512M", kind.mkfs_type)
    fill_by_kernel(image, oprunner, kind)
    differential.compare(*read_back(oprunner, mounter, image), ["tree"])


def test_bigalloc_is_read_only_with_a_reason(oprunner, mounter, scratch):
    image = harness.make_image(scratch / "bigalloc.img", ("-O", "bigalloc", "-C", "65536"), "512M")
    fill_by_kernel(image, oprunner, EXT4)
    differential.compare(*read_back(oprunner, mounter, image), ["tree"])
    if mounter != harness.AIRLOCK:
        return
    with harness.mounted(mounter, image, ("rw",)) as mount:
        assert mount.read_only()
        assert "bigalloc" in mount.message and "read-only" in mount.message.lower()
    harness.e2fsck_clean(image)


def fill_up(directory, name, chunk):
    """Writes until the medium is full; returns the data that certainly reached the device."""
    content = b""
    with open(directory / name, "wb", buffering=0) as file:
        for number in range(100000):
            block = struct.pack("<Q", number) * (chunk // 8)
            try:
                file.write(block)
                os.fsync(file.fileno())
            except OSError as full:
                assert full.strerror == "No space left on device"
                return content
            content += block
    raise AssertionError("the filesystem never got full")


@pytest.mark.parametrize("mkfs", (("ext2", "1024"), ("ext4", "1024"), ("ext4", "4096")), ids="-".join)
def test_a_tiny_filesystem_gets_full_and_recovers(mkfs, mounter, scratch):
    kind, block_size = mkfs
    image = harness.make_image(scratch / "tiny.img", ("-b", block_size, "-O", "^has_journal"), "1M",
                               kind)
    with harness.mounted(mounter, image, ("noatime", "owner=media")) as mount:
        free_before = os.statvfs(mount.where).f_bfree
        (mount.where / "keep").write_bytes(b"kept" * 100)
        for attempt in range(3):
            content = fill_up(mount.where, "filler", 4096)
            assert len(content) > 300000
            assert (mount.where / "filler").read_bytes()[:len(content)] == content
            with pytest.raises(OSError, match="No space left"):
                for number in range(5000):
                    (mount.where / f"one-more-{attempt}-{number}").mkdir()
            os.unlink(mount.where / "filler")
        for left in mount.where.glob("one-more-*"):
            left.rmdir()
        assert (mount.where / "keep").read_bytes() == b"kept" * 100
        os.unlink(mount.where / "keep")
        # Grown directories keep their blocks; all other blocks must be free again.
        assert os.statvfs(mount.where).f_bfree >= free_before - 64
    harness.e2fsck_clean(image)


HUGE = dataclasses.replace(EXT4, name="huge", mkfs=(
    "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-b", "4096"))


def huge_script():
    """Few files with data far apart: past 4 GiB, 2 TiB and close to the largest offset."""
    offsets = (0, 4 << 30, (2 << 40) - 2048, (2 << 40) + (1 << 30), 5 << 40, (16 << 40) - 16384)
    lines = [f"mkdir d{number} 755" for number in range(30)]
    lines += ["open 0 d7/sparse bc 644"]
    for number, offset in enumerate(offsets):
        lines += [f"pwrite 0 {offset} 5000 {number}", f"pread 0 {offset} 6000", "fstat 0"]
    lines += ["fsync 0", "map 0", "ftruncate 0 3298534883328", "map 0", "seek 0 data 1099511627776"]
    lines += [f"open 1 d{number}/far bc 644\npwrite 1 {number} 100000 {number}"
              for number in range(30)]
    return [line for block in lines for line in block.splitlines()] + ["tree"]


@pytest.mark.deadline(10)
def test_a_sparse_8_tib_filesystem(oprunner, mounter, scratch):
    pair = differential.Pair(oprunner, mounter, scratch, HUGE, size="8T")
    pair.run(huge_script())
    pair.check_on_disk()
