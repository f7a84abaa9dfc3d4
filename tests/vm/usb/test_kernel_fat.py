# SPDX-License-Identifier: GPL-2.0-or-later
"""FAT and exFAT by our driver and by the kernel's own: the same answers, the same bytes on the stick."""
import pytest

from fat_script import random_script
from kernel_fat import KINDS, Pair


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", KINDS)
def test_random_operations_end_alike(machine, tmp_path, kind, seed):
    pair = Pair(machine, kind, tmp_path)
    pair.run(random_script(seed, 600))
    pair.check()
