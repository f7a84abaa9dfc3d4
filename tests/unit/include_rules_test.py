#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which folder may include which: checks every source against the table in ARCHITECTURE.md."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("lib", "contained", "daemon", "cli", "ui", "tests/drivers")


def rules():
    """folder -> prefixes its sources may include; the longest matching folder counts."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    table = text[text.index("| folder | may include |"):]
    table = table[:table.index("\n\n")]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", table, re.M)
    return {folder: re.findall(r"`([^`]+)`", allowed) for folder, allowed in rows}


def rule_for(path, table):
    fitting = [f for f in table if pathlib.PurePath(f) in path.parents or
               (f.endswith("/<driver>") and str(path.parent.parent) == f.rsplit("/", 1)[0]
                and str(path.parent) not in table)]
    return max(fitting, key=len, default=None)


def violations(path, text, table):
    names = re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.M)
    folder = rule_for(path, table)
    if not names:
        return []
    if folder is None:
        return [f"{path}: no rule for this folder"]
    own = str(path.parent)
    allowed = [a.replace("<driver>", own.rsplit("/", 1)[-1]) for a in table[folder]]
    found = []
    for name in names:
        if "/" not in name:
            found.append(f"{path}: {name} is not written from the top of the tree")
        elif not any(name == a or name.startswith(a.rstrip("/") + "/") for a in allowed):
            found.append(f"{path}: may not include {name}")
    return found


def looks_everywhere(path):
    """A test; but a driver that only tests start keeps the rules of a driver."""
    below = path.parts[1:] if path.parts[0] == "tests" else path.parts
    return "tests" in below or path.stem.endswith("_test")


def rooms_included(sources):
    """room of the daemon -> other rooms whose headers its sources include; `sources` yields (path, text)."""
    rooms = {}
    for path, text in sources:
        room = str(path.parent)
        for name in re.findall(r'^\s*#\s*include\s+"(daemon/[^"]+)"', text, re.M):
            other = str(pathlib.PurePath(name).parent)
            if other != room:
                rooms.setdefault(room, set()).add(other)
    return rooms


def find_cycle(rooms):
    """The rooms of one cycle in order, or nothing."""
    finished = set()

    def walk(room, way):
        if room in way:
            return way[way.index(room):] + [room]
        if room in finished:
            return None
        for other in sorted(rooms.get(room, ())):
            if found := walk(other, way + [room]):
                return found
        finished.add(room)
        return None

    return next((found for room in sorted(rooms) if (found := walk(room, []))), None)


def sources_of_daemon():
    for path in sorted((ROOT / "daemon").rglob("*")):
        if path.suffix in (".h", ".cc"):
            yield path.relative_to(ROOT), path.read_text()


class IncludeRules(unittest.TestCase):
    def test_every_source_keeps_them(self):
        table = rules()
        sources = [p for f in FOLDERS for p in (ROOT / f).rglob("*") if p.suffix in (".h", ".cc", ".inc")]
        self.assertGreater(len(sources), 20)
        held = [p.relative_to(ROOT) for p in sources if not looks_everywhere(p.relative_to(ROOT))]
        self.assertIn(pathlib.PurePath("tests/drivers/romfs/romfs.cc"), held)
        found = [complaint for path in held for complaint in violations(path, (ROOT / path).read_text(), table)]
        self.assertEqual(found, [])

    def test_a_violation_is_noticed(self):
        table = rules()
        for path, include in (("contained/ext/x.cc", "daemon/mount/mount.h"), ("daemon/x.cc", "contained/ext/ext_io.h"),
                              ("lib/base/x.cc", "lib/protocol/wire.h"), ("lib/protocol/x.h", "daemon/mount/mount.h"),
                              ("contained/ext/x.cc", "contained/hostile/attack.h"), ("daemon/x.cc", "cli/mount_options.h"),
                              ("tests/drivers/romfs/x.cc", "daemon/mount/mount.h"),
                              ("tests/drivers/romfs/x.cc", "tests/drivers/other/x.h"),
                              ("tests/drivers/romfs/x.cc", "contained/ext/ext_io.h"),
                              ("newfolder/x.cc", "lib/base/error.h"), ("daemon/x.cc", "mount.h")):
            self.assertTrue(violations(pathlib.PurePath(path), f'#include "{include}"\n', table), (path, include))

    def test_the_rooms_of_the_daemon_form_no_cycle(self):
        rooms = rooms_included(sources_of_daemon())
        self.assertGreater(len(rooms), 10)
        self.assertIsNone(find_cycle(rooms))

    def test_a_cycle_is_noticed(self):
        back = (pathlib.PurePath("daemon/system/x.h"), '#include "daemon/volumes/volume.h"\n')
        cycle = find_cycle(rooms_included([*sources_of_daemon(), back]))
        self.assertIsNotNone(cycle)
        self.assertIn("daemon/system", cycle)

    def test_what_is_allowed_is_allowed(self):
        table = rules()
        for path, include in (("contained/ext/x.cc", "contained/ext/y.h"), ("contained/ext/x.cc", "lib/protocol/server.h"),
                              ("tests/drivers/romfs/x.cc", "tests/drivers/romfs/y.h"),
                              ("tests/drivers/romfs/x.cc", "contained/runtime/read_only_driver.h"),
                              ("tests/drivers/driver_rows.cc", "tests/drivers/drivers.inc"),
                              ("daemon/launch/x.cc", "contained/drivers.inc"), ("cli/x.cc", "daemon/mount/mount.h")):
            self.assertEqual(violations(pathlib.PurePath(path), f'#include "{include}"\n', table), [])


if __name__ == "__main__":
    unittest.main()
