#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The counting behind the last line of ./dev test."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

from run_all import Count, count_entry, found_impossible  # noqa: E402


def entry(result, stdout="", stderr=""):
    return {"name": "x", "result": result, "stdout": stdout, "stderr": stderr}


class Counting(unittest.TestCase):
    def test_gtest(self):
        text = ("[==========] 5 tests from 1 test suite ran. (0 ms total)\n[  PASSED  ] 3 tests.\n"
                "[  SKIPPED ] 1 test, listed below:\n[  SKIPPED ] A.b\n"
                "[  FAILED  ] 1 test, listed below:\n[  FAILED  ] A.c\n")
        self.assertEqual(count_entry(entry("FAIL", text)), Count(3, 1, 1))
        self.assertEqual(count_entry(entry("OK", "[  PASSED  ] 1 test.\n")), Count(1, 0, 0))

    def test_pytest(self):
        self.assertEqual(count_entry(entry("OK", "..\n12 passed in 0.51s\n")), Count(12, 0, 0))
        self.assertEqual(count_entry(entry("SKIP", "3 passed, 2 skipped, 1 deselected in 61.20s (0:01:01)\n")),
                         Count(3, 0, 2))
        self.assertEqual(count_entry(entry("FAIL", "== 1 failed, 3 passed, 2 errors in 1.0s ==\n")),
                         Count(3, 3, 0))

    def test_unittest(self):
        self.assertEqual(count_entry(entry("FAIL", "", "Ran 9 tests in 0.1s\n\nFAILED (failures=2, skipped=1)\n")),
                         Count(6, 2, 1))
        self.assertEqual(count_entry(entry("OK", "", "Ran 9 tests in 0.1s\n\nOK\n")), Count(9, 0, 0))

    def test_a_silent_program_is_one_test(self):
        self.assertEqual(count_entry(entry("OK")), Count(1, 0, 0))
        self.assertEqual(count_entry(entry("SKIP")), Count(0, 0, 1))
        self.assertEqual(count_entry(entry("TIMEOUT")), Count(0, 1, 0))

    def test_a_crash_after_passing_tests_is_a_failure(self):
        self.assertEqual(count_entry(entry("FAIL", "[  PASSED  ] 4 tests.\n")), Count(4, 1, 0))
        self.assertEqual(count_entry(entry("FAIL", "[ RUN ] half\nSegmentation fault\n")), Count(0, 1, 0))

    def test_what_a_machine_can_not_do_is_named_once(self):
        said = "IMPOSSIBLE on this machine: attack: a reason\n"
        text = f"[ RUN      ] A.b\n{said}[ RUN      ] A.c\n{said}[  PASSED  ] 2 tests.\n"
        self.assertEqual(found_impossible(entry("OK", text)), [said.strip()])
        self.assertEqual(found_impossible(entry("OK", "possible\n")), [])
        self.assertEqual(count_entry(entry("OK", text)), Count(2, 0, 0))


if __name__ == "__main__":
    unittest.main()
