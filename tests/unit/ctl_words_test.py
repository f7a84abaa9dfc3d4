#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs and options of airlockctl: the same in its sources, --help, man page and completions.

Also compares airlock-dbus(7) with its source, the XML."""

import importlib.util
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("AIRLOCK_BUILD", ROOT / "build"))
CTL = ROOT / "cli" / "ctl"
COMPLETIONS = ROOT / "cli" / "completions"
ALWAYS = {"help", "version"}


def options_in_the_code():
    """name -> letter, or None."""
    text = (CTL / "arguments.cc").read_text()
    rows = re.findall(r"\{\{\"([\w-]+)\"(?:,\s*'(\w)')?(?:, true)?\},", text)
    assert len(rows) == text.count("{{\"")
    return {name: letter or None for name, letter in rows}


def verbs_in_the_code():
    """name -> its options"""
    text = (CTL / "verbs.cc").read_text()
    table = text[text.index("kVerbs = {"):text.index("};", text.index("kVerbs = {"))]
    rows = re.findall(r'Verb\{"(\w+)",\s*"[^"]*",\s*"[^"]*",\s*\d+,\s*\w+,\s*"([^"]*)"', table)
    assert len(rows) == table.count("Verb{")
    return {name: set(options.split()) for name, options in rows}


def ctl(*words):
    done = subprocess.run([BUILD / "cli" / "ctl" / "airlockctl", *words], capture_output=True,
                          text=True, check=True)
    return done.stdout


def options_in(text):
    """name -> letter, from "-o, --options LIST" at the beginnings of lines."""
    rows = re.findall(r"^\s*(?:-(\w)[^-\n]*,\s+)?--([\w-]+)", text, re.M)
    return {name: letter or None for letter, name in rows}


def with_letters(names):
    letters = options_in_the_code()
    words = {f"--{name}" for name in names}
    return words | {f"-{letters[name]}" for name in names if letters[name]}


class Words(unittest.TestCase):
    def setUp(self):
        self.verbs = verbs_in_the_code()
        self.options = options_in_the_code()

    def test_the_sources_were_understood(self):
        self.assertGreater(len(self.verbs), 10)
        used = set().union(*self.verbs.values())
        self.assertEqual(used | ALWAYS, set(self.options))

    def test_help_names_them_all_and_nothing_else(self):
        text = ctl("--help")
        self.assertEqual(re.findall(r"^  (\w+) .*\S", text.split("\n\n")[1], re.M),
                         list(self.verbs))
        self.assertEqual(options_in(text), self.options)

    def test_help_of_a_verb_names_what_it_takes(self):
        for verb, options in self.verbs.items():
            for text in (ctl(verb, "--help"), ctl("help", verb)):
                self.assertEqual(set(options_in(text)), options, verb)

    def test_the_man_page_names_them_all_and_nothing_else(self):
        page = (ROOT / "cli" / "airlockctl.1.rst").read_text()
        part = page[page.index("\nVERBS\n"):page.index("\nOPTIONS\n")]
        self.assertEqual(re.findall(r"^([a-z]+)(?: .*)?$", part, re.M), [*self.verbs, "help"])
        part = page[page.index("\nOPTIONS\n"):page.index("\nEXIT STATUS\n")]
        self.assertEqual(options_in(part), self.options)

    def test_the_man_page_names_every_exit_code(self):
        text = (CTL / "airlockctl.cc").read_text()
        codes = re.findall(r"^  k\w+ = (\d),$", text, re.M)
        page = (ROOT / "cli" / "airlockctl.1.rst").read_text()
        part = page[page.index("\nEXIT STATUS\n"):page.index("\nOUTPUT\n")]
        self.assertEqual(re.findall(r"^(\d) \w", part, re.M), codes)

    def test_the_man_page_becomes_one(self):
        done = subprocess.run(["rst2man", "--halt=2", ROOT / "cli" / "airlockctl.1.rst"],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Completions(unittest.TestCase):
    def setUp(self):
        self.verbs = verbs_in_the_code()

    def bash(self, *words):
        """The offers of bash for the last of the words, with two media plugged in."""
        script = """
            airlockctl() { [ "$*" = "list --all --quiet" ] && printf 'sdb1\\nsdc1\\n'; }
            compopt() { :; }
            source "$1"; shift
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _airlockctl; printf '%s\\n' "${COMPREPLY[@]}" """
        done = subprocess.run(["bash", "-c", script, "bash", COMPLETIONS / "airlockctl.bash",
                               "airlockctl", *words], capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_bash_offers_verbs(self):
        self.assertEqual(self.bash(""), {*self.verbs, "help"})
        self.assertEqual(self.bash("un"), {"unmount"})
        self.assertEqual(self.bash("help", "au"), {"automount"})

    def test_bash_offers_what_the_verb_takes(self):
        for verb, options in self.verbs.items():
            self.assertEqual(self.bash(verb, "-"), with_letters(options | {"help"}), verb)
        self.assertEqual(self.bash("-"), with_letters(ALWAYS))

    def test_bash_offers_media_where_there_is_a_device(self):
        for verb in ("info", "eject", "recover", "detach", "explain", "log", "mount", "unmount"):
            self.assertLessEqual({"sdb1", "sdc1"}, self.bash(verb, ""), verb)
        self.assertEqual(self.bash("mount", "-o", "ro", "sdb"), {"sdb1"})
        self.assertEqual(self.bash("-o", "ro", "eject", "sdc"), {"sdc1"})
        self.assertEqual(self.bash("automount", ""), {"on", "off", "ask"})
        self.assertEqual(self.bash("list", ""), set())

    def test_zsh_has_what_each_verb_takes(self):
        text = (COMPLETIONS / "_airlockctl").read_text()
        self.assertEqual(re.findall(r"^    '([a-z]+):", text, re.M), list(self.verbs))
        shared = dict(re.findall(r"^  (\w+)=\((.*)\)$", text, re.M))
        found = {}
        for verbs, body in re.findall(r"^    ([a-z| ]+)\)\n((?:      .*\n)+)", text, re.M):
            full = re.sub(r"\$(\w+)", lambda use: shared.get(use[1], use[0]), body)
            for verb in verbs.split(" | "):
                found[verb] = set(re.findall(r"--([\w-]+)[}\[]", full))
        found.pop("verb", None)
        self.assertEqual(found, {verb: options | {"help"} for verb, options in self.verbs.items()})
        for word in re.findall(r"\{-(\w),--([\w-]+)\}", text):
            self.assertEqual(options_in_the_code()[word[1]], word[0])

    def test_fish_has_what_each_verb_takes(self):
        text = (COMPLETIONS / "airlockctl.fish").read_text()
        self.assertEqual(re.search(r"^set -l verbs (.*)$", text, re.M)[1].split(), list(self.verbs))
        self.assertEqual(re.findall(r"^complete .*\$no_verb -a (\w+) -d", text, re.M),
                         list(self.verbs))
        found = {verb: set() for verb in self.verbs}
        for line in re.findall(r"^complete .* -l .*$", text, re.M):
            name = re.search(r" -l ([\w-]+)", line)[1]
            letter = re.search(r" -s (\w) ", line)
            self.assertEqual(options_in_the_code()[name], letter[1] if letter else None)
            of = re.search(r'"\$of ([\w ]+)"', line)
            for verb in of[1].split() if of else []:
                found[verb].add(name)
            self.assertTrue(of or name in ALWAYS, line)
        self.assertEqual(found, self.verbs)

    def test_descriptions_are_those_of_the_program(self):
        text = ctl("--help")
        said = dict(re.findall(r"^  (\w+) .*?\s{2,}(\S.*)$", text.split("\n\n")[1], re.M))
        zsh = dict(re.findall(r"^    '([a-z]+):(.*)'$",
                              (COMPLETIONS / "_airlockctl").read_text(), re.M))
        fish = dict(re.findall(r"-a (\w+) -d '(.*)'$",
                               (COMPLETIONS / "airlockctl.fish").read_text(), re.M))
        self.assertEqual({verb: what.replace("\\:", ":") for verb, what in zsh.items()}, said)
        self.assertEqual(fish, said)


def plain(text):
    return re.sub(r"[\W_]+", " ", text)


class BusPage(unittest.TestCase):
    def setUp(self):
        spec = importlib.util.spec_from_file_location("make_man_page",
                                                      ROOT / "dbus" / "make_man_page.py")
        self.maker = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.maker)
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def made(self, *paths):
        output = pathlib.Path(self.folder.name) / "page.rst"
        self.maker.main(output, *paths)
        return output.read_text()

    def test_everything_in_the_xml_is_in_the_page(self):
        paths = sorted((ROOT / "dbus").glob("*.xml"))
        page = self.made(*paths)
        for path in paths:
            root = ElementTree.parse(path).getroot()
            for method in root.iter("method"):
                self.assertIn(f"**{method.get('name')}(", page)
            for prop in root.iter("property"):
                self.assertIn(f"**{prop.get('name')}** ({prop.get('type')})", page)
            words = plain(page)
            for comment in re.findall(r"<!--(.*?)-->", path.read_text(), re.S)[1:]:
                self.assertTrue(plain(comment.split(".")[0]).strip() in words, comment)

    def test_what_is_not_documented_is_an_error(self):
        path = pathlib.Path(self.folder.name) / "x.xml"
        path.write_text('<node><!-- About. --><interface name="a.B">'
                        '<property name="P" type="s" access="read"/></interface></node>')
        with self.assertRaisesRegex(SystemExit, "property P has no comment"):
            self.made(path)

    def test_foreign_marks_are_text(self):
        self.assertEqual(self.maker.escape("a*b_c`d|e"), r"a\*b\_c\`d\|e")


if __name__ == "__main__":
    unittest.main()
