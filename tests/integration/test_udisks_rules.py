# SPDX-License-Identifier: GPL-2.0-or-later
"""Which drivers udisks may use, by the setting "uncontained": the built rules, evaluated by the real udev."""

import json
import os
import pathlib
import re
import subprocess

import pytest
from test_udev_rules import IN_ITS_OWN_PLACE, MOCK_UDEV, SCSI, USB, disk

BUILD = pathlib.Path(os.environ["AIRLOCK_BUILD"])
RULES = BUILD / "udev" / "86-airlock-udisks.rules"
TELLER = BUILD / "daemon" / "airlock-uncontained"
# One that Airlock writes, two that it only reads, and two that it has no driver for.
WRITTEN, READ, READ_BY_US, UNKNOWN, ODD = "vfat", "xfs", "udf", "apfs", "re-iser_9"
MISTAKE = 'uncontained = "never"'


def medium(kind, usage="filesystem", read_only="0", **properties):
    return [USB, SCSI, disk("sdb", {"removable": "1", "ro": read_only}, {
        "AIRLOCK_REMOVABLE": "1", "ID_FS_TYPE": kind, "ID_FS_USAGE": usage, "UDISKS_AUTO": "0", **properties})]


def evaluate(folder, setting, media, teller=TELLER, programs=True):
    """The properties of these media under this line of settings."""
    settings = folder / "settings"
    settings.mkdir(exist_ok=True)
    (settings / "airlock.toml").write_text(setting + "\n")
    there = folder / "is there"
    there.write_text("")
    text = RULES.read_text()
    text = re.sub(r'PROGRAM=="[^"]*"', 'PROGRAM=="/bin/false"', text)
    text = re.sub(r'"[^"]*/airlock-uncontained ', f'"{teller} ', text)
    text = text.replace("$env{ID_FS_TYPE}\"", f"$env{{ID_FS_TYPE}} {settings}\"")
    text = text.replace("/usr/share/dbus-1/system-services/org.freedesktop.UDisks2.service", str(there))
    text = re.sub(r'TEST=="/(usr/bin|[^"]*/libexec)/[^"]*"', f'TEST=="{there if programs else "/none"}"', text)
    rules = folder / RULES.name
    rules.write_text(text)
    cases = [{"action": "add", "chain": chain} for chain in media]
    shown = subprocess.run(["unshare", "-m", "sh", "-c", IN_ITS_OWN_PLACE, "sh", rules, "/usr/bin/python3", MOCK_UDEV],
                           input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    answers = json.loads(shown.stdout)
    # udevadm also tells which program it runs.
    complaints = [line for answer in answers for line in answer["complaints"] if str(settings) not in line]
    assert complaints == []
    return [answer["properties"] for answer in answers]


def drivers_of(properties):
    return {name: value for name, value in properties.items() if name.endswith("_DRIVERS")}


def is_closed_to_the_kernel(properties):
    return "airlock" in properties.get("UDISKS_MOUNT_OPTIONS_DEFAULTS", "").split(",")


@pytest.mark.parametrize("setting", ["", 'uncontained = "warn"', 'uncontained = "allow"'])
def test_what_nobody_contains_stays_with_the_kernel(tmp_path, setting):
    written, *others = evaluate(tmp_path, setting, [medium(WRITTEN), medium(READ), medium(READ_BY_US), medium(UNKNOWN)])
    assert drivers_of(written) == {"UDISKS_MOUNT_OPTIONS_VFAT_DRIVERS": "airlock.vfat"}
    assert is_closed_to_the_kernel(written) and written["UDISKS_AUTO"] == "1"
    for properties in others:
        assert drivers_of(properties) == {} and not is_closed_to_the_kernel(properties)
        assert properties["UDISKS_AUTO"] == "0"


@pytest.mark.parametrize("kind", [READ, READ_BY_US])
def test_what_the_kernel_could_not_write_either_is_contained(tmp_path, kind):
    media = [medium(kind, read_only="1"), medium(kind, ID_CDROM="1")]
    for properties in evaluate(tmp_path, "", media):
        assert drivers_of(properties) == {f"UDISKS_MOUNT_OPTIONS_{kind.upper()}_DRIVERS": f"airlock.{kind}"}
        assert is_closed_to_the_kernel(properties) and properties["UDISKS_AUTO"] == "1"


@pytest.mark.parametrize("setting", ['uncontained = "refuse"', MISTAKE])
def test_refusing_names_a_driver_for_every_type(tmp_path, setting):
    kinds = [WRITTEN, READ, READ_BY_US, UNKNOWN, ODD]
    for kind, properties in zip(kinds, evaluate(tmp_path, setting, [medium(kind) for kind in kinds])):
        name = kind.upper().replace("-", "_")
        assert drivers_of(properties) == {f"UDISKS_MOUNT_OPTIONS_{name}_DRIVERS": f"airlock.{kind}"}
        assert is_closed_to_the_kernel(properties)
        # A desktop that tried to mount what has no driver would only show an error.
        assert properties["UDISKS_AUTO"] == ("1" if kind in (WRITTEN, READ, READ_BY_US) else "0")


def test_refusing_does_not_need_the_program_that_reads(tmp_path):
    properties, = evaluate(tmp_path, 'uncontained = "refuse"', [medium(READ)], programs=False)
    assert drivers_of(properties) == {"UDISKS_MOUNT_OPTIONS_XFS_DRIVERS": "airlock.xfs"}
    assert is_closed_to_the_kernel(properties) and properties["UDISKS_AUTO"] == "0"


def test_what_is_no_filesystem_is_left_alone(tmp_path):
    properties, = evaluate(tmp_path, 'uncontained = "refuse"', [medium("crypto_LUKS", "crypto")])
    assert "AIRLOCK_MOUNTED_BY" not in properties and not is_closed_to_the_kernel(properties)


def test_without_a_word_about_the_settings_the_kernel_gets_nothing(tmp_path):
    for properties in evaluate(tmp_path, "", [medium(WRITTEN), medium(UNKNOWN)], teller="/bin/false"):
        assert is_closed_to_the_kernel(properties)


def test_a_hostile_type_names_no_property(tmp_path):
    (tmp_path / "airlock.toml").write_text('uncontained = "refuse"\n')
    for kind in ("", "a\nEVIL=1", "../x", "x" * 65):
        told = subprocess.run([TELLER, kind, tmp_path], capture_output=True, text=True, check=True)
        assert told.stdout == "AIRLOCK_UNCONTAINED=refuse\n"
