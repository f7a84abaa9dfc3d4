#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits on time: a broken promise is found on any machine, and a slow machine does not break one."""
import pathlib
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
sys.dont_write_bytecode = True

import harness  # noqa: E402


def watch_of(taken, longest_start):
    watch = harness.Stopwatch()
    watch.stop()
    watch.taken, watch.longest_start = taken, longest_start
    return watch


class Promises(unittest.TestCase):
    def test_what_is_in_time_keeps_it(self):
        with harness.within(harness.PATIENCE) as watch:
            pass
        self.assertGreater(watch.longest_start, 0)

    def test_what_is_late_breaks_it(self):
        self.assertTrue(watch_of(0.09, 0.001).keeps(0.1))
        self.assertFalse(watch_of(0.5, 0.001).keeps(0.1))

    def test_a_slow_machine_is_given_more(self):
        self.assertTrue(watch_of(0.5, 0.03).keeps(0.1))

    def test_a_broken_promise_fails_the_test(self):
        with mock.patch.object(harness.Stopwatch, "keeps", lambda *_: False):
            with self.assertRaisesRegex(AssertionError, "7 s are promised"), harness.within(7):
                pass

    def test_a_failure_inside_is_the_one_that_is_told(self):
        with self.assertRaisesRegex(ValueError, "inside"), harness.within(0):
            raise ValueError("inside")


if __name__ == "__main__":
    unittest.main()
