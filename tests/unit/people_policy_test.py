#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""polkit/org.airlock1.policy.in: complete, translated, and with exactly the actions in the code."""
import os
import pathlib
import re
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(os.environ.get("AIRLOCK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
POLICY = ROOT / "polkit" / "org.airlock1.policy.in"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
LANGUAGES = [None, "de", "fr"]

# any, inactive, active
DEFAULTS = {
    "mount-removable": ("auth_admin", "auth_admin", "yes"),
    "mount-other-seat": ("auth_admin", "auth_admin", "auth_admin"),
    "mount-system": ("auth_admin", "auth_admin", "auth_admin"),
    "mount-image": ("auth_admin", "auth_admin", "yes"),
    "unmount-others": ("auth_admin", "auth_admin", "auth_admin"),
    "eject": ("auth_admin", "auth_admin", "yes"),
    "power-off": ("auth_admin", "auth_admin", "yes"),
    "repair": ("auth_admin", "auth_admin", "yes"),
    "format": ("auth_admin", "auth_admin", "yes"),
    "mount-options": ("auth_admin_keep", "auth_admin_keep", "auth_admin_keep"),
    "change-settings": ("auth_admin", "auth_admin", "auth_admin_keep"),
}


def actions():
    return list(ElementTree.parse(POLICY).getroot().iter("action"))


def names_in_code():
    """Every org.airlock1.lower-case-words in the daemon; interfaces begin with capitals."""
    found = set()
    for path in (ROOT / "daemon").rglob("*"):
        if path.suffix in (".h", ".cc"):
            found |= set(re.findall(r'"org\.airlock1\.([a-z][a-z-]*)"', path.read_text()))
    return found


class Policy(unittest.TestCase):
    def test_the_code_asks_for_what_is_there_and_nothing_else(self):
        documented = {action.get("id").removeprefix("org.airlock1.") for action in actions()}
        self.assertEqual(names_in_code(), documented)

    def test_defaults(self):
        found = {}
        for action in actions():
            defaults = action.find("defaults")
            found[action.get("id").removeprefix("org.airlock1.")] = tuple(
                defaults.findtext(f"allow_{who}") for who in ("any", "inactive", "active"))
        self.assertEqual(found, DEFAULTS)

    def test_no_action_twice(self):
        names = [action.get("id") for action in actions()]
        self.assertEqual(len(names), len(set(names)))

    def test_everything_is_said_in_every_language(self):
        for action in actions():
            for kind in ("description", "message"):
                with self.subTest(action=action.get("id"), kind=kind):
                    elements = action.findall(kind)
                    self.assertEqual([element.get(LANGUAGE) for element in elements], LANGUAGES)
                    texts = [element.text.strip() for element in elements]
                    self.assertEqual(len(set(texts)), len(LANGUAGES))
                    self.assertFalse([t for t in texts if t.endswith(".") or "$(" in t or "  " in t])

    def test_what_a_rule_can_look_up_is_what_is_sent(self):
        code = (ROOT / "daemon/people/question_details.cc").read_text()
        sent = set(re.findall(r'add\("([a-z.]+)"', code))
        comment = POLICY.read_text().split("<policyconfig>")[0].split("action.lookup(")[1]
        self.assertTrue(sent)
        self.assertEqual(set(re.findall(r'"([a-z.]+)"', comment)), sent)


if __name__ == "__main__":
    unittest.main()
