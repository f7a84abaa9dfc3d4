#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs every test there is and ends with one line: N passed, N failed, N skipped.

The numbers are of single test cases, read from what the test programs print themselves (meson
keeps their output in testlog.json); a program that says nothing counts as one. Called by ./dev test,
which has installed and built before.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

import select_tests

ROOT = pathlib.Path(__file__).resolve().parents[1]
# In the tree of ./dev debian, which has no systemd of its own and may not boot another.
NO_GUEST = "AIRLOCK_NO_GUEST" in os.environ
# Of the limits in meson.build, which end a program that hangs and are no measure of a machine.
PATIENCE = "5"
SANITIZED_SUITES = ("unit", "root")
SANITIZED_MOUNTS = ("posix", "broken-images", "bus-api", "romfs")
NOT_OK = ("FAIL", "TIMEOUT", "INTERRUPT", "ERROR", "UNEXPECTEDPASS")
GTEST = {"passed": r"^\[  PASSED  \] (\d+) tests?\.",
         "failed": r"^\[  FAILED  \] (\d+) tests?, listed below",
         "skipped": r"^\[  SKIPPED \] (\d+) tests?, listed below"}
PYTEST_LINE = r"^=* ?((?:\d+ \w+(?:, )?)+) in [\d.]+s\b.*$"
QTEST_LINE = r"^Totals: (\d+) passed, (\d+) failed, (\d+) skipped"
# What a test found this machine unable to do, so that there was nothing to show.
IMPOSSIBLE_LINE = r"^IMPOSSIBLE on this machine: .+$"
UNITTEST_LINE = r"^Ran (\d+) tests? in "
# Of pytest, gtest, QtTest, unittest.
FAILURE_LINE = (r"^(?:_{3,} .*|FAILED .*|ERROR .*|E   .*|\[  FAILED  \] .*|FAIL[!:] .*|\w*Error: .*"
                r"|\S+\.(?:py|cc|h):\d+: .*)$")


@dataclasses.dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed,
                     self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count_gtest(output):
    found = {name: re.findall(pattern, output, re.M) for name, pattern in GTEST.items()}
    if not found["passed"]:
        return None
    return Count(**{name: sum(map(int, numbers)) for name, numbers in found.items()})


def count_pytest(output):
    lines = re.findall(PYTEST_LINE, output, re.M)
    if not lines:
        return None
    words = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", lines[-1])}
    return Count(words.get("passed", 0) + words.get("xfailed", 0),
                 words.get("failed", 0) + words.get("error", 0) + words.get("errors", 0)
                 + words.get("xpassed", 0),
                 words.get("skipped", 0))


def count_qtest(output):
    found = re.findall(QTEST_LINE, output, re.M)
    return sum((Count(*map(int, numbers)) for numbers in found), Count()) if found else None


def count_unittest(output):
    ran = re.findall(UNITTEST_LINE, output, re.M)
    if not ran:
        return None
    words = {word: int(number) for word, number in re.findall(r"(\w+)=(\d+)", output[output.rindex("Ran "):])}
    failed = words.get("failures", 0) + words.get("errors", 0)
    skipped = words.get("skipped", 0)
    return Count(sum(map(int, ran)) - failed - skipped, failed, skipped)


def count_entry(entry):
    """One line of testlog.json. What meson thinks of the program as a whole has the last word."""
    output = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
    count = (count_gtest(output) or count_pytest(output) or count_qtest(output)
             or count_unittest(output))
    if entry["result"] in NOT_OK:
        count = count or Count()
        return count if count.failed else count + Count(failed=1)
    if entry["result"] == "SKIP":
        count = count or Count()
        return count if count.skipped else count + Count(skipped=1)
    return count or Count(passed=1)


class Report:
    def __init__(self):
        self.total = Count()
        self.complaints = []

    def stage(self, name, count, seconds):
        self.total += count
        print(f"    {name}: {count} ({seconds:.0f} s)", flush=True)

    def complain(self, text):
        self.complaints.append(text)
        print(text, flush=True)


def tail(text, lines=40):
    return "\n".join(text.splitlines()[-lines:])


def what_failed(entry):
    """The lines that say why, wherever they are, and the end: a daemon's own words may follow for pages."""
    output = entry.get("stdout", "") + entry.get("stderr", "")
    reasons = re.findall(FAILURE_LINE, output, re.M)
    return "\n".join([f"--- {entry['name']}: {entry['result']}", *reasons[:30], "...", tail(output, 20)])


def found_impossible(entry):
    return sorted(set(re.findall(IMPOSSIBLE_LINE, entry.get("stdout", ""), re.M)))


def meson_tests(report, build, label, arguments):
    begin = time.monotonic()
    log = build / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    print(f"==> {label}", flush=True)
    done = subprocess.run(["meson", "test", "-C", str(build), "--no-rebuild", "--timeout-multiplier", PATIENCE, *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if not log.exists():
        report.complain(tail(done.stdout))
        report.stage(label, Count(failed=1), time.monotonic() - begin)
        return
    count = Count()
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        counted = count_entry(entry)
        for finding in found_impossible(entry):
            print(f"--- {entry['name']}: {finding}", flush=True)
        count += counted
        if counted.failed:
            report.complain(what_failed(entry))
        elif counted.skipped:
            report.complain(f"--- {entry['name']}: skipped {counted.skipped}\n"
                            + tail(entry.get("stdout", "") + entry.get("stderr", ""), 8))
    if count == Count():
        report.complain(f"no test was run in {build}")
        count = Count(failed=1)
    if done.returncode != 0 and count.failed == 0:
        report.complain(tail(done.stdout))
        count += Count(failed=1)
    report.stage(label, count, time.monotonic() - begin)


def check(report, label, command, needs):
    """A check that is one test of its own."""
    begin = time.monotonic()
    if shutil.which(needs) is None:
        report.complain(f"--- {label}: {needs} is not installed")
        return report.stage(label, Count(skipped=1), 0)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    if done.returncode != 0:
        report.complain(f"--- {label}\n" + tail(done.stdout))
    ok = done.returncode == 0
    return report.stage(label, Count(passed=int(ok), failed=int(not ok)), time.monotonic() - begin)


def pytest_in_guest(report, label, build, guest, folder, *arguments):
    begin = time.monotonic()
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *arguments],
                          cwd=ROOT / folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace",
                          env={**os.environ, "AIRLOCK_GUEST": str(guest), "PYTHONDONTWRITEBYTECODE": "1",
                               "AIRLOCK_TINY_DRIVER": str(build / "tests/mount/tiny_driver")})
    count = count_pytest(done.stdout) or Count(failed=1)
    if done.returncode != 0:
        report.complain(what_failed({"name": label, "result": "FAIL", "stdout": done.stdout}))
        count = count if count.failed else count + Count(failed=1)
    report.stage(label, count, time.monotonic() - begin)


def made(report, label, *command):
    begin = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    if done.returncode != 0:
        report.complain(tail(done.stdout))
        report.stage(label, Count(failed=1), time.monotonic() - begin)
        return False
    print(f"    {label}: made ({time.monotonic() - begin:.0f} s)", flush=True)
    return True


def booted_guest(report, build):
    """What only a booted system with systemd can show, on the release that runs here."""
    print("==> a guest with systemd, and USB sticks", flush=True)
    if os.getuid() != 0:
        report.complain("--- guest: booting one needs root")
        return report.stage("services of systemd, USB sticks", Count(skipped=2), 0)
    guest = ROOT / "build-debian/own"
    if not made(report, "guest", ROOT / "tests/vm/make_own_guest.sh", build, guest):
        return
    pytest_in_guest(report, "services of systemd", build, guest, "tests/vm", "test_services.py")
    if made(report, "machine for USB sticks", ROOT / "tests/vm/usb/make_image.sh", guest):
        pytest_in_guest(report, "USB sticks", build, guest, "tests/vm/usb", "-m", "every_time")


def our_files(*endings):
    # Not polkit: it speaks three languages.
    top = ("contained", "cli", "daemon", "dbus", "lib", "tests", "udev", "ui", "units")
    return sorted(str(p.relative_to(ROOT)) for folder in top for p in (ROOT / folder).rglob("*")
                  if p.suffix in endings and p.is_file())


def check_sources(report):
    print("==> sources", flush=True)
    check(report, "clang-format", ["clang-format-19", "--dry-run", "--Werror", *our_files(".cc", ".h")],
          "clang-format-19")
    texts = [p.name for p in ROOT.glob("*.md")] + ["dev"] + our_files(
        ".cc", ".h", ".py", ".sh", ".md", ".rst", ".inc", ".in", ".build")
    check(report, "codespell", ["codespell", *texts], "codespell")
    check(report, "dev is plain sh", ["sh", "-n", "dev"], "sh")


def sanitized_tests(build):
    """What runs with sanitizers: programs that were built with them, and mounts by such drivers."""
    return [test for test in select_tests.load(build)
            if test.targets and (test.suite in SANITIZED_SUITES or test.name in SANITIZED_MOUNTS)]


class SanitizedBuild:
    """A second tree whose programs watch their own memory and arithmetic, as far as its tests need it. It is built beside
    the other tests, and with the processor time that they leave over: the scheduler runs it when nothing else wants to."""

    def __init__(self, build):
        self.build = build
        self.tests = []
        self.complaint = None
        self.worker = threading.Thread(target=self.make)
        self.worker.start()

    def succeeds(self, *command):
        environment = dict(os.environ)
        if shutil.which("ccache") and "ccache" not in environment.get("CXX", ""):
            environment["CXX"] = "ccache " + environment.get("CXX", "g++")
        done = subprocess.run(["chrt", "--idle", "0", *command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode != 0:
            self.complaint = tail(done.stdout)
        return done.returncode == 0

    def make(self):
        configured = (self.build / "build.ninja").exists() or self.succeeds(
            "meson", "setup", str(self.build), "-Db_sanitize=address,undefined", "-Db_lundef=false",
            "-Doptimization=1", "-Dcpp_args=-g1", "-Dtray=disabled")
        if not configured or not self.succeeds("ninja", "-C", str(self.build), "build.ninja"):
            return
        tests = sanitized_tests(self.build)
        jobs = ["-j", os.environ["AIRLOCK_JOBS"]] if os.environ.get("AIRLOCK_JOBS") else []
        if self.succeeds("ninja", *jobs, "-C", str(self.build), *sorted({name for test in tests for name in test.targets})):
            self.tests = tests

    def finish(self, report):
        """Waits for the rest, and returns the tests it was made for."""
        print("==> building with address and undefined behaviour sanitizers", flush=True)
        begin = time.monotonic()
        self.worker.join()
        if not self.tests:
            report.complain(self.complaint or f"no test is to run in {self.build}")
            report.stage("sanitized build", Count(failed=1), time.monotonic() - begin)
        else:
            print(f"    sanitized programs: made ({time.monotonic() - begin:.0f} s more)", flush=True)
        return self.tests


def use_drivers_of(build):
    os.environ["AIRLOCK_DRIVER_DIR"] = str((ROOT / build / "contained").resolve())


def skips_are_failures():
    """Always where the tests could have been run: in CI, and for root with a FUSE device."""
    return os.environ.get("CI") == "true" or (os.getuid() == 0 and os.path.exists("/dev/fuse"))


def main():
    parser = argparse.ArgumentParser(prog="./dev test")
    parser.add_argument("--build", type=pathlib.Path, default="build")
    parser.add_argument("--sanitized", type=pathlib.Path, default="build-asan")
    parser.add_argument("--quick", action="store_true", help="no sanitized build")
    select_tests.add_arguments(parser)
    options = parser.parse_args()
    os.chdir(ROOT)
    os.environ.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    use_drivers_of(options.build)
    begin = time.monotonic()
    report = Report()
    if options.suite or options.names:
        try:
            choices = select_tests.select(options.names, options.words, select_tests.load(options.build))
        except select_tests.UnknownName as unknown:
            parser.error(str(unknown))
        for suite in options.suite:
            meson_tests(report, options.build, suite, ["--suite", suite])
        for choice in choices:
            meson_tests(report, options.build, choice.test.name, choice.meson_words())
    else:
        sanitized = None if options.quick else SanitizedBuild(options.sanitized)
        meson_tests(report, options.build, "all tests", ["--no-suite", "bench"])
        check_sources(report)
        if not NO_GUEST:
            booted_guest(report, options.build)
        tests = sanitized.finish(report) if sanitized else []
        if tests:
            use_drivers_of(options.sanitized)
            meson_tests(report, options.sanitized, "tests with sanitizers", [test.name for test in tests])
    total = report.total
    bad = total.failed > 0 or total.passed == 0 or (total.skipped > 0 and skips_are_failures())
    if total.skipped > 0 and bad and total.failed == 0:
        print("skipped tests count as failures here: this machine could run them")
    print(f"took {time.monotonic() - begin:.0f} s")
    print(total)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
