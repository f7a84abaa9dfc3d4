# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged media: every class of damage on images of every kind, mounted, used and unmounted.

Whatever the medium contains, the mounter mounts it or gives a readable reason why not, everything
ends in time, the driver survives, a second mount beside it is not affected, and no mount is left.
AIRLOCK_BROKEN_ROUNDS (default 3) says how many cases there are of each class; a failing case is
repeated with tests/images/break_image.py and the class and seed in its name.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import harness
import pytest

IMAGES = pathlib.Path(__file__).resolve().parent.parent / "images"
sys.path.insert(0, str(IMAGES))
import break_image  # noqa: E402
import ext_layout  # noqa: E402
import make_image  # noqa: E402
import mounting  # noqa: E402  the one place to change for another way of mounting

ROUNDS = int(os.environ.get("AIRLOCK_BROKEN_ROUNDS", "3"))
# A stand-in may die of its input; that is why there is a contained driver.
DRIVER_MAY_DIE = mounting.mounter() != "airlock"
EXERCISE_DEADLINE = harness.PATIENCE

GENERAL = [name for name in make_image.VARIANTS if name not in ("ext4-sparse-8T", "ext4-64k")]
WITH_JOURNAL = ["ext4", "ext4-dirty-journal", "ext3", "ext4-1k", "ext4-fast-commit"]
WHERE = {
    "mmp": ["ext4-mmp"], "inline-data": ["ext4-inline"], "checksums": ["ext4", "ext4-1k", "ext4-csum-seed"],
    "block-pointers": ["ext4-noextent", "ext2-1k", "ext3", "ext2-revision0"],
    "directory-index": ["ext4-largedir", "ext4", "ext3-1k", "ext4-1k"],
    "journal-super": WITH_JOURNAL, "journal-log": WITH_JOURNAL,
}
# These have many different fields to damage.
MORE_ROUNDS = {"super": 12, "features": 4, "inode": 3, "directory-entry": 3, "extent-header": 2,
               "extent-entry": 2, "random-metadata": 3}
# Features a driver may leave alone. Encryption without a key shows a plain tree here.
READ_ONLY_IS_FINE = {"ext4-dirty-journal", "ext4-bigalloc", "ext4-quota", "ext4-project", "ext4-orphan-file",
                     "ext4-verity", "ext4-encrypt", "ext4-ea-inode", "ext4-inline",
                     "ext4-mmp", "ext2-revision0"}
REFUSAL_IS_FINE = READ_ONLY_IS_FINE
DAMAGED = re.compile(r"EIO|EUCLEAN|EBADMSG|ENOTCONN")
UNREADABLE = re.compile(r"terminate called|Assertion|Sanitizer|Traceback|core dumped|[^\t\n\x20-\x7e\u00a0-\U0010ffff]")


def cases():
    for place, name in enumerate(break_image.CLASSES):
        for round_number in range(ROUNDS * MORE_ROUNDS.get(name, 1)):
            # Odd steps walk over all fields and alternate right and wrong checksums.
            seed = round_number * 7 if name == "super" else round_number
            variants = WHERE.get(name, GENERAL)
            start = (place * 5 + round_number) % len(variants)
            mode = "rw" if (place + round_number) % 2 else "ro"
            yield pytest.param(name, seed, variants[start:] + variants[:start], mode,
                               id=f"{name}-{seed}-{mode}")


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Undamaged images by variant, made on first use."""
    folder, made = tmp_path_factory.mktemp("good-images"), {}

    def get(variant):
        if variant not in made:
            made[variant] = folder / variant
            make_image.make(variant, str(made[variant]))
        return made[variant]
    return get


@pytest.fixture(scope="session")
def neighbour(images, tmp_path_factory):
    """A good medium that stays mounted all the time."""
    folder = tmp_path_factory.mktemp("neighbour")
    copy = folder / "image"
    copy_sparse(images("ext4"), copy)
    with mounting.mounted(copy, folder / "mount", ["ro"]) as mount:
        yield folder / "mount"
        mount.unmount()


def copy_sparse(source, target):
    subprocess.run(["cp", "--sparse=always", "--", source, target], check=True)


def damaged_copy(images, name, seed, variants, folder):
    """The first variant that has something to damage in this class."""
    for variant in variants:
        copy = folder / "image"
        copy_sparse(images(variant), copy)
        try:
            print(f"break_image.py {name} {seed} on {variant}:")
            break_image.apply(name, seed, str(copy))
            return copy
        except ext_layout.NotThere as reason:
            print(f"  does not apply: {reason}")
    raise AssertionError(f"no variant has anything of class {name}")


def exercise(mount, mode):
    """(exit status, report). In a process of its own: it may get stuck and is then left behind."""
    try:
        status, output = mounting.run_in_time(
            [sys.executable, IMAGES / "exercise_tree.py", mount.target, mode],
            EXERCISE_DEADLINE, "using the mounted tree")
    except mounting.Stuck:
        mount.take_away()
        raise
    print(output)
    assert status in (0, 1), f"the exercise itself failed: {output}"
    return status, json.loads(output)


def assert_readable(refusal):
    assert 0 < refusal.status < 128, f"the mounter died: {refusal}"
    assert refusal.output.strip(), "refused without a word"
    assert len(refusal.output) < 4000, "nobody reads that much"
    assert not UNREADABLE.search(refusal.output), refusal.output


def assert_neighbour_is_well(neighbour):
    status, output = mounting.run_in_time(["cat", neighbour / "hello.txt"], 10, "the neighbour")
    assert (status, output) == (0, "hello\n")


@pytest.mark.parametrize("name, seed, variants, mode", cases())
def test_damaged_image(images, neighbour, tmp_path, name, seed, variants, mode):
    image = damaged_copy(images, name, seed, variants, tmp_path)
    target = tmp_path / "mount"
    try:
        with mounting.mounted(image, target, [mode]) as mount:
            status, _ = exercise(mount, mode)
            assert status == 0 or (status == 1 and DRIVER_MAY_DIE), "the driver died"
            mount.unmount()
    except mounting.Refused as refusal:
        print(refusal)
        assert_readable(refusal)
    assert mounting.connection_of(target) is None
    assert_neighbour_is_well(neighbour)
    shutil.rmtree(tmp_path)  # hundreds of images add up


@pytest.mark.parametrize("variant", GENERAL)
def test_undamaged_image(images, neighbour, tmp_path, variant):
    """The exercise itself is harmless: a good medium is mounted or clearly refused."""
    copy = tmp_path / "image"
    copy_sparse(images(variant), copy)
    try:
        with mounting.mounted(copy, tmp_path / "mount", ["rw"]) as mount:
            status, report = exercise(mount, "rw")
            assert status == 0 or DRIVER_MAY_DIE
            if status != 0:
                return
            assert report["done"]["lstat"] > 10
            assert report["done"].get("create", 0) > 0 or variant in READ_ONLY_IS_FINE
            assert not [error for error in report["errors"] if DAMAGED.search(error)]
            mount.unmount()
    except mounting.Refused as refusal:
        assert_readable(refusal)
        assert variant in REFUSAL_IS_FINE, refusal
        return
    check = subprocess.run([make_image.tool("e2fsck"), "-fn", copy], capture_output=True, text=True)
    assert check.returncode == 0 or DRIVER_MAY_DIE or variant == "ext4-dirty-journal", check.stdout
