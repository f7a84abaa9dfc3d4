#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""No library that reads media is in airlockd, which runs as root."""
import os
import pathlib
import re
import subprocess
import unittest

BUILD = pathlib.Path(os.environ["AIRLOCK_BUILD"])
READS_MEDIA = {"libblkid", "libmount", "libext2fs", "libntfs-3g", "libfuse3", "libparted", "libarchive"}


def libraries_of(program):
    """Including indirect ones."""
    shown = subprocess.run(["ldd", BUILD / program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return set(re.findall(r"^\s*(lib[\w+-]+?)(?:-\d[\d.]*)?\.so", shown, re.M))


class Libraries(unittest.TestCase):
    def test_airlockd_has_none(self):
        found = libraries_of("daemon/airlockd")
        self.assertIn("libc", found)
        self.assertEqual(found & READS_MEDIA, set())

    def test_a_program_that_has_one_is_noticed(self):
        self.assertIn("libblkid", libraries_of("contained/probe/airlock-probe"))


if __name__ == "__main__":
    unittest.main()
