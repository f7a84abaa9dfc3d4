#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which tests the words of ./dev test NAME… mean, and what they need: select_tests.py --build FOLDER --show
suites|targets [--suite SUITE] NAME… [-k WORDS]

A NAME is a meson test ("daemon life"), a test program ("volumes_test"), or a file with tests, with or
without its folder ("tests/unit/volumes_life_test.cc", "test_storm.py"). Only the tests of that file are run, also
where a program or a meson test has several.
"""
import argparse
import dataclasses
import difflib
import fnmatch
import json
import os
import pathlib
import re
import shlex
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Beside the tests in the command of one.
NO_TESTS = ("with_reaper.py",)
UNITY_INCLUDE = re.compile(r"^#include\s*[<\"](.+)[>\"]$", re.M)
GTEST_CASE = re.compile(r"^(?:TEST|TEST_F|(?P<each>TEST_P|TYPED_TEST|TYPED_TEST_P))\(\s*(\w+),\s*(\w+)\)", re.M)


class UnknownName(Exception):
    """The message says what would be right."""


@dataclasses.dataclass
class Test:
    """One meson test: the files with tests in it, and what has to be built for it."""
    name: str
    suite: str
    kind: str  # "gtest", "pytest", "unittest" or "program"
    program: str = ""
    files: tuple = ()  # relative to the sources
    targets: tuple = ()


@dataclasses.dataclass
class Choice:
    test: Test
    arguments: list = dataclasses.field(default_factory=list)

    def meson_words(self):
        return [self.test.name] + (["--test-args=" + shlex.join(self.arguments)] if self.arguments else [])


def relative(path, root):
    path = pathlib.Path(os.path.normpath(path))  # a link is meant itself
    return str(path.relative_to(root)) if path.is_relative_to(root) else ""


def kind_of(entry, files, root):
    if entry["protocol"] == "gtest":
        return "gtest"
    if "pytest" in entry["cmd"]:
        return "pytest"
    if any("unittest.main" in (root / file).read_text(errors="replace") for file in files):
        return "unittest"
    return "program"


def load(build, root=ROOT):
    """Every test of a configured build folder, as meson describes it there."""
    info = pathlib.Path(build) / "meson-info"
    targets = {target["id"]: target for target in json.loads((info / "intro-targets.json").read_text())}
    return [describe(entry, targets, pathlib.Path(build).resolve(), root)
            for entry in json.loads((info / "intro-tests.json").read_text())]


def sources_of(target):
    """Also of one whose sources are compiled several at once, by a file that only includes them."""
    for group in target["target_sources"]:
        yield from group.get("sources", ())  # the linker of newer mesons has none
        for generated in group.get("generated_sources", ()):
            if re.search(r"-unity\d+\.cpp$", generated):
                yield from UNITY_INCLUDE.findall(pathlib.Path(generated).read_text())


def describe(entry, targets, build, root):
    needed = [targets[name] for name in entry["depends"] if name in targets]
    outputs = [output for target in needed for output in target["filename"]]
    words = {str(build / word) for word in entry["cmd"]}  # behind a wrapper they are relative
    own = [target for target in needed if target["type"] == "executable" and target["filename"][0] in words]
    sources = [file for target in own for file in sources_of(target)]
    # A wrapper and a helper are no files with tests.
    files = [relative(word, root) for word in [*sources, *entry["cmd"]] if word.endswith((".cc", ".py"))]
    files = [file for file in files if file and pathlib.PurePath(file).name not in NO_TESTS]
    suite = entry["suite"][0].rpartition(":")[2]
    return Test(name=entry["name"], suite=suite, kind=kind_of(entry, files, root),
                program=own[0]["name"] if own else "", files=tuple(files),
                # Installing takes everything.
                targets=("all",) if suite == "install" else tuple(relative(output, build) for output in outputs))


def names_of(test):
    """Every word that means it, or a part of it."""
    return {test.name, test.program, *test.files, *(pathlib.PurePath(file).name for file in test.files)} - {""}


def find(word, tests):
    """[(test, file)]; the file is empty where all of the test is meant."""
    word = word.removeprefix("./")
    whole = [(test, "") for test in tests if word in (test.name, test.program)]
    if whole:
        return whole
    found = [(test, file) for test in tests for file in test.files
             if word in (file, pathlib.PurePath(file).name)]
    if len({file for _, file in found}) > 1:
        raise UnknownName(f"{word} may be " + " or ".join(sorted({file for _, file in found})))
    if not found:
        raise UnknownName(f"no test is called {word!r}{suggestion(word, tests)}")
    return found


def suggestion(word, tests):
    names = sorted(set().union(*map(names_of, tests)))
    near = difflib.get_close_matches(word, names, 3, 0.6)
    near += [name for name in names if word in name and name not in near][:3]
    return "; did you mean " + " or ".join(near) + "?" if near else "; ./dev test --list shows all"


def gtest_cases(file, root):
    return [(f"*{suite}*.{name}*" if each else f"{suite}.{name}")
            for each, suite, name in GTEST_CASE.findall((root / file).read_text())]


def gtest_arguments(test, file, words, root):
    pattern = words if any(sign in words for sign in "*?:") else f"*{words}*"
    if not file or len([other for other in test.files if gtest_cases(other, root)]) < 2:
        return [f"--gtest_filter={pattern}"] if words else []
    cases = [case for case in gtest_cases(file, root) if not words or fnmatch.fnmatchcase(case, pattern)]
    if not cases:
        raise UnknownName(f"no test in {file} is called like {words!r}")
    return ["--gtest_filter=" + ":".join(cases)]


def pytest_arguments(test, file, words):
    only = pathlib.PurePath(file).name if file and len(test.files) > 1 else ""
    wanted = " and ".join(part for part in (only, f"({words})" if words and only else words) if part)
    return ["-k", wanted] if wanted else []


def arguments_for(test, file, words, root):
    if test.kind == "gtest":
        return gtest_arguments(test, file, words, root)
    if test.kind == "pytest":
        return pytest_arguments(test, file, words)
    if words and test.kind != "unittest":
        raise UnknownName(f"{test.name} is one whole: -k finds nothing in it")
    return ["-k", words] if words else []


def select(names, words, tests, root=ROOT):
    """What to run for these names, each narrowed down to the words of -k."""
    return [Choice(test, arguments_for(test, file, words, root))
            for name in names for test, file in find(name, tests)]


def in_suites(suites, tests):
    known = sorted({test.suite for test in tests})
    for suite in suites:
        if suite not in known:
            raise UnknownName(f"no suite is called {suite!r}; there are {', '.join(known)}")
    return [test for test in tests if test.suite in suites]


def add_arguments(parser):
    parser.add_argument("names", nargs="*", metavar="NAME", help="only this test: a meson test or a file with tests")
    parser.add_argument("-k", dest="words", default="", metavar="WORDS",
                        help="of them only those that pytest's -k or a filter of gtest finds")
    parser.add_argument("--suite", action="append", default=[], help="only this suite; no other checks")


def main():
    parser = argparse.ArgumentParser(prog="./dev test")
    add_arguments(parser)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--show", choices=("suites", "targets", "names"), required=True)
    options = parser.parse_args()
    tests = load(options.build)
    try:
        chosen = in_suites(options.suite, tests) + [c.test for c in select(options.names, options.words, tests)]
    except UnknownName as unknown:
        sys.exit(f"./dev test: {unknown}")
    if options.show == "names":
        print("\n".join(f"{test.suite:12} {test.name:32} {' '.join(test.files)}" for test in chosen or tests))
    elif options.show == "suites":
        print(*sorted({test.suite for test in chosen}))
    else:
        print(*sorted({target for test in chosen for target in test.targets}))


if __name__ == "__main__":
    main()
