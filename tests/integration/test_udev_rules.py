# SPDX-License-Identifier: GPL-2.0-or-later
"""When the udev rule starts airlockd: a table of hardware, evaluated by the real udev."""

import json
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULE = ROOT / "udev" / "85-airlock.rules"
MOCK_UDEV = pathlib.Path(__file__).with_name("mock_udev.py")

IN_ITS_OWN_PLACE = r"""
set -e
mount -t tmpfs none /run
mkdir -p /run/udev
mount -t tmpfs none /usr/lib/udev/rules.d
cp "$1" /usr/lib/udev/rules.d/
SYSTEMD_DEVICE_VERIFY_SYSFS=0 exec umockdev-wrapper "$2" "$3"
"""


def device(subsystem, name, attributes=None, properties=None):
    return {"subsystem": subsystem, "name": name, "attributes": attributes or {},
            "properties": properties or {}}


def disk(name, attributes=None, properties=None):
    return device("block", f"block/{name}",
                  {"dev": "8:16", "size": "8000", "removable": "0", **(attributes or {})},
                  {"DEVNAME": f"/dev/{name}", "DEVTYPE": "disk", "MAJOR": "8", "MINOR": "16",
                   **(properties or {})})


def partition(name):
    return device("block", name, {"dev": "8:17", "size": "4000", "partition": "1"},
                  {"DEVNAME": f"/dev/{name}", "DEVTYPE": "partition", "MAJOR": "8", "MINOR": "17"})


USB = device("usb", "usb1", {"idVendor": "0781", "removable": "unknown"}, {"DEVTYPE": "usb_device"})
SCSI = device("scsi", "6:0:0:0")
ATA = device("ata_port", "ata1")
CDROM = {"ID_CDROM": "1"}


def pci(removable):
    return device("pci", "0000:01:00.0", {"removable": removable})


def mmc(kind):
    return device("mmc", "mmc0:0001", {"type": kind})


STARTS = {
    "a USB stick": [USB, SCSI, disk("sdb", {"removable": "1"})],
    "a partition of a USB stick": [USB, SCSI, disk("sdb", {"removable": "1"}), partition("sdb1")],
    "a USB hard disk": [USB, SCSI, disk("sdb")],
    "a partition of a USB hard disk": [USB, SCSI, disk("sdb"), partition("sdb1")],
    "an SD card": [mmc("SD"), disk("mmcblk0"), partition("mmcblk0p1")],
    "a FireWire disk": [device("firewire", "fw1"), SCSI, disk("sdb")],
    "an NVMe disk behind Thunderbolt": [pci("removable"), device("nvme", "nvme1"),
                                        disk("nvme1n1"), partition("nvme1n1p1")],
    "a disc in an optical drive": [ATA, SCSI, disk("sr0", {"removable": "1"},
                                                   {**CDROM, "ID_CDROM_MEDIA": "1"})],
    "a cartridge in an internal drive": [ATA, SCSI, disk("sda", {"removable": "1"}),
                                         partition("sda1")],
}
DOES_NOT = {
    "an internal disk": [ATA, SCSI, disk("sda"), partition("sda1")],
    "an internal NVMe disk": [pci("fixed"), device("nvme", "nvme0"), disk("nvme0n1")],
    "a soldered eMMC chip": [mmc("MMC"), disk("mmcblk0"), partition("mmcblk0p1")],
    "a card reader without a card": [USB, SCSI, disk("sdb", {"removable": "1", "size": "0"})],
    "an empty optical drive": [ATA, SCSI, disk("sr0", {"removable": "1", "size": "2097151"}, CDROM)],
    "a loop device": [disk("loop0")],
    "a volume of device-mapper on a stick": [USB, disk("dm-0")],
    "what udisks was told to ignore": [USB, SCSI, disk("sdb", {}, {"UDISKS_IGNORE": "1"})],
    "what we were told to ignore": [USB, SCSI, disk("sdb", {}, {"AIRLOCK_IGNORE": "1"})],
    "a USB device that is no disk": [USB, device("input", "input7")],
}


@pytest.fixture(scope="module")
def verdicts():
    """The results of udev for all of them, by name and action."""
    cases = [{"what": what, "action": action, "chain": chain}
             for table in (STARTS, DOES_NOT) for what, chain in table.items()
             for action in ("add", "change", "remove")]
    shown = subprocess.run(["unshare", "-m", "sh", "-c", IN_ITS_OWN_PLACE, "sh", RULE,
                            "/usr/bin/python3", MOCK_UDEV],
                           input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    answers = json.loads(shown.stdout)
    assert len(answers) == len(cases)
    return {(case["what"], case["action"]): answer for case, answer in zip(cases, answers)}


def starts(answer):
    wants = "airlockd.service" in answer["properties"].get("SYSTEMD_WANTS", "").split()
    tagged = ":systemd:" in answer["properties"].get("CURRENT_TAGS", "")
    assert wants == tagged
    return wants


@pytest.mark.parametrize("action", ["add", "change"])
@pytest.mark.parametrize("what", STARTS)
def test_starts_airlockd(verdicts, what, action):
    assert starts(verdicts[what, action])


@pytest.mark.parametrize("action", ["add", "change"])
@pytest.mark.parametrize("what", DOES_NOT)
def test_does_not_start_airlockd(verdicts, what, action):
    assert not starts(verdicts[what, action])


@pytest.mark.parametrize("what", STARTS)
def test_pulling_starts_nothing(verdicts, what):
    assert not starts(verdicts[what, "remove"])


def test_udev_has_nothing_to_complain_about(verdicts):
    assert [answer["complaints"] for answer in verdicts.values() if answer["complaints"]] == []


def test_a_broken_rule_would_be_noticed(tmp_path):
    broken = tmp_path / "85-broken.rules"
    broken.write_text('SUBSYSTEM=="block", NONSENSE=="1"\n')
    shown = subprocess.run(["unshare", "-m", "sh", "-c", IN_ITS_OWN_PLACE, "sh", broken,
                            "/usr/bin/python3", MOCK_UDEV],
                           input=json.dumps([{"action": "add", "chain": STARTS["a USB stick"]}]),
                           capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout)[0]["complaints"]


def test_it_runs_and_reads_nothing():
    """Only keys that match or label; none that runs a program or reads the medium."""
    harmless = {"ACTION", "SUBSYSTEM", "SUBSYSTEMS", "KERNEL", "ENV", "ATTR", "ATTRS", "GOTO",
                "LABEL", "TAG"}
    lines = [line for line in RULE.read_text().splitlines() if line and not line.startswith("#")]
    keys = {key for line in lines for key in re.findall(r"([A-Z]+)(?:\{[^}]*\})?\s*[=!+:-]=?", line)}
    assert lines and keys <= harmless
    # A name in braces can be a program: IMPORT{...}, RUN{...}; a value can hold %c or $(...).
    assert not any(word in line for line in lines for word in ("%c", "$result", "RUN", "PROGRAM"))


