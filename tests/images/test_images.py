# SPDX-License-Identifier: GPL-2.0-or-later
"""The tools that make and break images, tested on themselves."""
import os
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import break_image  # noqa: E402
import ext_layout  # noqa: E402
import make_image  # noqa: E402

QUICK = [name for name in make_image.VARIANTS if name != "ext4-sparse-8T"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """variant -> path, made on first use."""
    folder, made = tmp_path_factory.mktemp("images"), {}

    def get(variant):
        if variant not in made:
            made[variant] = str(folder / variant)
            make_image.make(variant, made[variant])
        return made[variant]
    return get


def content(path):
    with open(path, "rb") as file:
        return file.read()


def damaged(source, folder, name, seed):
    """The bytes after the damage; None if the class does not apply."""
    path = str(folder / "copy")
    shutil.copyfile(source, path)
    try:
        break_image.apply(name, seed, path)
    except ext_layout.NotThere:
        return None
    return content(path)


def renew_all_checksums(image):
    count = 0
    for number, record in image.used_inodes():
        image.fix_inode(number)
        count += 1
        if record.get("flags") & ext_layout.FLAG_EXTENTS and record.get("blocks"):
            for offset, _, _ in image.extent_nodes(number):
                image.fix_extent_node(number, offset)
        if record.get("mode") & 0xF000 == 0x4000:
            for _, block in image.blocks_of(number):
                image.fix_directory_block(number, block)
        if record.get("xattr_block"):
            image.fix_xattr_block(record.get("xattr_block"))
    for group in range(image.groups):
        if not image.group(group).get("flags") & 3:
            image.fix_bitmap(group, "block_bitmap")
            image.fix_bitmap(group, "inode_bitmap")
        image.fix_group(group)
    if image.incompat & ext_layout.INCOMPAT_MMP:
        image.fix_mmp(image.super.get("mmp_block"))
    if image.compat & ext_layout.COMPAT_JOURNAL:
        first = image.blocks_of(ext_layout.JOURNAL_INODE)[0][1]
        image.fix_journal_super(first * image.block_size)
    image.fix_super()
    return count


@pytest.mark.parametrize("variant", QUICK)
def test_fresh_image_is_clean_and_our_checksums_agree(images, variant, tmp_path):
    path = str(tmp_path / "copy")
    shutil.copyfile(images(variant), path)
    if variant != "ext4-dirty-journal":
        check = subprocess.run([make_image.tool("e2fsck"), "-fn", path], capture_output=True, text=True)
        assert check.returncode == 0, check.stdout
    image = ext_layout.Image(path)
    assert renew_all_checksums(image) > 5
    image.close()
    assert content(path) == content(images(variant))


def test_content_reaches_every_kind_of_structure(images):
    image = ext_layout.Image(images("ext4"))
    records = dict(image.used_inodes())
    assert any(r.get("flags") & ext_layout.FLAG_INDEX for r in records.values())
    assert any(r.get("xattr_block") for r in records.values())
    depths = [len(image.extent_nodes(n)) for n, r in records.items()
              if r.get("flags") & ext_layout.FLAG_EXTENTS]
    assert max(depths) >= 3
    image.close()


@pytest.mark.parametrize("name", list(break_image.CLASSES))
def test_class_applies_somewhere_and_repeats(images, name, tmp_path):
    variants = ["ext4", "ext4-noextent", "ext2-1k", "ext4-inline", "ext4-mmp", "ext4-largedir"]
    for seed in range(2 * len(variants)):
        variant = variants[seed % len(variants)]
        after = damaged(images(variant), tmp_path, name, seed)
        if after is not None and after != content(images(variant)):
            assert after == damaged(images(variant), tmp_path, name, seed)
            return
    pytest.fail("it changes no image")


def test_damage_is_more_than_a_wrong_checksum(images, tmp_path):
    """If checksums are corrected, e2fsck must find more than wrong checksums."""
    found = 0
    for seed in (0, 1, 2, 4, 5, 6):
        after = damaged(images("ext4"), tmp_path, "extent-entry", seed)
        if after is None:
            continue
        check = subprocess.run([make_image.tool("e2fsck"), "-fn", str(tmp_path / "copy")],
                               capture_output=True, text=True)
        assert "checksum does not match" not in check.stdout, check.stdout
        found += check.returncode != 0
    assert found >= 3


def test_command_line_says_when_a_class_does_not_apply(images, tmp_path):
    path = str(tmp_path / "copy")
    shutil.copyfile(images("ext2-1k"), path)
    tool = os.path.join(os.path.dirname(__file__), "break_image.py")
    done = subprocess.run([sys.executable, tool, "mmp", "1", path], capture_output=True, text=True)
    assert done.returncode == 3 and "does not apply" in done.stderr
    assert content(path) == content(images("ext2-1k"))
