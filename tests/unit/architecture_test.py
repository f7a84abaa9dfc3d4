#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The walks in ARCHITECTURE.md lead through files and functions that exist."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOP = re.compile(r"^(\d+)\. `([a-z_/]+\.cc)` `([A-Za-z_:]+)` ", re.M)
MOST_HOPS = 12


def walks():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    section = text[text.index("## Two walks through the code"):]
    section = section[:section.index("\n## ", 1)]
    found = []
    for number, path, function in HOP.findall(section):
        if number == "1":
            found.append([])
        found[-1].append((path, function))
    return found


def defines(source, function):
    """Whether a function of that name is defined there: at the start of a line, perhaps behind its result type."""
    return re.search(rf"^[^\s/][^=;\n]*?(?<![\w:]){re.escape(function)}\(", source, re.M) is not None


class Walks(unittest.TestCase):
    def test_there_are_two_and_neither_is_long(self):
        self.assertEqual(len(walks()), 2)
        for walk in walks():
            self.assertGreater(len(walk), 5)
            self.assertLessEqual(len(walk), MOST_HOPS)

    def test_every_hop_exists(self):
        for path, function in [hop for walk in walks() for hop in walk]:
            file = ROOT / path
            self.assertTrue(file.is_file(), path)
            self.assertTrue(defines(file.read_text(), function), f"{path} does not define {function}")

    def test_a_hop_that_is_gone_is_noticed(self):
        source = "Result<void> Other::start(int a) {\n  return VolumeMachine::start();\n}\n"
        self.assertTrue(defines(source, "Other::start"))
        self.assertFalse(defines(source, "VolumeMachine::start"))
        self.assertFalse(defines(source, "Other::stop"))


if __name__ == "__main__":
    unittest.main()
