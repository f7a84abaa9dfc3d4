# SPDX-License-Identifier: GPL-2.0-or-later
"""Every class of damage: the verdict, the mode of the mount, and the result of a repair, compared
with the distribution's checkers run by hand on copies.

AIRLOCK_CORRUPTION_SEEDS (default 1) sets the number of cases of each class and type, with seeds counted from 0;
for use by hand, because twenty of them take an hour.
"""
import os
import struct

import break_image
import checking
import ext_layout
import harness
import make_image
import pytest
from checking import ask, copy_of, look

SEEDS = int(os.environ.get("AIRLOCK_CORRUPTION_SEEDS", "1"))
VARIANTS = {"ext2": ["ext2-1k", "ext2-4k"], "ext3": ["ext3-1k", "ext3"], "ext4": ["ext4", "ext4-1k", "ext4-nochecks"]}
# Structures that only these variants have; all variants have the others.
WHERE = {("inline-data", "ext4"): ["ext4-inline"], ("mmp", "ext4"): ["ext4-mmp"],
         ("block-pointers", "ext4"): ["ext4-noextent"]}
EXT4_ONLY = {"inline-data", "mmp"}
IN_ORDER = ("clean", "dirty")
TOO_SHORT = "The physical size of the device is"
LEFT_ALONE = "skipping journal recovery"
# e2fsck needs ten seconds to examine one of these, in case another machine uses it: in long runs only.
SLOW = {"mmp"}
# These may lose more than one file.
LARGE = {"super", "super-several", "features", "groups", "inode-bitmap", "block-bitmap", "random-metadata",
         "zeroed-metadata", "truncated", "block-pointers", "directory-entry", "directory-garbage", "directory-index", "special-inode",
         "journal-super", "journal-log", "mmp", "checksums"}


def cases():
    """Every class on ext4, and in turn on one of the older two; with more seeds on all three."""
    for place, name in enumerate(break_image.CLASSES):
        for kind, variants in VARIANTS.items():
            in_turn = SEEDS > 1 or name not in SLOW and kind in ("ext4", ("ext2", "ext3")[place % 2])
            if in_turn and (kind == "ext4" or name not in EXT4_ONLY):
                for seed in range(SEEDS):
                    yield pytest.param(name, kind, WHERE.get((name, kind), variants), seed,
                                       id=f"{name}-{kind}-{seed}")


@pytest.fixture(scope="module")
def images():
    """Undamaged images and their contents, made on first use."""
    with harness.scratch_directory() as folder:
        made = {}

        def get(variant):
            if variant not in made:
                image = folder / variant
                make_image.make(variant, str(image))
                made[variant] = image, checking.content_of_ext(image, folder / "content")
            return made[variant]
        yield get


def damaged(images, name, variants, seed, scratch):
    """(image, its former contents), or None if no variant has anything of that class."""
    for variant in variants:
        good, content = images(variant)
        image = scratch / "medium"
        harness.run(["cp", "--sparse=always", good, image])
        try:
            break_image.apply(name, seed, str(image))
            return image, content
        except ext_layout.NotThere:
            continue
    return None


def in_order(by_hand):
    """When it must not write, e2fsck calls the readable part of a medium clean, even if the medium ends too
    early, or its journal has more."""
    return by_hand.returncode == 0 and TOO_SHORT not in by_hand.stdout and LEFT_ALONE not in by_hand.stdout


def expect_fitting(found, code, words):
    """The verdict agrees with the checker run by hand."""
    if TOO_SHORT in words and code != 8:
        expected = {"uncorrectable"}
    elif "unsupported feature" in words or "revision level too high" in words:
        expected = {"unsupported"}
    elif LEFT_ALONE in words and code != 8:
        expected = {"needs-replay"}
    else:
        expected = {0: {"clean"}, 4: {"errors"}, 8: {"uncorrectable", "unreadable"},
                    12: {"errors", "uncorrectable"}}[code]
    assert found.verdict in expected | {"unreadable"}, (found, code, words)
    if found.verdict == "unreadable":
        assert "Input/output" in words or "short read" in words or "Error reading" in words, words


def expect_right_mode(image):
    """Read-write if, and only if, it is consistent then."""
    found = ask("mount-full", "ext4", image)
    if found.verdict == "errors" and "its journal can't be replayed" in found.summary:
        # A person should first examine the repair that e2fsck made without the journal.
        assert found.read_only and not found.changed, found
        return
    consistent = in_order(look("ext", image))
    assert (found.read_only == "") == consistent, found
    assert (found.verdict in IN_ORDER) == consistent, found
    if found.read_only:
        assert found.read_only.startswith("the check before mounting says: "), found
        assert found.summary and found.read_only.isprintable(), found


def expect_repaired(image, before, name):
    """As by hand: clean, or reported as not; the same files, with the same content."""
    twin = copy_of(image, "twin")
    checking.run_uncontained(checking.REPAIRS["ext"], twin)
    repaired = ask("repair", "ext4", image)
    if not in_order(look("ext", twin)):
        assert repaired.verdict not in IN_ORDER, repaired
        return
    assert repaired.verdict in IN_ORDER, repaired
    assert ask("check", "ext4", image).verdict == "clean"
    assert in_order(look("ext", image))
    after = checking.content_of_ext(image, image.with_name("after"))
    assert after == checking.content_of_ext(twin, image.with_name("by-hand"))
    kept = [path for path, what in before.items() if after.get(path) == what]
    if name not in LARGE:
        assert len(kept) >= len(before) * 9 // 10, f"{len(kept)} of {len(before)} files are left"


@pytest.mark.parametrize("name, kind, variants, seed", cases())
def test_damage(images, scratch, name, kind, variants, seed):
    made = damaged(images, name, variants, seed, scratch)
    if made is None:
        assert kind != "ext4" or seed > 0, "the generator has no such case"
        return
    image, before = made
    if image.stat().st_size == 0:
        with pytest.raises(harness.HarnessError, match="is empty"):
            ask("check", "ext4", image)
        return
    by_hand = look("ext", image)
    untouched = image.read_bytes()
    found = ask("check", "ext4", image)
    assert image.read_bytes() == untouched, "a check wrote to the medium"
    expect_fitting(found, by_hand.returncode, by_hand.stdout)
    expect_right_mode(copy_of(image, "mounted"))
    expect_repaired(image, before, name)
