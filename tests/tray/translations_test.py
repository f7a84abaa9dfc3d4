#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""All texts of the tray are translated, with every plural and every placeholder."""
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

UI = pathlib.Path(__file__).resolve().parents[2] / "ui"
LUPDATE = shutil.which("lupdate", path="/usr/lib/qt6/bin:/usr/bin")


def messages(path):
    found = {}
    for context in ElementTree.parse(path).getroot().iter("context"):
        for message in context.iter("message"):
            found[context.find("name").text, message.find("source").text] = message
    return found


# Marked letters that are in the window at the same time, by context: always, or by state.
ALWAYS = {"MainWindow": ["&Airlock", "&View", "&Help"], "VolumePanel": ["A&bout", "Con&tainment", "&Log"],
          "ReportPage": ["Loo&k again"]}
STATES = {
    "mounted": {"Verbs": ["&Open", "&Unmount", "&Eject", "&Safely remove"]},
    "available": {"Verbs": ["&Mount", "Mount &read-only", "&Eject", "&Safely remove", "&Check", "Re&pair"]},
    "dead": {"Verbs": ["Mount again &read-only", "&Mount again", "&Detach"], "DeadPanel": ["Deta&ils", "C&opy"]},
    "busy": {"ProgressStrip": ["Ca&ncel", "Mount &read-only now"]}}


def letter(text):
    return text[text.index("&") + 1].lower()


def placeholders(text):
    return sorted(re.findall(r"%\d|%n", text))


class Translations(unittest.TestCase):
    def in_sources(self, *options):
        with tempfile.TemporaryDirectory() as folder:
            target = pathlib.Path(folder) / "found.ts"
            sources = sorted(str(path) for path in UI.iterdir() if path.suffix in (".cc", ".h"))
            subprocess.run([LUPDATE, "-silent", *options, "-I", str(UI.parent), *sources, "-ts", str(target)],
                           check=True, stdout=subprocess.DEVNULL)
            return messages(target)

    def check(self, language, wanted):
        found = messages(UI / f"translations/airlock-tray_{language}.ts")
        self.assertEqual(set(found), set(wanted))
        for (_, source), message in found.items():
            translation = message.find("translation")
            self.assertIsNone(translation.get("type"), source)
            forms = [form.text for form in translation] if message.get("numerus") else [translation.text]
            if message.get("numerus"):
                self.assertEqual(len(forms), 2, source)
            for form in forms:
                self.assertTrue(form, source)
                self.assertEqual(placeholders(form), placeholders(source), form)
                self.assertEqual("&" in form, "&" in source, form)

    def test_german_and_french_are_complete(self):
        wanted = self.in_sources()
        self.assertGreater(len(wanted), 150)
        for language in ("de", "fr"):
            self.check(language, wanted)

    def test_a_marked_letter_means_one_thing(self):
        """Two equal marked letters do nothing at all."""
        known = {language: messages(UI / f"translations/airlock-tray_{language}.ts") for language in ("de", "fr")}

        def said(language, context, source):
            if language == "en":
                return source
            return next(message.find("translation").text for (name, text), message in known[language].items()
                        if name.endswith(context) and text == source)
        for language in ("en", "de", "fr"):
            for state, more in STATES.items():
                shown = [said(language, context, source) for part in (ALWAYS, more)
                         for context, sources in part.items() for source in sources]
                letters = [letter(text) for text in shown]
                self.assertEqual(len(set(letters)), len(letters), (language, state, shown))

    def test_english_has_its_plurals(self):
        self.check("en", self.in_sources("-pluralonly"))


if __name__ == "__main__":
    unittest.main()
