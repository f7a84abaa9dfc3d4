# SPDX-License-Identifier: GPL-2.0-or-later
"""NTFS: what ntfsfix makes of a medium it may only look at, held against itself run by hand."""
import struct

import harness
import pytest
from checking import ask, look

CLUSTER = 4096
MFT_AT, MIRROR_AT = 48, 56  # in the boot sector: the clusters of the file table and of its copy
VOLUME_RECORD, RECORD = 3, 1024
INFORMATION, DIRTY = 0x70, 1


@pytest.fixture
def medium(scratch):
    path = scratch / "medium"
    harness.run(["truncate", "-s", "16M", path])
    harness.run(["mkntfs", "-q", "-F", "-f", "-c", str(CLUSTER), "-L", "windows", path])
    return path


def number(content, at, kind):
    return struct.unpack_from("<" + kind, content, at)[0]


def table(content, which):
    return number(content, which, "Q") * CLUSTER


def volume_flags(content, which):
    """Where the flags of the volume are, in the file table or in its copy."""
    record = table(content, which) + VOLUME_RECORD * RECORD
    at = record + number(content, record + 20, "H")
    while number(content, at, "I") != INFORMATION:
        at += number(content, at + 4, "I")
    return at + number(content, at + 20, "H") + 10


def mark_dirty(content):
    for which in (MFT_AT, MIRROR_AT):
        content[volume_flags(content, which)] |= DIRTY


def zero_boot_sector(content):
    content[:512] = bytes(512)


def misplace_the_table(content):
    content[MFT_AT:MFT_AT + 16] = bytes(16)


def tear_the_copy(content):
    start = table(content, MIRROR_AT) + 0x30
    content[start:start + 7] = b"garbage"


def tear_the_table(content):
    start = table(content, MFT_AT)
    content[start:start + 4] = b"BAAD"
    content[-512:] = bytes(512)


def cut_short(content):
    del content[len(content) // 2:]


DAMAGE = {
    zero_boot_sector: ("errors", "its boot sector is damaged, and the copy of it is not"),
    misplace_the_table: ("errors", "its boot sector is damaged, and the copy of it is not"),
    tear_the_copy: ("errors", "its file table and the copy of it differ"),
    tear_the_table: ("uncorrectable", "beyond what the checker can put right"),
    cut_short: ("uncorrectable", "it is larger than its medium"),
}


def change(path, how):
    content = bytearray(path.read_bytes())
    how(content)
    path.write_bytes(content)
    return bytes(content)


def test_what_is_in_order_is_told_so_and_nothing_is_written(medium):
    before = medium.read_bytes()
    assert look("ntfs", medium).returncode == 0
    found = ask("check", "ntfs", medium)
    assert (found.verdict, found.findings, found.changed) == ("clean", 0, False), found
    assert "what ntfsfix looks at is in order" in found.summary
    assert "was processed successfully" in found.log
    assert medium.read_bytes() == before


def test_ntfsfix_keeps_silent_about_the_mark_of_a_volume_in_use(medium):
    """Which the probe sees; airlockd puts both together."""
    before = change(medium, mark_dirty)
    assert ask("check", "ntfs", medium).verdict == "clean"
    assert medium.read_bytes() == before


@pytest.mark.parametrize("how", DAMAGE, ids=lambda how: how.__name__)
def test_damage(medium, how):
    before = change(medium, how)
    assert look("ntfs", medium).returncode == 1
    found = ask("check", "ntfs", medium)
    verdict, words = DAMAGE[how]
    assert found.verdict == verdict and words in found.summary, found
    assert medium.read_bytes() == before, "a check wrote to the medium"


def test_a_block_device_is_looked_at_the_same_way(medium):
    with harness.LoopDevice(medium) as loop:
        assert ask("mount-glance", "ntfs", loop.path).verdict == "clean"


def test_nothing_repairs_it(medium):
    before = change(medium, tear_the_copy)
    with pytest.raises(harness.HarnessError, match="ntfsfix only looks"):
        ask("repair", "ntfs", medium)
    assert medium.read_bytes() == before
