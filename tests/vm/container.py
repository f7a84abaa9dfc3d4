# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian that booted (13, or what AIRLOCK_GUEST names): systemd, udev, polkit, udisks and Airlock as `meson install` leaves it, on
this machine's kernel, with loop devices for sticks. Nothing is written to the guest's folder.

It has neither a USB bus nor another kernel. All of the machine shares the loop devices, so udev in the
guest ignores all but its own.
"""
import collections
import contextlib
import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "integration"))
from loops import Attached  # noqa: E402

PLACE = pathlib.Path(os.environ.get("AIRLOCK_GUEST", HERE.parents[1] / "build-debian/vm"))
LOOP_CTL_ADD, LOOP_CTL_REMOVE = 0x4C80, 0x4C81
BOOT_TIME = 90
DEADLINE = 30

Outcome = collections.namedtuple("Outcome", "code text")

# Makes the guest's own loop devices look like plugged-in sticks, and hides all others.
UDEV_RULES = """
KERNEL=="{ours}", ENV{{UDISKS_SYSTEM}}="0", ENV{{AIRLOCK_REMOVABLE}}="1", GOTO="sticks_end"
KERNEL=="loop*|ram*|vd*|sd*|nbd*", ENV{{UDISKS_IGNORE}}="1", ENV{{AIRLOCK_IGNORE}}="1"
LABEL="sticks_end"
"""
# The user does not sit at a seat: the actions of a person at the desktop are allowed by name.
POLKIT_RULES = """
polkit.addRule(function(action, subject) {
  if (subject.user == "user" && action.id.indexOf("org.freedesktop.udisks2.filesystem-") == 0)
    return polkit.Result.YES;
});
"""
# Calls that systemd-nspawn of Debian 12 does not know and would forbid.
SYSTEM_CALLS = "@mount @keyring bpf landlock_create_ruleset landlock_add_rule landlock_restrict_self"
# The guest's own tmpfs over the root and the installed files; gone with this process.
START = """
mount -t tmpfs -o mode=755 none "$1/live"
mkdir "$1/live/upper" "$1/live/work" "$1/live/root"
cp -a "$2/." "$1/live/upper/"
mount -t overlay overlay -o "lowerdir=$1/installed:$1/root,upperdir=$1/live/upper,workdir=$1/live/work" "$1/live/root"
place=$1; shift 2
exec systemd-nspawn -D "$place/live/root" "$@"
"""


class Container:
    def __init__(self, scratch, sticks=3, files=None):
        """`files` are written into the guest before it boots: {"etc/x": "content"}."""
        self.scratch = pathlib.Path(scratch)
        self.count = sticks
        self.files = dict(files or {})
        self.numbers = []
        self.attached = Attached()
        self.process = None
        self.init = None

    def __enter__(self):
        try:
            self.reserve_loops()
            self.boot()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    # Starting and ending

    def reserve_loops(self):
        # Not the low ones, which losetup -f elsewhere would take.
        for number in range(100, 250):
            if len(self.numbers) == self.count:
                break
            if not os.path.exists(f"/sys/block/loop{number}"):
                with contextlib.suppress(FileExistsError):  # another test reserves some as well
                    loop_control(LOOP_CTL_ADD, number)
                    self.numbers.append(number)
        self.free = [f"/dev/loop{number}" for number in self.numbers]

    def write_files(self):
        ours = "|".join(f"loop{number}" for number in self.numbers)
        files = {"etc/udev/rules.d/70-sticks.rules": UDEV_RULES.format(ours=ours),
                 "etc/polkit-1/rules.d/10-user.rules": POLKIT_RULES, **self.files}
        folder = self.scratch / "upper"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for path in [folder, *folder.rglob("*")]:
            os.chmod(path, 0o755 if path.is_dir() else 0o644)
        return folder

    def boot(self):
        (PLACE / "live").mkdir(exist_ok=True)
        environment = {**os.environ,
                       "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",  # systemd 256 refuses cgroup v1
                       "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1"}   # udevd runs where /sys is writable
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", START, "sh",
                   PLACE, self.write_files(),
                   "--boot", "--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off",
                   "--timezone=off", "--link-journal=no", "--private-network", "--capability=all",
                   "--bind=/dev/fuse", f"--system-call-filter={SYSTEM_CALLS}"]
        self.log = open(self.scratch / "console", "wb")
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=subprocess.STDOUT)
        wait_until(self.is_up, BOOT_TIME, "the guest to boot")
        # Not bound: airlockd rejects a device node that is itself a mount point.
        for number in self.numbers:
            self.run(f"mknod -m 660 /dev/loop{number} b 7 {number} && chgrp disk /dev/loop{number}")

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError("systemd-nspawn ended: " + (self.scratch / "console").read_text()[-2000:])
        self.init = self.init or self.find_init()
        return self.init and self.run("systemctl is-system-running", allowed=None).text.strip() in (
            "running", "degraded")

    def find_init(self):
        """The guest's process 1; systemd-nspawn has helper children before it has that one."""
        try:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
            for pid in children.read_text().split():
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                numbers = next(line.split() for line in status.splitlines() if line.startswith("NSpid:"))
                if len(numbers) > 2 and numbers[-1] == "1":
                    return pid
        except (OSError, StopIteration):
            pass
        return None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for number in self.numbers:
            self.attached.detach(f"/dev/loop{number}")
            try:
                wait_until(lambda number=number: removed(number), 10, f"loop{number} to be free")
            except AssertionError:
                print(f"loop{number} is still held by somebody")

    # Commands in it

    def argv(self, command, user=None):
        enter = ["nsenter", "-t", self.init, "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        become = ["/sbin/runuser", "-u", user, "--"] if user else []
        return [*enter, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin", "LC_ALL=C.UTF-8", *become,
                "/bin/sh", "-c", command]

    def run(self, command, user=None, allowed=0, timeout=60):
        done = subprocess.run(self.argv(command, user), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)
        assert allowed is None or done.returncode == allowed, f"{command}: {done.returncode}\n{done.stdout}"
        return Outcome(done.returncode, done.stdout)

    def start(self, command, user=None):
        """Starts it; the caller ends it."""
        return subprocess.Popen(self.argv(command, user), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def text(self, command, user=None):
        return self.run(command, user).text.strip()

    def journal(self):
        return self.run("journalctl -b --no-pager -o short-precise | tail -n 150", allowed=None).text

    # Sticks

    def plug(self, image, read_only=False):
        device = self.free.pop(0)
        self.attached.attach(device, image, *(["-r"] if read_only else []))
        self.run(f"udevadm trigger --settle -c change {device}")
        wait_until(lambda: self.run(f"udisksctl info -b {device}", allowed=None).code == 0, DEADLINE,
                   "udisks to see the stick")
        return device

    def yank(self, device):
        """Removes all sectors, so that every request fails. Spoils the image."""
        assert self.attached.is_ours(device), f"{device} is not ours any more"
        backing = pathlib.Path(f"/sys/block/{os.path.basename(device)}/loop/backing_file").read_text().strip()
        os.truncate(backing, 0)
        subprocess.run(["losetup", "-c", device], check=True)
        self.run(f"udevadm trigger -c change {device}")

    def unplug(self, device):
        self.attached.detach(device)
        wait_until(lambda: not self.attached.is_ours(device), DEADLINE,
                   f"{device} to let go of its image")
        self.run(f"udevadm trigger --settle -c change {device}", allowed=None)
        self.free.append(device)

    def mounts(self, device):
        """[(place, type, options)] of a device, in the order they were made."""
        lines = self.run(f"findmnt -rno TARGET,FSTYPE,OPTIONS -S {device}", allowed=None).text
        return [tuple(line.split(" ")) for line in lines.splitlines()]

    # airlockd

    def volume(self, device, wanted=None):
        """The properties of a volume from airlockctl, or one of them."""
        import json
        found = self.run(f"airlockctl info --json {device}", allowed=None)
        if found.code != 0:
            return None
        told = json.loads(found.text)
        return told.get(wanted) if wanted else told

    def drivers(self):
        """The number of running drivers."""
        return int(self.run("pgrep -c 'lock-(ext|fat)'", allowed=None).text)


def removed(number):
    try:
        loop_control(LOOP_CTL_REMOVE, number)
    except OSError:
        return not os.path.exists(f"/sys/block/loop{number}")
    return True


def loop_control(request, number):
    with open("/dev/loop-control", "r+b", buffering=0) as control:
        return fcntl.ioctl(control, request, number)


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return value
