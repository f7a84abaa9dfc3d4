#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""contained/README.md, "How to write a driver", promises a folder and a row and 150 lines: so it is."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[4]
EXAMPLE = ROOT / "tests/drivers/romfs"
HOW_TO = ROOT / "contained/README.md"
MOST_LINES = 150
# What meson reads for a build without tests; the corpora of fuzzers are most of the rest.
NOT_NEEDED = shutil.ignore_patterns("build*", ".git", "corpus", "__pycache__")
MADE_FROM_ROWS = ("meson.build", "contained/meson.build", "units/meson.build", "udev/meson.build", "tests/drivers/meson.build",
                  "tests/meson.build", "tests/packages/meson.build")


def rows(folder):
    return re.findall(r"^AIRLOCK_DRIVER\((\w+),", (ROOT / folder / "drivers.inc").read_text(), re.M)


def commands(heading):
    """The first commands below a heading of the page."""
    text = HOW_TO.read_text()
    return re.search(r"```sh\n(.*?)```", text[text.index(heading):], re.S).group(1)


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={**os.environ, "CCACHE_BASEDIR": str(folder)})
    if done.returncode != 0:
        raise AssertionError(f"{command}:\n{done.stdout[-4000:]}")


class Example(unittest.TestCase):
    def test_it_is_as_short_as_the_page_says(self):
        lines = {path.name: len(path.read_text().splitlines()) for path in EXAMPLE.iterdir() if path.suffix in (".h", ".cc")}
        self.assertIn("romfs.cc", lines)
        self.assertLessEqual(sum(lines.values()), MOST_LINES, lines)

    def test_no_list_of_meson_names_a_driver(self):
        names = rows("contained") + rows("tests/drivers")
        self.assertGreater(len(names), 2)
        for file in MADE_FROM_ROWS:
            # airlock_fat_finish is a program, and so is what a test of one driver depends on.
            text = re.sub(r"#.*", "", (ROOT / file).read_text())
            self.assertEqual([name for name in names if re.search(rf"\b(airlock[_-])?{name}\b", text)], [], file)


class Steps(unittest.TestCase):
    """The page's own commands, in a copy of the tree."""

    def test_a_folder_and_a_row_are_a_driver(self):
        with tempfile.TemporaryDirectory() as scratch:
            copy = pathlib.Path(scratch) / "tree"
            shutil.copytree(ROOT, copy, ignore=NOT_NEEDED, symlinks=True)
            before = {path for path in copy.rglob("*") if path.is_file()}
            run(["sh", "-eu", "-c", commands("## 2. Copy the example")], copy)
            added = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()} - {
                str(path.relative_to(copy)) for path in before}
            self.assertEqual({str(pathlib.PurePath(path).parent) for path in added}, {"contained/cramfs"}, added)
            run(["meson", "setup", "build", "-Dtests=false", "-Dtray=disabled", "-Dudisks_rules=enabled"], copy)
            self.check_build(copy / "build")
            run(["ninja", "-C", "build", "contained/cramfs/libairlock_cramfs.a", "contained/cramfs/filter.inc"], copy)

    def check_build(self, build):
        targets = json.loads((build / "meson-info/intro-targets.json").read_text())
        installed = {target["name"]: target["installed"] for target in targets}
        self.assertIs(installed.get("airlock-cramfs"), True)
        self.assertIn("driver-airlock-cramfs", installed)
        self.assertIn("/cramfs\n", (build / "units/airlock-cramfs.socket").read_text())
        self.assertIn("airlock-cramfs", (build / "units/airlock-cramfs@.service").read_text())
        self.assertIn('ID_FS_TYPE}=="cramfs"', (build / "udev/86-airlock-udisks.rules").read_text())


if __name__ == "__main__":
    unittest.main()
