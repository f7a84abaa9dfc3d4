#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The completions of airlockctl in the shells they are for, with two media plugged in."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

COMPLETIONS = pathlib.Path(__file__).resolve().parents[2] / "cli" / "completions"
MESON_SKIP = 77
PROGRAM = """#!/bin/sh
[ "$*" = "list --all --quiet" ] && printf 'sdb1\\nsdc1\\n'
"""
# Has zsh complete one line in a terminal of its own, and prints its offers.
ZSH = """
zmodload zsh/zpty
zpty it zsh -f -i
zpty -w it "PS1=; fpath=($1 \\$fpath); autoload -U compinit; compinit -D -u"
zpty -w it "zstyle ':completion:*' list-prompt ''; LISTMAX=1000; echo re''ady"
zpty -r it line '*ready*'
zpty -w -n it "$2"$'\\t\\t'
sleep 1
while zpty -r -t it line; do print -r -- $line; done
"""


class Shells(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = pathlib.Path(folder.name) / "airlockctl"
        program.write_text(PROGRAM)
        program.chmod(0o755)
        self.environment = {**os.environ, "HOME": folder.name, "TERM": "dumb",
                            "PATH": f"{folder.name}:{os.environ['PATH']}"}

    def run_shell(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, env=self.environment,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def fish(self, line):
        text = self.run_shell("fish", "-c", f"source {COMPLETIONS}/airlockctl.fish; "
                              f"complete -C '{line}'")
        return {offer.split("\t")[0] for offer in text.splitlines()}

    def zsh(self, line):
        return set(self.run_shell("zsh", "-f", "-c", ZSH, "zsh", str(COMPLETIONS), line).split())

    @unittest.skipUnless(shutil.which("fish"), "there is no fish")
    def test_fish(self):
        self.assertLessEqual({"list", "unmount", "automount"}, self.fish("airlockctl "))
        self.assertEqual(self.fish("airlockctl un"), {"unmount"})
        self.assertEqual(self.fish("airlockctl eject "), {"sdb1", "sdc1"})
        self.assertEqual(self.fish("airlockctl automount "), {"on", "off", "ask"})
        self.assertEqual(self.fish("airlockctl eject --po"), {"--power-off"})
        self.assertNotIn("--force", self.fish("airlockctl list --"))

    @unittest.skipUnless(shutil.which("zsh"), "there is no zsh")
    def test_zsh(self):
        self.assertLessEqual({"list", "unmount", "automount"}, self.zsh("airlockctl "))
        self.assertLessEqual({"sdb1", "sdc1"}, self.zsh("airlockctl eject "))
        self.assertLessEqual({"on", "off", "ask"}, self.zsh("airlockctl automount "))
        offered = self.zsh("airlockctl eject --")
        self.assertLessEqual({"--power-off", "--force", "--no-ask"}, offered)
        self.assertNotIn("--lazy", offered)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(MESON_SKIP if result.skipped else 0)
