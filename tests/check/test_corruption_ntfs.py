# SPDX-License-Identifier: GPL-2.0-or-later
"""NTFS: the verdict of ntfsfix on a medium it may only read, compared with ntfsfix run by hand."""
import re

import harness
import pytest
from checking import ask, look
from ntfs_media import change, cut_short, make, mark_dirty, misplace_the_table, tear_the_copy, tear_the_table, zero_boot_sector


@pytest.fixture
def medium(scratch):
    return make(scratch / "medium")


DAMAGE = {
    zero_boot_sector: ("errors", "its boot sector is damaged, and the copy of it is not"),
    misplace_the_table: ("errors", "its boot sector is damaged, and the copy of it is not"),
    tear_the_copy: ("errors", "its file table and the copy of it differ"),
    tear_the_table: ("uncorrectable", "beyond what the checker can fix"),
    cut_short: ("uncorrectable", "it is larger than its medium"),
}


def version_of_ntfsfix():
    return re.match(r"ntfsfix v(\S+)\n", harness.run(["ntfsfix", "--version"]).stdout)[1]


def test_what_is_in_order_is_told_so_and_nothing_is_written(medium):
    before = medium.read_bytes()
    assert look("ntfs", medium).returncode == 0
    found = ask("check", "ntfs", medium)
    assert (found.verdict, found.findings, found.changed) == ("clean", 0, False), found
    assert "the beginning of the volume is clean" in found.summary
    assert "was processed successfully" in found.log
    assert found.checker == "ntfsfix " + version_of_ntfsfix()
    assert medium.read_bytes() == before


def test_ntfsfix_keeps_silent_about_the_mark_of_a_volume_in_use(medium):
    """The probe sees the mark; airlockd combines both."""
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
