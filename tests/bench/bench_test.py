#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the harness that need no mount: the verdict, the wording of ratios, the generated tree."""

import hashlib
import os
import tarfile
import tempfile
import unittest
from pathlib import Path

import report
from families import FAMILIES
from groups import GROUPS
from peers import make_peer
from results import Results
from rows import ROWS, select
from runner import Runner
from system import Process, StepFailed, processes_named, read_status, run
from tree import write_source_tree

PEERS = [make_peer(name, FAMILIES["ext4"], Path("build")) for name in FAMILIES["ext4"].peers]


def row_named(name):
    return next(row for row in ROWS if row.name == name)


def results_for(row_name, fuse2fs, airlock):
    results = Results([row_named(row_name)], PEERS)
    for peer, values in zip(PEERS, (fuse2fs, fuse2fs, airlock)):
        for number, value in enumerate(values):
            results.add(row_name, peer, number, value)
    return results


class Verdict(unittest.TestCase):
    def missed(self, *arguments):
        return list(report.missed_bars(results_for(*arguments)))

    def test_time_row_just_at_its_bar_passes(self):
        self.assertEqual(self.missed("create", [400.0], [100.0]), [])

    def test_time_row_below_its_bar_is_named(self):
        self.assertIn("create: ×3.96 faster", self.missed("create", [400.0], [101.0])[0])

    def test_rate_row_counts_upwards(self):
        self.assertEqual(self.missed("seqwrite", [100.0], [200.0]), [])
        self.assertEqual(len(self.missed("seqwrite", [100.0], [199.0])), 1)

    def test_level_is_not_ahead(self):
        self.assertEqual(len(self.missed("randread1", [10.0], [10.0])), 1)
        self.assertEqual(self.missed("randread1", [10.0], [10.1]), [])

    def test_the_median_of_paired_rounds_decides(self):
        self.assertEqual(self.missed("create", [400.0, 400.0, 400.0], [90.0, 95.0, 900.0]), [])

    def test_row_without_a_figure_misses_its_bar(self):
        self.assertEqual(len(self.missed("create", [400.0], [])), 1)
        self.assertEqual(len(self.missed("mount", [4.0], [])), 1)

    def test_one_slow_mount_is_forgiven_and_one_large_driver_is_not(self):
        self.assertEqual(self.missed("mount", [4.0] * 3, [20.0, 30.0, 90.0]), [])
        self.assertEqual(len(self.missed("mount", [4.0] * 3, [20.0, 61.0, 90.0])), 1)
        self.assertEqual(len(self.missed("resident_peak", [4.0] * 3, [5.0, 5.0, 20.1])), 1)

    def test_behind_without_a_bar_is_still_said(self):
        behind = list(report.behind_without_bar(results_for("mount", [4.0], [20.0])))
        self.assertEqual(behind, ["mount: ×5 slower than fuse2fs"])


class Sticks(unittest.TestCase):
    FAMILY = FAMILIES["exfat"]
    PEERS = [make_peer(name, FAMILIES["exfat"], Path("build")) for name in FAMILIES["exfat"].peers]

    def missed(self, row_name, theirs, ours):
        rows = select([row_name], self.FAMILY.rows)
        results = Results(rows, self.PEERS)
        for peer, value in zip(self.PEERS, (theirs, ours)):
            results.add(row_name, peer, 0, value)
        return list(report.missed_bars(results, references=self.FAMILY.references))

    def test_nearly_level_is_enough_for_data(self):
        self.assertEqual(self.missed("seqwrite", 100.0, 91.0), [])
        self.assertIn("should be ×0.9", self.missed("seqwrite", 100.0, 89.0)[0])

    def test_names_have_to_be_twice_as_fast(self):
        self.assertEqual(self.missed("unlink", 20.0, 10.0), [])
        self.assertEqual(len(self.missed("unlink", 20.0, 10.1)), 1)

    def test_a_directory_that_gets_slow_and_a_slow_large_mount_are_named(self):
        self.assertEqual(len(self.missed("create_growth", 0.0, 2.1)), 1)
        self.assertEqual(len(self.missed("mount_large", 50.0, 101.0)), 1)
        self.assertEqual(self.missed("mount_large", 50.0, 99.0), [])

    def test_what_is_about_airlock_alone_is_asked_of_nobody_else(self):
        rows = select(["many"], self.FAMILY.rows)
        owed = {peer.name for _, peer, _ in Results(rows, self.PEERS).failed_entries(1)}
        self.assertEqual(owed, {"airlock"})

    def test_every_row_has_a_group_that_measures_it(self):
        for family in FAMILIES.values():
            self.assertLessEqual({row.group for row in family.rows}, {*GROUPS, "resident"})

    def test_a_peer_of_another_filesystem_is_refused(self):
        with self.assertRaises(ValueError):
            make_peer("fuse2fs", self.FAMILY, Path("build"))


class Completeness(unittest.TestCase):
    def test_missing_round_without_a_reason_is_a_failure(self):
        results = results_for("create", [1.0, 1.0], [1.0])
        failed = [(peer.name, reason) for _, peer, reason in results.failed_entries(2)]
        self.assertEqual(failed, [("airlock", "only 1 of 2 rounds gave a figure")])

    def test_step_that_fails_fails_the_rows_it_owed(self):
        runner = Runner(select(["tree"]), PEERS, setup=None)
        runner.results.add("untar", PEERS[0], 0, 5.0)
        runner.fail_rest("tree", PEERS[0], 0, "find: exit 1")
        failures = runner.results.failures
        self.assertEqual(failures["untar", "kernel"], [])
        self.assertEqual(failures["find_cold", "kernel"], ["find: exit 1"])
        self.assertEqual(failures["rm", "kernel"], ["not reached: find: exit 1"])

    def test_kernel_owes_no_driver_size(self):
        results = Results([row_named("resident_idle")], PEERS[:1])
        self.assertEqual(list(results.failed_entries(1)), [])

    def test_every_row_has_a_group_that_measures_it(self):
        self.assertEqual({row.group for row in ROWS} - GROUPS.keys(), {"resident"})

    def test_unknown_row_is_refused(self):
        with self.assertRaises(ValueError):
            select(["creat"])


class Wording(unittest.TestCase):
    def text(self, row_name, ours, theirs):
        results = results_for(row_name, theirs, ours)
        return report.comparison(results, row_named(row_name), "airlock", "fuse2fs")

    def test_less_time_is_faster(self):
        self.assertEqual(self.text("create", [10.0], [23.0]), "×2.3 faster than fuse2fs")

    def test_lower_rate_is_slower(self):
        self.assertEqual(self.text("seqwrite", [10.0], [20.0]), "×2 slower than fuse2fs")

    def test_range_goes_the_way_of_the_word(self):
        self.assertEqual(self.text("create", [20.0, 40.0, 80.0], [10.0, 10.0, 10.0]),
                         "×4 slower than fuse2fs (2-8)")

    def test_sizes_are_smaller_or_larger(self):
        self.assertEqual(self.text("resident_end", [8.0], [4.0]), "×2 larger than fuse2fs")


class Tree(unittest.TestCase):
    def digest(self, directory, seed):
        path = Path(directory) / f"{seed}.tar"
        write_source_tree(path, files=300, seed=seed)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def test_same_seed_gives_the_same_archive(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(self.digest(directory, 1), self.digest(directory, 1))
            self.assertNotEqual(self.digest(directory, 1), self.digest(directory, 2))

    def test_full_tree_has_the_promised_shape(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "source.tar"
            write_source_tree(path, files=2000)
            with tarfile.open(path) as archive:
                members = archive.getmembers()
        folders = [member for member in members if member.isdir()]
        total = sum(member.size for member in members)
        self.assertEqual(len(members) - len(folders), 2000)
        self.assertTrue(120 <= len(folders) <= 180)
        self.assertTrue(10 << 20 < total < 40 << 20, total)


class Processes(unittest.TestCase):
    def test_finds_itself_by_name_and_start(self):
        comm = Path("/proc/self/comm").read_text(encoding="utf-8").strip()
        self.assertIn(os.getpid(), {process.pid for process in processes_named(comm)})

    def test_reused_number_is_another_process(self):
        start = read_status(os.getpid())[1]
        self.assertTrue(Process(os.getpid(), start).alive())
        self.assertFalse(Process(os.getpid(), start - 1).alive())

    def test_failing_program_is_quoted(self):
        with self.assertRaisesRegex(StepFailed, "exit 3: because"):
            run(["sh", "-c", "echo because >&2; exit 3"])

    def test_hanging_program_is_ended(self):
        with self.assertRaisesRegex(StepFailed, "took longer"):
            run(["sleep", "60"], timeout=0.1)


if __name__ == "__main__":
    unittest.main()
