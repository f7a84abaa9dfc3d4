#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness when things go wrong, with real mounts: its messages, and that it leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

BENCH = Path(__file__).resolve().parent / "bench.py"
SKIPPED = 77
WORKLOAD = ""


def leftovers(temporary, progress):
    """Mounts and files in this test's own folder, and the loop device named by bench.py."""
    image = re.search(r"medium: \S+ over (\S+)", progress).group(1)
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    loops = subprocess.run(["losetup", "--list", "--noheadings", "--output", "BACK-FILE"],
                           capture_output=True, text=True, check=True).stdout
    found = [line for line in mounts.splitlines() if temporary in line]
    found += [line for line in loops.splitlines() if image in line]
    return found + os.listdir(temporary)


class BenchRunAsRoot(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.programs = Path(self.scratch.name) / "programs"
        self.temporary = Path(self.scratch.name) / "temporary"
        self.programs.mkdir()
        self.temporary.mkdir()
        self.environment = {**os.environ, "TMPDIR": str(self.temporary),
                            "PATH": f"{self.programs}:{os.environ['PATH']}"}

    def command(self, *words):
        return [sys.executable, str(BENCH), "--quick", "--workload", WORKLOAD, *words]

    def bench(self, *words):
        done = subprocess.run(self.command(*words), env=self.environment, capture_output=True,
                              text=True, timeout=120, check=False)
        if done.returncode == SKIPPED:
            sys.exit(SKIPPED)
        return done

    def replace_program(self, name, script):
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def test_peer_that_cannot_mount_fails_its_rows_only(self):
        self.replace_program("fuse2fs", "echo no such luck >&2; exit 5")
        done = self.bench("--peers", "kernel,fuse2fs", "--rows", "files")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("FAILED create, fuse2fs: ", done.stdout)
        self.assertIn("no such luck", done.stdout)
        self.assertIn("FAILED unlink, fuse2fs: not reached", done.stdout)
        self.assertNotIn("kernel: ", done.stdout.split("FAILED", 1)[1])
        self.assertEqual(leftovers(str(self.temporary), done.stderr), [])

    def test_peer_that_mounts_nothing_is_noticed(self):
        self.replace_program("fuse2fs", "exit 0")
        done = self.bench("--peers", "fuse2fs", "--rows", "mount")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED mount, fuse2fs: ", done.stdout)

    def test_tool_that_fails_in_the_middle_leaves_nothing(self):
        self.replace_program("du", "exit 1")
        done = self.bench("--peers", "kernel,fuse2fs", "--rows", "tree")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED du_cold, kernel: ", done.stdout)
        self.assertNotIn("FAILED find_warm", done.stdout)
        self.assertEqual(leftovers(str(self.temporary), done.stderr), [])

    def test_check_names_what_airlock_misses(self):
        build = self.scratch.name + "/build"
        os.makedirs(build + "/cli")
        Path(build + "/cli/mount.airlock").symlink_to("/bin/false")
        done = self.bench("--peers", "fuse2fs,airlock", "--rows", "mount", "--check", "--build",
                          build)
        self.assertEqual(done.returncode, 1)
        self.assertIn("MISSED mount: no figure", done.stdout)
        self.assertIn("check: failed", done.stdout)

    def test_termination_unmounts_and_detaches(self):
        process = subprocess.Popen(self.command("--peers", "fuse2fs", "--rounds", "1000"),
                                   env=self.environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        progress = ""
        for line in process.stderr:
            progress += line
            if "sequential" in line:
                break
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertEqual(leftovers(str(self.temporary), progress), [])

    def test_json_holds_every_value(self):
        path = Path(self.scratch.name) / "out.json"
        done = self.bench("--peers", "kernel,fuse2fs", "--rows", "create", "--rounds", "2",
                          "--pin", "--json", str(path))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        row = json.loads(path.read_text(encoding="utf-8"))["rows"]["create"]
        self.assertEqual([len(peer["values"]) for peer in row["peers"].values()], [2, 2])
        self.assertGreater(row["ratios"]["kernel"]["median"], 0)


if __name__ == "__main__":
    WORKLOAD = sys.argv.pop(1)
    if os.geteuid() != 0:
        sys.exit(SKIPPED)
    unittest.main()
