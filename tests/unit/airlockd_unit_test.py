#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""airlockd.service: its exposure according to systemd, and that it forbids nothing the daemon needs."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = pathlib.Path(os.environ["AIRLOCK_BUILD"]) / "units"
UNIT = UNITS / "airlockd.service"
# Half of it is what a mount namespace of its own would give. The drivers score 0.1.
WORST_EXPOSURE = 5.6
# Each of these puts a service into a mount namespace, where its mounts are invisible to others.
MOUNT_NAMESPACE = """
ProtectSystem ProtectHome PrivateTmp PrivateDevices PrivateMounts PrivateIPC ProtectKernelTunables
ProtectKernelModules ProtectKernelLogs ProtectControlGroups ProtectProc ProcSubset ReadOnlyPaths
ReadWritePaths InaccessiblePaths NoExecPaths ExecPaths BindPaths BindReadOnlyPaths RootDirectory
RootImage TemporaryFileSystem MountAPIVFS RuntimeDirectory DynamicUser MountFlags
""".split()


def settings(name):
    return [line.split("=", 1)[1] for line in UNIT.read_text().splitlines()
            if line.startswith(name + "=")]


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)


def group(name):
    """All calls of one group of systemd, with the groups in it."""
    text = analyze("syscall-filter", name).stdout
    assert text, name
    found = set()
    for word in (line.strip() for line in text.splitlines()[1:]):
        if word.startswith("@"):
            found |= group(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def allowed_calls():
    allowed = group("@default")
    for line in settings("SystemCallFilter"):
        words = line.removeprefix("~").split()
        calls = set().union(*(group(w) if w.startswith("@") else {w} for w in words))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


@unittest.skipIf(shutil.which("systemd-analyze") is None, "systemd is not installed")
class WithSystemd(unittest.TestCase):
    def test_exposure(self):
        done = analyze("security", "--offline=true", "--no-pager", str(UNIT))
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
        self.assertTrue(found, done.stdout + done.stderr)
        self.assertLessEqual(float(found[1]), WORST_EXPOSURE, done.stdout)
        self.assertNotIn("ignoring", done.stderr)

    def test_systemd_understands_every_line(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / UNIT.name
            copy.write_text(re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", UNIT.read_text(),
                                   flags=re.M))
            done = analyze("verify", "--man=no", str(copy))
        ours = [line for line in done.stderr.splitlines() if "airlock" in line]
        self.assertEqual((ours, done.returncode), ([], 0), done.stderr)

    def test_no_driver_is_killed_for_a_call_its_own_filter_allows(self):
        wanted = set()
        for path in (ROOT / "contained").rglob("syscalls*.inc"):
            wanted |= set(re.findall(r"^AIRLOCK_(?:ALLOW|ALLOW_IF)\((\w+)", path.read_text(), re.M))
        self.assertGreater(len(wanted), 20)
        self.assertEqual(wanted - allowed_calls(), set())

    def test_every_call_the_sources_name_is_allowed(self):
        wanted = set()
        for folder in ("daemon", "lib", "contained/runtime"):
            for path in (ROOT / folder).rglob("*.cc"):
                wanted |= set(re.findall(r"\bSYS_([a-z]\w+)", path.read_text()))
        self.assertGreater(len(wanted), 5)
        # Listed there as the call that no filter allows.
        self.assertEqual(wanted - allowed_calls(), {"nfsservctl"})

    def test_calls_nobody_needs_are_not_allowed(self):
        for call in ("ptrace", "bpf", "kexec_load", "init_module", "add_key", "io_setup", "reboot",
                     "perf_event_open", "open_by_handle_at", "swapon", "settimeofday", "iopl"):
            self.assertNotIn(call, allowed_calls())


class Text(unittest.TestCase):
    def test_its_mounts_are_everybodys(self):
        self.assertEqual([name for name in MOUNT_NAMESPACE if settings(name)], [])

    def test_drivers_outlive_it_and_one_out_of_memory_is_only_one(self):
        self.assertEqual(settings("KillMode"), ["process"])
        self.assertEqual(settings("OOMPolicy"), ["continue"])

    def test_groups_of_workers_outlive_it_or_are_not_made(self):
        # Without this subgroup, a service with surviving drivers could not be started again.
        if settings("Delegate"):
            self.assertEqual(settings("Delegate"), ["memory pids cpu io"])
            code = (ROOT / "daemon/launch/group_home.cc").read_text()
            self.assertEqual(settings("DelegateSubgroup"), re.findall(r'kDaemonGroup = "(\w+)"', code))
            self.assertIn(f'kUnit = "{UNIT.name}"', code)
        else:
            self.assertEqual(settings("DelegateSubgroup"), [])
            self.assertLess(self.version_of_systemd(), 254)

    def version_of_systemd(self):
        done = subprocess.run(["pkg-config", "--modversion", "libsystemd"], capture_output=True, text=True)
        return int(re.match(r"\d+", done.stdout)[0]) if done.returncode == 0 else 0

    def test_paths_can_be_walked_safely(self):
        # It would make openat2 fail.
        self.assertEqual(settings("RestrictSUIDSGID"), [])

    def test_limits_are_set(self):
        for name in ("MemoryMax", "TasksMax", "LimitNOFILE"):
            self.assertTrue(settings(name), name)

    def test_bus_and_unit_agree(self):
        activation = (ROOT / "dbus/org.airlock1.service.in").read_text()
        self.assertIn(f"SystemdService={UNIT.name}\n", activation)
        self.assertIn(f"Name={settings('BusName')[0]}\n", activation)
        self.assertTrue(settings("ExecStart")[0].endswith("/airlockd"))

    def test_folders_are_made_before_anybody_else_can(self):
        made = {line.split()[1]: line.split()[2:5] for line in
                (UNITS / "airlock.conf").read_text().splitlines() if line.startswith("d ")}
        for folder in ("/run/airlock", "/run/media"):
            self.assertEqual(made.get(folder), ["0755", "root", "root"], folder)


if __name__ == "__main__":
    unittest.main()
