# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian 13 booted as a container: systemd, udevd, D-Bus and polkit on this machine's kernel, and
loop devices for sticks. Nothing is written to its tree, and nothing stays behind."""
import contextlib
import fcntl
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/integration"))
from loops import Attached  # noqa: E402

MACHINE = ROOT / "build-debian/machine/root"
PACKAGES = ROOT / "build-packages"
BOOT_DEADLINE = 60
DEADLINE = 30
# What systemd-nspawn of Debian 12 forbids in a container, and a system does not.
SYSTEM_CALLS = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
LOOP_ADD, LOOP_REMOVE = 0x4C80, 0x4C81
# Far from the numbers losetup takes by itself.
LOOP_NUMBERS = range(128, 192)
ATTACHED = Attached()


def wait_until(condition, deadline, what):
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"after {deadline} s still waiting for {what}"
        time.sleep(0.05)


def run(*command):
    return subprocess.run(command, check=True, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def loop_control(request, number):
    with open("/dev/loop-control", "r+b", buffering=0) as control:
        return fcntl.ioctl(control, request, number)


@contextlib.contextmanager
def loop_devices(count):
    """Their nodes have to be there when the container starts."""
    numbers = [n for n in LOOP_NUMBERS if not os.path.exists(f"/sys/block/loop{n}")][:count]
    try:
        for number in numbers:
            loop_control(LOOP_ADD, number)
        yield [f"/dev/loop{number}" for number in numbers]
    finally:
        for number in numbers:
            ATTACHED.detach(f"/dev/loop{number}")
            # Somebody else may look at it in this moment; an unused device does no harm then.
            with contextlib.suppress(OSError):
                loop_control(LOOP_REMOVE, number)


class Container:
    def __init__(self, devices, later):
        self.free = list(devices)
        self.later = later
        self.init = None
        self.scratch = tempfile.TemporaryDirectory()

    def __enter__(self):
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                       "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1"}
        binds = ["--bind=/dev/fuse", f"--bind-ro={PACKAGES}:/packages", f"--bind-ro={self.later}:/later",
                 *(f"--bind={device}" for device in self.free)]
        self.console = open(os.path.join(self.scratch.name, "console"), "w+", encoding="utf-8", errors="replace")
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "--boot", "--directory", str(MACHINE), "--volatile=overlay", "--register=no",
             "--keep-unit", "--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
             "--private-network", "--capability=all", f"--system-call-filter={' '.join(SYSTEM_CALLS)}", *binds],
            env=environment, stdin=subprocess.DEVNULL, stdout=self.console, stderr=subprocess.STDOUT)
        try:
            self.init = wait_until(self.find_init, BOOT_DEADLINE, "the container's first process")
            wait_until(self.is_up, BOOT_DEADLINE, "the container to boot")
        except BaseException:
            self.console.seek(0)
            print(self.console.read())
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.init:
            # What is still mounted would keep its loop device busy for as long as its driver lives.
            self.sh("umount --all --types fuseblk,fuse", check=False)
        self.nspawn.terminate()
        try:
            self.nspawn.wait(20)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        self.console.close()
        self.scratch.cleanup()

    def find_init(self):
        """systemd-nspawn has helpers before it has that one."""
        assert self.nspawn.poll() is None, "systemd-nspawn ended"
        with contextlib.suppress(OSError, StopIteration):
            children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text()
            for pid in children.split():
                lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                inner = next(line.split() for line in lines if line.startswith("NSpid:"))
                if len(inner) > 2 and inner[-1] == "1":
                    return pid
        return None

    def is_up(self):
        return self.sh("systemctl is-system-running", check=False).strip() in ("running", "degraded")

    def enter(self, command):
        return ["nsenter", "--target", self.init, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
                "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                "DEBIAN_FRONTEND=noninteractive", "/bin/sh", "-c", command]

    def sh(self, command, check=True, deadline=120):
        done = subprocess.run(self.enter(command), timeout=deadline, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def stick(self, make, label):
        """A new medium of 32 MiB in a loop device."""
        device = self.free.pop(0)
        image = os.path.join(self.scratch.name, label)
        with open(image, "wb") as file:
            file.truncate(32 << 20)
        run(*make, image)
        ATTACHED.attach(device, image)
        # The kernel tells the machine's own udevd about it, not this one.
        self.sh(f"udevadm trigger --settle --action=change {device}")
        return device, image

    def has(self, condition):
        return not self.sh(f"{condition} >/dev/null 2>&1 || echo no", check=False)
