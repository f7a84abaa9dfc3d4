#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that describe the tray to a desktop are valid."""
import pathlib
import re
import subprocess
import unittest

UI = pathlib.Path(__file__).resolve().parents[2] / "ui"


class InstalledFiles(unittest.TestCase):
    def accepted_by(self, *command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual((done.returncode, "error" in done.stdout), (0, False), done.stdout)

    def test_desktop_files(self):
        self.accepted_by("desktop-file-validate", UI / "org.airlock1.Tray.desktop")
        self.accepted_by("desktop-file-validate", UI / "org.airlock1.Tray.autostart.desktop")

    def test_metadata(self):
        # There is no homepage yet, which newer versions warn about.
        done = subprocess.run(["appstreamcli", "validate", "--no-net", "--no-color", UI / "org.airlock1.Tray.metainfo.xml"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        problems = re.findall(r"^\W*[EW]: \S+ (\S+)", done.stdout, re.M)
        self.assertIn((done.returncode, problems), [(0, []), (3, ["url-homepage-missing"])], done.stdout)


if __name__ == "__main__":
    unittest.main()
