#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The arguments of ./dev test, what it installs and builds, and the counting behind its last line."""
import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.dont_write_bytecode = True

import select_tests  # noqa: E402
from run_all import Count, Report, SanitizedBuild, count_entry, found_impossible  # noqa: E402


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


PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q"]
PROGRAMS = {"airlockd": "daemon/airlockd", "volumes_test": "tests/unit/volumes_test", "rules_test": "tests/unit/rules_test"}


def describe_build(build, root, info):
    """A configured build folder with a test of each kind, as meson writes it."""
    sources = {"airlockd": ["daemon/main.cc"], "rules_test": ["tests/unit/policy_rules_test.cc"],
               "volumes_test": ["tests/unit/volumes_life_test.cc", "tests/unit/volumes_storm_test.cc"]}
    targets = [{"id": f"{name}@exe", "name": name, "type": "executable", "filename": [str(build / output)],
                "target_sources": [{"sources": [str(root / source) for source in sources[name]]}]}
               for name, output in PROGRAMS.items()]
    # meson does not list the sources it compiles together, but a file that includes them.
    together = build / "tests/unit/volumes_test.p/volumes_test-unity0.cpp"
    together.parent.mkdir(parents=True)
    together.write_text("".join(f"#include<{build}/../{source}>\n" for source in sources["volumes_test"]))
    targets[-2]["target_sources"] = [{"sources": [], "generated_sources": [str(together)]}]
    assert targets[-2]["name"] == "volumes_test"

    def test(name, suite, protocol, *cmd, depends=()):
        return {"name": name, "suite": [f"airlock:{suite}"], "protocol": protocol, "cmd": list(cmd),
                "depends": [f"{name}@exe" for name in depends]}
    tests = [test("volumes", "unit", "gtest", str(build / PROGRAMS["volumes_test"]), depends=["volumes_test"]),
             test("rules", "root", "gtest", "run_as_root.sh", PROGRAMS["rules_test"], depends=["rules_test"]),
             test("counting", "unit", "exitcode", "python3", str(root / "tests/unit/run_all_test.py")),
             test("bench plug", "daemon", "exitcode", "python3", str(root / "tests/bench/plug.py"), depends=["airlockd"]),
             test("daemon life", "daemon", "exitcode", str(root / "tests/daemon/with_reaper.py"), *PYTEST,
                  str(root / "build/../tests/daemon/test_life.py"), depends=["airlockd"]),
             test("fat", "integration", "exitcode", *PYTEST, str(root / "tests/integration/test_fat.py"),
                  str(root / "tests/integration/test_fat_others.py")),
             test("daemon fat", "daemon", "exitcode", *PYTEST, str(root / "tests/daemon/test_fat.py"), depends=["airlockd"])]
    info.mkdir(parents=True)
    (info / "intro-targets.json").write_text(json.dumps(targets))
    (info / "intro-tests.json").write_text(json.dumps(tests))


class Selecting(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name).resolve()
        self.build = self.root / "build"
        describe_build(self.build, self.root, self.build / "meson-info")
        for file, text in {"tests/unit/run_all_test.py": "unittest.main()", "tests/bench/plug.py": "",
                           "tests/unit/policy_rules_test.cc": "TEST(Rules, Match) {}",
                           "tests/unit/volumes_life_test.cc": "TEST_F(Life, Begins) {}\nTEST_P(Each, Ends) {}",
                           "tests/unit/volumes_storm_test.cc": "TEST(Storm, Ends) {}"}.items():
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            (self.root / file).write_text(text)

    def select(self, *names, words=""):
        tests = select_tests.load(self.build, self.root)
        return [choice.meson_words() for choice in select_tests.select(names, words, tests, self.root)]

    def error(self, *names, words=""):
        with self.assertRaises(select_tests.UnknownName) as raised:
            self.select(*names, words=words)
        return str(raised.exception)

    def test_a_meson_test_or_its_program_is_run_whole(self):
        self.assertEqual(self.select("daemon life"), [["daemon life"]])
        self.assertEqual(self.select("volumes_test", "rules"), [["volumes"], ["rules"]])

    def test_a_file_means_its_own_tests_only(self):
        self.assertEqual(self.select("./tests/unit/volumes_life_test.cc"),
                         [["volumes", "--test-args='--gtest_filter=Life.Begins:*Each*.Ends*'"]])
        self.assertEqual(self.select("volumes_storm_test.cc"), [["volumes", "--test-args=--gtest_filter=Storm.Ends"]])
        self.assertEqual(self.select("policy_rules_test.cc"), [["rules"]])
        self.assertEqual(self.select("tests/daemon/test_life.py"), [["daemon life"]])
        self.assertEqual(self.select("test_fat_others.py"), [["fat", "--test-args=-k test_fat_others.py"]])

    def test_words_narrow_it_down(self):
        self.assertEqual(self.select("daemon life", words="eject"), [["daemon life", "--test-args=-k eject"]])
        self.assertEqual(self.select("test_fat_others.py", words="a or b"),
                         [["fat", "--test-args=-k 'test_fat_others.py and (a or b)'"]])
        self.assertEqual(self.select("volumes", words="Ends"), [["volumes", "--test-args='--gtest_filter=*Ends*'"]])
        self.assertEqual(self.select("volumes_life_test.cc", words="Begins"),
                         [["volumes", "--test-args=--gtest_filter=Life.Begins"]])
        self.assertEqual(self.select("run_all_test.py", words="pytest"), [["counting", "--test-args=-k pytest"]])
        self.assertIn("is called like 'Storm'", self.error("volumes_life_test.cc", words="Storm"))
        self.assertIn("one whole", self.error("bench plug", words="udisks"))

    def test_what_is_unknown_or_unclear_is_an_error_that_helps(self):
        self.assertIn("did you mean daemon life", self.error("daemon_life"))
        self.assertIn("did you mean volumes_life_test.cc", self.error("volumes_lif_test.cc"))
        self.assertIn("./dev test --list shows all", self.error("qqqq"))
        self.assertEqual(self.error("test_fat.py"),
                         "test_fat.py may be tests/daemon/test_fat.py or tests/integration/test_fat.py")
        self.assertEqual(self.select("tests/daemon/test_fat.py"), [["daemon fat"]])


STUBS = {"id": "echo 0", "apt-get": "true",
         "dpkg-query": 'for name; do :; done; case $name in qt6-*|xvfb|weston|sway|zsh|python3-pytest|qemu-*) echo not-installed ;; '
                       "*) echo installed ;; esac",
         # A failing build ends ./dev before it runs anything.
         "meson": '[ "$1" != setup ] || { cp -r "$DESCRIBED/meson-info" "$2"; touch "$2/build.ninja"; }',
         "ninja": 'case "$*" in *build.ninja) ;; *) exit 1 ;; esac'}


class Preparing(unittest.TestCase):
    """./dev test between stubs of the programs that install and build, on a machine without a desktop."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name).resolve()
        describe_build(self.scratch / "build", ROOT, self.scratch / "described/meson-info")
        (self.scratch / "bin").mkdir()
        for name, script in STUBS.items():
            stub = self.scratch / "bin" / name
            stub.write_text(f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\n{script}\n')
            stub.chmod(0o755)

    def dev_test(self, *words):
        environment = {"PATH": f"{self.scratch}/bin:/usr/bin:/bin", "CALLS": str(self.scratch / "calls"),
                       "DESCRIBED": str(self.scratch / "described"), "AIRLOCK_BUILD": str(self.scratch / "build"),
                       "PYTHONDONTWRITEBYTECODE": "1"}
        (self.scratch / "build").mkdir(exist_ok=True)
        done = subprocess.run([ROOT / "dev", "test", *words], env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        calls = (self.scratch / "calls").read_text().splitlines()
        self.installed = {word for call in calls if call.startswith("apt-get install") for word in call.split()[4:]}
        self.setup = next((call for call in calls if call.startswith("meson setup")), "")
        self.built = [call.partition(f"-C {self.scratch}/build")[2].split() for call in calls
                      if call.startswith("ninja") and not call.endswith("build.ninja")]
        return done

    def test_unit_tests_need_no_desktop(self):
        done = self.dev_test("--suite", "unit")
        self.assertEqual(self.installed, {"zsh"})
        self.assertIn("-Dtray=disabled", self.setup)
        self.assertIn("left out: the tray and its tests, because Qt is not installed", done.stdout)
        self.assertEqual(self.built, [["tests/unit/volumes_test"]])

    def test_one_test_needs_what_its_suite_needs(self):
        self.dev_test("tests/daemon/test_life.py", "-k", "eject")
        self.assertEqual(self.installed, {"zsh", "python3-pytest"})
        self.assertEqual(self.built, [["daemon/airlockd"]])

    def test_who_asks_for_the_tray_gets_it(self):
        self.dev_test("tray words")
        self.assertIn("qt6-base-dev", self.installed)
        self.assertIn("-Dtray=auto", self.setup)

    def test_an_unknown_name_builds_nothing(self):
        done = self.dev_test("daemon lief")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("did you mean daemon life", done.stdout)
        self.assertEqual((self.built, self.installed), ([], set()))

    def test_all_tests_take_everything(self):
        for words in ([], ["--quick"]):
            with self.subTest(words):
                self.setUp()
                self.dev_test(*words)
                self.assertLessEqual({"qt6-base-dev", "xvfb", "weston", "sway", "zsh", "python3-pytest", "qemu-utils"}, self.installed)
                self.assertIn("-Dtests=true", self.setup)
                self.assertNotIn("-Dtray=disabled", self.setup)
                self.assertEqual(self.built, [[]])


class Sanitized(unittest.TestCase):
    """The build with sanitizers, with a ninja under the test's control."""

    def build_with(self, ninja):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        scratch = pathlib.Path(scratch.name)
        describe_build(scratch / "build", ROOT, scratch / "build/meson-info")
        (scratch / "build/build.ninja").touch()
        (scratch / "ninja").write_text(f"#!/bin/sh\n{ninja}\n")
        (scratch / "ninja").chmod(0o755)
        report = Report()
        with unittest.mock.patch.dict(os.environ, PATH=f"{scratch}:{os.environ['PATH']}"), \
             contextlib.redirect_stdout(io.StringIO()) as said:
            tests = SanitizedBuild(scratch / "build").finish(report)
        return tests, report, said.getvalue()

    def test_it_leaves_the_processors_to_the_tests_beside_it(self):
        tests, report, _ = self.build_with("test \"$(cut -d' ' -f41 /proc/self/stat)\" = 5")  # SCHED_IDLE
        self.assertEqual([test.name for test in tests], ["volumes", "rules"])
        self.assertEqual(report.total, Count())

    def test_it_fails_with_the_compilers_words(self):
        tests, report, said = self.build_with('case "$*" in *build.ninja) ;; *) echo no such header; exit 1 ;; esac')
        self.assertEqual((tests, report.total), ([], Count(failed=1)))
        self.assertIn("no such header", said)


class Readme(unittest.TestCase):
    # Known only to a program and its own child, or to meson and one test.
    PRIVATE = {"AIRLOCK_SHOW_INSIDE", "AIRLOCK_PLUG_INSIDE", "AIRLOCK_CHECK_BENCH_INSIDE", "AIRLOCK_DEBIAN_INSIDE",
               "AIRLOCK_TRAY", "AIRLOCK_UDISKS_RULES", "AIRLOCK_SOURCE"}

    def test_it_names_every_variable_that_tests_read(self):
        files = [ROOT / "dev", *ROOT.glob("tests/**/*.py"), *ROOT.glob("tests/**/*.sh")]
        read = re.compile(r"""(?:environ(?:\.get\(|\[)|\$\{)["']?(AIRLOCK_[A-Z_]+)""")
        found = {name for file in files for name in read.findall(file.read_text())} - self.PRIVATE
        self.assertIn("AIRLOCK_TEST_DIR", found)
        told = (ROOT / "tests/README.md").read_text()
        self.assertEqual([name for name in sorted(found) if f"`{name}" not in told], [])

    def test_it_names_every_suite_and_files_that_exist(self):
        told = (ROOT / "tests/README.md").read_text()
        suites = {suite for folder in ("tests", "contained") for file in ROOT.glob(f"{folder}/**/meson.build")
                  for suite in re.findall(r"suite: '(\w+)'", file.read_text())}
        self.assertIn("daemon", suites)
        self.assertEqual([suite for suite in sorted(suites) if f"| {suite} |" not in told], [])
        for path in re.findall(r"`(tests/[\w/.]+\.(?:py|cc|h|build)|tests/[\w/]+)`", told):
            self.assertTrue((ROOT / path).exists(), path)


if __name__ == "__main__":
    unittest.main()
