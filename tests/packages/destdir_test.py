#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`meson install` into a DESTDIR: every file is there, at its place, and nothing else.
  destdir_test.py BUILD     with AIRLOCK_TRAY=yes if that was built
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv.pop(1))
PROGRAM, TEXT = 0o755, 0o644
# Without a leading slash: below the prefix.
EXPECTED = {
    "bin/airlockctl": PROGRAM,
    "/usr/sbin/mount.airlock": PROGRAM,
    "libexec/airlock/airlockd": PROGRAM,
    "libexec/airlock/airlock-probe": PROGRAM,
    "libexec/airlock/airlock-check": PROGRAM,
    "libexec/airlock/airlock-fat-finish": PROGRAM,
    "libexec/airlock/airlock-mount-bus": PROGRAM,
    "/usr/lib/airlock/airlock.toml": TEXT,
    "/usr/lib/systemd/system/airlockd.service": TEXT,
    "/usr/lib/tmpfiles.d/airlock.conf": TEXT,
    "/usr/lib/udev/rules.d/85-airlock.rules": TEXT,
    "/usr/share/polkit-1/actions/org.airlock1.policy": TEXT,
    "share/dbus-1/interfaces/org.airlock1.Job.xml": TEXT,
    "share/dbus-1/interfaces/org.airlock1.Manager.xml": TEXT,
    "share/dbus-1/interfaces/org.airlock1.Volume.xml": TEXT,
    "share/dbus-1/system-services/org.airlock1.service": TEXT,
    "share/dbus-1/system.d/org.airlock1.conf": TEXT,
    "share/bash-completion/completions/airlockctl": TEXT,
    "share/fish/vendor_completions.d/airlockctl.fish": TEXT,
    "share/zsh/site-functions/_airlockctl": TEXT,
    "share/man/man1/airlockctl.1": TEXT,
    "share/man/man5/airlock.toml.5": TEXT,
    "share/man/man7/airlock-dbus.7": TEXT,
    "share/man/man8/airlockd.8": TEXT,
    "share/man/man8/mount.airlock.8": TEXT,
    "libexec/airlock/airlock-adapter": PROGRAM,
    "libexec/airlock/airlock-uncontained": PROGRAM,
}
OF_THE_TRAY = {
    "bin/airlock-tray": PROGRAM,
    "share/applications/org.airlock1.Tray.desktop": TEXT,
    "share/icons/hicolor/scalable/apps/org.airlock1.Tray.svg": TEXT,
    "share/man/man1/airlock-tray.1": TEXT,
    "share/metainfo/org.airlock1.Tray.metainfo.xml": TEXT,
}
OF_UDISKS = {"/usr/lib/udev/rules.d/86-airlock-udisks.rules": TEXT}
NEEDS_A_PACKAGE = "no package has it: add debian/airlock-driver-{0}.install and a paragraph in debian/control"


def drivers(folder="contained"):
    table = (ROOT / folder / "drivers.inc").read_text()
    return re.findall(r"^AIRLOCK_DRIVER\((\w+),", table, re.M)


def expected(sysconfdir):
    files = dict(EXPECTED)
    for name in drivers():
        files[f"libexec/airlock/airlock-{name}"] = PROGRAM
        files[f"/usr/lib/systemd/system/airlock-{name}.socket"] = TEXT
        files[f"/usr/lib/systemd/system/airlock-{name}@.service"] = TEXT
    if os.environ.get("AIRLOCK_TRAY") == "yes":
        files |= OF_THE_TRAY
        files[f"{sysconfdir}/xdg/autostart/org.airlock1.Tray.desktop"] = TEXT
    if os.environ.get("AIRLOCK_UDISKS_RULES") == "yes":
        files |= OF_UDISKS
    return files


def knowing(folder, name):
    """The files below that contain the name of this driver's program."""
    return [str(path) for path in pathlib.Path(folder).rglob("*")
            if path.is_file() and f"airlock-{name}".encode() in path.read_bytes()]


class Installed(unittest.TestCase):
    def test_every_file_is_at_its_place_and_nothing_else(self):
        told = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", BUILD], check=True,
                                         stdout=subprocess.PIPE).stdout)
        options = {option["name"]: option["value"] for option in told}
        prefix = pathlib.Path(options["prefix"])
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", scratch], check=True,
                           stdout=subprocess.DEVNULL)
            found = {"/" + str(path.relative_to(scratch)): path.stat().st_mode & 0o7777
                     for path in pathlib.Path(scratch).rglob("*") if not path.is_dir()}
            # And none of them has heard of a driver that only tests start.
            self.assertTrue(knowing(scratch, "ext"))
            self.assertTrue(knowing(BUILD / "tests/drivers", "romfs"))
            for name in drivers("tests/drivers"):
                self.assertEqual(knowing(scratch, name), [])
        self.assertEqual(found, {str(prefix / path): mode for path, mode in expected(options["sysconfdir"]).items()})

    def test_every_driver_has_a_debian_package(self):
        control = (ROOT / "debian/control").read_text()
        for name in drivers():
            install = ROOT / f"debian/airlock-driver-{name}.install"
            self.assertTrue(install.exists() and f"Package: airlock-driver-{name}\n" in control,
                            NEEDS_A_PACKAGE.format(name))
            self.assertIn(f"usr/libexec/airlock/airlock-{name}\n", install.read_text())

    def test_adapted_programs_have_a_package(self):
        control = (ROOT / "debian/control").read_text()
        package = control[control.index("Package: airlock-driver-adapter\n"):].split("\n\n")[0]
        wanted = re.findall(r'^AIRLOCK_ADAPTED\("[^"]*", "[^"]*", "[^"]*", "([^"]+)"',
                            (ROOT / "contained/adapter/adapted.inc").read_text(), re.M)
        self.assertGreater(len(wanted), 2)
        for name in wanted:
            self.assertIn(f"\n {name},\n", package)

    def test_the_package_has_the_version_of_the_sources(self):
        version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text()).group(1)
        self.assertTrue((ROOT / "debian/changelog").read_text().startswith(f"airlock ({version}) "))


if __name__ == "__main__":
    unittest.main(verbosity=1)
