# SPDX-License-Identifier: GPL-2.0-or-later
"""Mounts images that may do anything to their driver.

Unlike the harness of the other mount tests this one never touches the mounted files itself, not
even with stat(): with a damaged root that fails, and with a stuck driver it never returns.
AIRLOCK_MOUNTER chooses the mounter: "airlock" from the build tree in AIRLOCK_BUILD, or "fuse2fs",
a stand-in for testing the tests.
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import time

MOUNT_DEADLINE = 30
UNMOUNT_DEADLINE = 30
# Hides these mounts from an airlockd of this machine: mount.airlock would hand them over to it.
os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent/no-bus-for-tests"
FUSE_CONNECTIONS = pathlib.Path("/sys/fs/fuse/connections")


class Refused(Exception):
    """The mounter refused. That is an answer; the test decides whether it is a good one."""

    def __init__(self, status, output):
        super().__init__(f"refused with {status}: {output}")
        self.status, self.output = status, output


class Stuck(AssertionError):
    """Something did not happen in time."""


def mounter():
    name = os.environ.get("AIRLOCK_MOUNTER", "airlock")
    assert name in ("airlock", "fuse2fs"), f"AIRLOCK_MOUNTER={name} is not for damaged images"
    return name


def mount_command(image, target, options):
    if mounter() == "fuse2fs":
        return ["fuse2fs", str(image), str(target), "-o", ",".join(options)]
    build = os.environ.get("AIRLOCK_BUILD")
    assert build, "AIRLOCK_BUILD does not say where the build tree is"
    return [os.path.join(build, "cli", "mount.airlock"), str(image), str(target),
            "-t", "airlock.ext4", "-o", ",".join(options)]


def connection_of(target):
    """The number of the mount's device as the kernel lists FUSE connections; None if not mounted."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            words = line.split()
            if words[4] == str(target):
                major, minor = words[2].split(":")
                return int(major) << 20 | int(minor)
    return None


def run_in_time(command, seconds, what):
    """(exit status, output). Kills a command that takes too long, with all its children."""
    # A file and not a pipe: a driver that stays in the background would hold the pipe open.
    with os.fdopen(os.memfd_create("output"), "w+b") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                 start_new_session=True)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
            raise Stuck(f"{what} is not done after {seconds} s") from None
        output.seek(0)
        return child.returncode, output.read().decode(errors="replace")


def is_open_somewhere(image):
    wanted = os.stat(image)
    for process in filter(str.isdigit, os.listdir("/proc")):
        # Processes may end meanwhile.
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{process}/fd"):
                with contextlib.suppress(OSError):
                    if os.path.samestat(os.stat(f"/proc/{process}/fd/{descriptor}"), wanted):
                        return True
    return False


class Mounted:
    def __init__(self, image, target):
        self.image, self.target, self.connection = image, target, connection_of(target)

    def unmount(self):
        """Unmounts properly, including the driver's last writes."""
        # A program that just ended may still be counted for a moment.
        for attempt in range(20):
            status, output = run_in_time(["umount", str(self.target)], UNMOUNT_DEADLINE, "umount")
            if status == 0:
                return self.wait_released()
            if "busy" not in output:
                break
            time.sleep(0.05 * attempt)
        raise AssertionError(f"umount failed with {status}: {output}")

    def wait_released(self):
        """The driver still writes after umount has returned."""
        end = time.monotonic() + UNMOUNT_DEADLINE
        while is_open_somewhere(self.image):
            if time.monotonic() > end:
                raise Stuck(f"the driver keeps the medium {UNMOUNT_DEADLINE} s after the unmount")
            time.sleep(0.02)

    def take_away(self):
        """In any state: no file may stay stuck and no mount may be left."""
        if connection_of(self.target) is None:
            return
        with contextlib.suppress(OSError):
            (FUSE_CONNECTIONS / str(self.connection) / "abort").write_text("1", encoding="ascii")
        run_in_time(["umount", "-l", str(self.target)], UNMOUNT_DEADLINE, "umount -l")


@contextlib.contextmanager
def mounted(image, target, options):
    """Yields a Mounted, or raises Refused. The caller unmounts; anything left is torn down."""
    target.mkdir(exist_ok=True)
    try:
        status, output = run_in_time(mount_command(image, target, options), MOUNT_DEADLINE, "mounting")
        if status != 0:
            raise Refused(status, output)
        assert connection_of(target) is not None, f"success, but nothing is mounted: {output}"
        yield Mounted(image, target)
    finally:
        Mounted(image, target).take_away()
