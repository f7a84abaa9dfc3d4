#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The walks in ARCHITECTURE.md lead through files and functions that exist, and the promises in SECURITY.md to tests."""
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
    """Whether a function of that name is defined there: at the start of a line, or after its result type."""
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


ATTACKERS = ["medium", "taken-over driver", "local user", "second user"]
PROPERTIES = ["confidentiality", "integrity", "availability"]


def threats():
    """[attacker, property, promise, [test], limit] of each row."""
    text = (ROOT / "SECURITY.md").read_text()
    table = text[text.index("| attacker | of |"):].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]
    return [[*row[:3], re.findall(r"`([^`]+)`", row[3]), row[4]] for row in rows]


def is_there(name):
    """Whether a test exists: path::function in Python, path::Suite.Name of gtest, path::attack of the hostile driver."""
    path, _, test = name.partition("::")
    source = (ROOT / path).read_text() if (ROOT / path).is_file() else ""
    if path.endswith(".py"):
        return re.search(rf"^def {re.escape(test)}\(", source, re.M) is not None
    if path.endswith(".inc"):
        return re.search(rf"^AIRLOCK_ATTACK\({re.escape(test)}, ", source, re.M) is not None
    suite, _, case = test.partition(".")
    return re.search(rf"^TEST\w*\({re.escape(suite)}, {re.escape(case)}\)", source, re.M) is not None


class Threats(unittest.TestCase):
    def test_every_attacker_meets_a_promise_of_every_kind(self):
        wanted = [(attacker, promise) for attacker in ATTACKERS for promise in PROPERTIES] + [("network", "all three")]
        self.assertEqual([(row[0], row[1]) for row in threats()], wanted)

    def test_every_promise_is_shown_by_tests_that_exist(self):
        for attacker, promise, text, tests, limit in threats():
            self.assertTrue(text and limit, (attacker, promise))
            self.assertGreaterEqual(len(tests), 2, (attacker, promise))
            self.assertEqual([name for name in tests if not is_there(name)], [])

    def test_a_test_that_is_gone_is_noticed(self):
        self.assertTrue(is_there("contained/hostile/attacks.inc::open_path"))
        for name in ("contained/hostile/attacks.inc::open", "tests/unit/gone.py::test_it",
                     "tests/daemon/test_life.py::test_", "tests/sandbox/ending_test.cc::Ending.RunAsRoot"):
            self.assertFalse(is_there(name), name)


if __name__ == "__main__":
    unittest.main()
