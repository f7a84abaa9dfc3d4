# SPDX-License-Identifier: GPL-2.0-or-later
"""Every method of the API: how the tests call it, and the answer of the demo service."""

from gi.repository import GLib

from bus_peers import MANAGER, volume

TEXT = GLib.Variant.new_string
FLAG = GLib.Variant.new_boolean
SDB1 = volume("sdb1")
REPLACED = "\ufffd"
CLEANED = f"{REPLACED * 2} bad {REPLACED} label {REPLACED * 2}"
INTERFACES = {"Manager": MANAGER, "Volume": SDB1, "Job": f"{MANAGER}/jobs/7"}

# These make something new each time.
WITH_HANDOVER = [("Manager", "PrepareHandover"), ("Manager", "OpenImage")]
# method, signature, arguments, the answer, whose options it takes
METHODS = [
    ("Manager", "AdoptMount", "(ttsssu)", [1, 2, "/handover/1", "airlock-ext", "builtin", 1000], SDB1, ""),
    ("Manager", "MountAt", "(ssta{sv})", ["/dev/sdb1", "/handover/2", 1, {}], SDB1, "options fstype"),
    ("Manager", "FindVolume", "(s)", ["/dev/sdb1"], SDB1, ""),
    ("Manager", "Explain", "(s)", ["/dev/sdb1"],
     {"device": "/dev/sdb1", "label": CLEANED, "size": 1 << 40, "steps": ["one", CLEANED]}, ""),
    ("Manager", "ListDrivers", "()", [], [{"name": "ext", "writes": True}, {}], ""),
    ("Manager", "SetAutomount", "(sa{sv})", ["off", {}], (), ""),
    ("Manager", "GetSettings", "()", [], {"automount": "on"}, ""),
    ("Volume", "Mount", "(a{sv})", [{}], "/run/media/somebody/sdb1", "options fstype"),
    ("Volume", "Unmount", "(a{sv})", [{}], (), "force lazy"),
    ("Volume", "Eject", "(a{sv})", [{}], (), "force"),
    ("Volume", "Recover", "(sa{sv})", ["read-only", {}], "/run/media/somebody/sdb1", ""),
    ("Volume", "Detach", "(a{sv})", [{}], (), ""),
    ("Volume", "GetUsers", "()", [], [(42, "editor", "/x/" + CLEANED)], ""),
    ("Volume", "GetLog", "()", [], ["first", CLEANED], ""),
    ("Volume", "GetContainment", "()", [], CLEANED, ""),
    ("Volume", "Check", "(a{sv})", [{}], {"verdict": "clean", "summary": CLEANED}, ""),
    ("Volume", "Repair", "(a{sv})", [{}], {"verdict": "clean", "changed": True}, ""),
    ("Volume", "SetLabel", "(sa{sv})", ["NEW", {}], (), ""),
    ("Volume", "Format", "(ssa{sv})", ["exfat", "NEW", {}], (), ""),
    ("Volume", "GetCheckLog", "()", [], ["Pass 1", CLEANED], ""),
    ("Volume", "PowerOff", "(a{sv})", [{}], (), "force"),
    ("Job", "Skip", "(a{sv})", [{}], (), ""),
    ("Job", "Cancel", "(a{sv})", [{}], (), ""),
]
TAKING_OPTIONS = [row for row in METHODS if "a{sv}" in row[2]]
OPTION_VALUES = {"auth.no_user_interaction": FLAG(True), "options": TEXT("ro"),
                 "fstype": TEXT("ext4"), "force": FLAG(True), "lazy": FLAG(True)}
