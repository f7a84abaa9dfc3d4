# SPDX-License-Identifier: GPL-2.0-or-later
"""Images, loop devices and mounts for the mount tests, by the mounter under test.

Everything here is a context manager that gives back its resources, even if the test failed, and
everything has a deadline: a driver that does not answer is killed, which wakes all processes that
wait for it, and the test fails. A mounter is `kernel`, `fuse2fs` or `airlock`; the first two exist
to check the tests themselves.
"""

import contextlib
import errno
import fcntl
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

from loops import disk_sequence

KERNEL = "kernel"
FUSE2FS = "fuse2fs"
AIRLOCK = "airlock"
MOUNTERS = (KERNEL, FUSE2FS, AIRLOCK)

# Ends a test that would wait for ever; not a limit for any operation. tests/slow_machine.sh makes it
# longer.
PATIENCE = 60 * int(os.environ.get("AIRLOCK_PATIENCE", 1))
COMMAND_DEADLINE = PATIENCE
UNMOUNT_DEADLINE = PATIENCE
# A slow machine may take longer than promised, by this multiple of the time of a program that does
# nothing. That is 0.05 s on the machine of the author.
STARTS_ALLOWED = 20
# An answer on a bus goes through two processes and back.
STARTS_ALLOWED_FOR_AN_ANSWER = 4
DRIVER_NAMES = {FUSE2FS: "fuse2fs", AIRLOCK: "airlock-ext"}
EXT4_IOC_SHUTDOWN = 0x8004587D
SHUTDOWN_WITHOUT_JOURNAL = struct.pack("<I", 2)
FUSE_CONNECTIONS = pathlib.Path("/sys/fs/fuse/connections")
# Hides the tests' mounts from an airlockd of this machine: mount.airlock would hand them over to it. A
# test that needs a bus starts one.
os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent/no-bus-for-tests"


class HarnessError(AssertionError):
    """A step around the test went wrong; the message says which and what it printed."""


class MountError(HarnessError):
    """The mounter refused. `output` is its message to the user."""

    def __init__(self, status, output):
        super().__init__(f"mount failed with exit code {status}: {output}")
        self.status = status
        self.output = output


def run(command, timeout=COMMAND_DEADLINE, allowed=(0,), **options):
    """Runs a command to its end and returns it; any exit code not allowed is a failure."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, timeout=timeout, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, **options)
    except subprocess.TimeoutExpired as late:
        raise HarnessError(f"{' '.join(command)}: not done after {timeout} s") from late
    if allowed is not None and done.returncode not in allowed:
        raise HarnessError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return done


def wait_until(condition, deadline, what):
    """Polls until the condition is truthy and returns its value."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise HarnessError(f"after {deadline} s still waiting for {what}")
        time.sleep(0.01)


class Stopwatch(threading.Thread):
    """How long something took, and how slow this machine was meanwhile: the longest time from start to end
    of a program that does nothing."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.longest_start = 0.0
        # Several, in case the watched work is over soon: one of them shows if a machine is slow now and then.
        for _ in range(6):
            self.look()
            time.sleep(0.03)
        self.begin = time.monotonic()
        self.taken = None
        self.start()

    def look(self):
        begin = time.monotonic()
        subprocess.run(["true"], check=True)
        self.longest_start = max(self.longest_start, time.monotonic() - begin)

    def run(self):
        while not self.over.wait(0.1):
            self.look()

    def stop(self):
        self.taken = time.monotonic() - self.begin
        self.over.set()
        self.join()

    def keeps(self, promise):
        return self.taken < promise + STARTS_ALLOWED * self.longest_start

    def limit_of_answers(self, promise):
        return promise + STARTS_ALLOWED_FOR_AN_ANSWER * self.longest_start

    def __str__(self):
        return f"{self.taken:.2f} s, where starting a program takes up to {self.longest_start:.3f} s"


@contextlib.contextmanager
def watching():
    """Yields a Stopwatch of the work inside."""
    watch = Stopwatch()
    try:
        yield watch
    finally:
        watch.stop()


@contextlib.contextmanager
def within(promise):
    """The work inside must take less than the promised seconds, or more on a slower machine."""
    with watching() as watch:
        yield watch
    assert watch.keeps(promise), f"took {watch}, and {promise} s are promised"


def default_mounter():
    mounter = os.environ.get("AIRLOCK_MOUNTER", AIRLOCK)
    if mounter not in MOUNTERS:
        raise HarnessError(f"AIRLOCK_MOUNTER={mounter} is none of {', '.join(MOUNTERS)}")
    return mounter


def built(relative):
    """A program of the build tree."""
    build = os.environ.get("AIRLOCK_BUILD")
    if not build:
        raise HarnessError("AIRLOCK_BUILD does not say where the build tree is")
    program = pathlib.Path(build) / relative
    if not program.exists():
        raise HarnessError(f"{program} is not built")
    return program


def scratch_root():
    """Memory, if there is enough: for these tests it is twenty times faster than a disk."""
    chosen = os.environ.get("AIRLOCK_TEST_DIR")
    if chosen:
        return chosen
    with contextlib.suppress(OSError):
        shared = os.statvfs("/dev/shm")
        if shared.f_bavail * shared.f_frsize > 3 << 30:
            return "/dev/shm"
    return tempfile.gettempdir()


@contextlib.contextmanager
def scratch_directory():
    path = pathlib.Path(tempfile.mkdtemp(prefix="airlock-test-", dir=scratch_root()))
    try:
        yield path
    finally:
        remove_scratch(path)


def remove_scratch(path):
    """Never enters a leftover mount: that would delete the evidence."""
    if any(target.startswith(str(path)) for target in mount_targets()):
        raise HarnessError(f"{path} still has mounts in it: {mount_targets()}")
    shutil.rmtree(path)


def mount_targets():
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        return [line.split()[4].encode().decode("unicode_escape") for line in table]


def mount_device(where):
    """Major and minor number of the last filesystem mounted there."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        rows = [line.split() for line in table]
    device = [row[2] for row in rows
              if row[4].encode().decode("unicode_escape") == str(where)][-1]
    return tuple(map(int, device.split(":")))


def make_image(path, mkfs_options=(), size="64M", kind="ext4"):
    """A fresh filesystem in a sparse file."""
    path = pathlib.Path(path)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    run(["truncate", "-s", size, path])
    run(["mke2fs", "-q", "-F", "-t", kind, *mkfs_options, path])
    return path


def e2fsck_clean(image):
    """Asserts that the filesystem has nothing to repair."""
    done = run(["e2fsck", "-fn", image], timeout=300, allowed=None)
    assert done.returncode == 0, f"e2fsck -fn {image}: exit {done.returncode}\n{done.stdout}"


def debugfs(image, request):
    """The answer of debugfs to one request, straight from the image and past every cache."""
    return run(["debugfs", "-R", request, image]).stdout


class LoopDevice:
    """A loop device over an image file. Buffered, because a tmpfs file has no direct I/O."""

    def __init__(self, image, read_only=False):
        command = ["losetup", "--direct-io=off", "--find", "--show"]
        command += ["--read-only"] if read_only else []
        self._remember(self._attach([*command, image]), image)

    @classmethod
    def attached(cls, path, image):
        """A device that the test has just attached."""
        device = cls.__new__(cls)
        device._remember(path, image)
        return device

    def _remember(self, path, image):
        self.path = path
        self.image = pathlib.Path(image)
        self.sequence = disk_sequence(path)

    def changed_to(self, image):
        """Call after the test puts another file behind it, which gives the medium a new number."""
        self._remember(self.path, image)

    def is_ours(self):
        """Once the test's file is detached, another program may use the device and its number."""
        return self.path is not None and self.sequence is not None and disk_sequence(self.path) == self.sequence

    @staticmethod
    def _attach(command):
        # Several processes may receive the same free device; all but one then get EBUSY.
        for _ in range(20):
            done = run(command, allowed=None)
            if done.returncode == 0:
                return done.stdout.strip()
            time.sleep(0.05)
        raise HarnessError(f"losetup: {done.stdout}")

    def wait_released(self, deadline=UNMOUNT_DEADLINE):
        """Waits until no mount uses it, including copies in new mount namespaces of other programs."""
        def released():
            try:
                os.close(os.open(self.path, os.O_RDONLY | os.O_EXCL))
            except OSError as busy:
                if busy.errno != errno.EBUSY:
                    raise
                return False
            return True
        wait_until(released, deadline, f"{self.path} to be released")

    def detach(self):
        """Does nothing if another program has ejected it."""
        if self.is_ours():
            run(["losetup", "--detach", self.path])

    def close(self):
        self.detach()
        self.path = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Watchdog:
    """Kills the drivers of a test that takes too long, so that its stuck calls return."""

    def __init__(self):
        self._lock = threading.Lock()
        self._mounts = []
        self.fired = False

    def adopt(self, mount):
        with self._lock:
            self._mounts.append(mount)

    def dismiss(self, mount):
        with self._lock:
            if mount in self._mounts:
                self._mounts.remove(mount)

    @contextlib.contextmanager
    def guard(self, seconds):
        timer = threading.Timer(seconds, self._fire)
        timer.daemon = True
        self.fired = False
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if self.fired:
            raise HarnessError(f"the test overstayed its {seconds} s and its drivers were killed")

    def _fire(self):
        self.fired = True
        with self._lock:
            mounts = list(self._mounts)
        for mount in mounts:
            mount.kill_driver()


WATCHDOG = Watchdog()


def process_name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def parent_of(pid):
    """0 for a process that has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def holds_open(pid, wanted):
    """Whether the process has this file open, compared by identity: it may have no path to it."""
    descriptors = f"/proc/{pid}/fd"
    try:
        names = os.listdir(descriptors)
    except OSError:
        return False
    for name in names:
        with contextlib.suppress(OSError):
            found = os.stat(f"{descriptors}/{name}")
            if (found.st_dev, found.st_ino, found.st_rdev) == wanted:
                return True
    return False


def find_driver(mounter, device):
    """The process that serves this device, or None."""
    status = os.stat(device)
    wanted = (status.st_dev, status.st_ino, status.st_rdev)
    for name in os.listdir("/proc"):
        if name.isdigit() and process_name(name) == DRIVER_NAMES[mounter]:
            if holds_open(name, wanted):
                return int(name)
    return None


def has_ended(pid):
    """A zombie has ended, its descriptors are closed; but only when its last thread is gone too."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX" and threads <= 1


class Mount:
    """One mounted filesystem: its place, its server, and how it ends."""

    def __init__(self, mounter, device, where, options=()):
        self.mounter = mounter
        self.device = pathlib.Path(device)
        self.where = pathlib.Path(where)
        self.options = tuple(options)
        self.driver = None
        self.mounted = False
        self.message = self._mount()
        self.mounted = True
        # Not stat(): a FUSE mount of another user does not answer even root.
        major, minor = mount_device(self.where)
        self.connection = major << 20 | minor
        WATCHDOG.adopt(self)
        if mounter != KERNEL:
            self.driver = wait_until(lambda: find_driver(mounter, self.device), PATIENCE,
                                     f"the driver of {self.device} to show up")

    def _mount(self):
        done = run(self._command(), allowed=None)
        if done.returncode != 0:
            raise MountError(done.returncode, done.stdout)
        if str(self.where) not in mount_targets():
            raise HarnessError(f"the mounter said yes but mounted nothing: {done.stdout}")
        return done.stdout

    def _command(self):
        if self.mounter == KERNEL:
            options = ["nosuid", "nodev", *self._foreign_options()]
            return ["mount", "-t", "ext4", "-o", ",".join(options), self.device, self.where]
        if self.mounter == FUSE2FS:
            options = ["allow_other", "default_permissions",
                       *(o for o in self._foreign_options() if o != "noatime")]
            return ["fuse2fs", self.device, self.where, "-o", ",".join(options)]
        return [built("cli/mount.airlock"), self.device, self.where, "-t", "airlock.ext4",
                "-o", ",".join(self.options or ("rw",))]

    def _foreign_options(self):
        return [o for o in self.options if not o.startswith(("owner=", "uid=", "gid="))]

    def read_only(self):
        return bool(os.statvfs(self.where).f_flag & os.ST_RDONLY)

    def kill_driver(self, with_signal=signal.SIGKILL):
        if self.driver is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.driver, with_signal)
        if with_signal == signal.SIGKILL:
            self.wait_driver_gone(10)

    def crash(self):
        """Ends it with nothing further written: the kernel's ext4 is told to play dead."""
        if self.mounter != KERNEL:
            self.kill_driver()
            return
        descriptor = os.open(self.where, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, SHUTDOWN_WITHOUT_JOURNAL)
        finally:
            os.close(descriptor)

    def unmount(self):
        """A proper unmount; returns when the device is settled and free again."""
        if self.mounter == KERNEL:
            # With several mounts at once, a child of another thread has copies of this one's open files for a moment.
            wait_until(lambda: run(["umount", self.where], allowed=None).returncode == 0, UNMOUNT_DEADLINE,
                       f"{self.where} to be unmounted")
        else:
            run(["umount", self.where], timeout=UNMOUNT_DEADLINE)
        self.mounted = False
        WATCHDOG.dismiss(self)
        if self.driver is not None:
            self.wait_driver_gone(UNMOUNT_DEADLINE)

    def detach(self):
        """Takes the mount away whatever its state; for dead drivers and failed tests."""
        if not self.mounted:
            return
        if self.mounter != KERNEL:
            self.kill_driver()
            self._abort_connection()
        run(["umount", "-l", self.where], allowed=None)
        self.mounted = False
        WATCHDOG.dismiss(self)

    def _abort_connection(self):
        abort = FUSE_CONNECTIONS / str(self.connection) / "abort"
        with contextlib.suppress(OSError):
            abort.write_text("1", encoding="ascii")

    def wait_driver_gone(self, deadline):
        try:
            wait_until(lambda: has_ended(self.driver), deadline, f"driver {self.driver} to end")
        except HarnessError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.driver, signal.SIGKILL)
            raise


@contextlib.contextmanager
def mounted(mounter, image, options=(), where=None, block_device=False):
    """Mounts an image and takes the mount away again, whatever happens in between.

    The kernel always gets a loop device; a driver gets the image file itself unless the test asks
    for a block device. Without an error the unmount is a proper one and must succeed.
    """
    image = pathlib.Path(image)
    options = tuple(options)
    with contextlib.ExitStack() as stack:
        loop = None
        if mounter == KERNEL or block_device:
            loop = stack.enter_context(LoopDevice(image, read_only="ro" in options))
        where = pathlib.Path(where) if where else image.with_name(image.name + ".mount")
        where.mkdir(exist_ok=True)
        mount = Mount(mounter, loop.path if loop else image, where, options)
        try:
            yield mount
            if mount.mounted:
                mount.unmount()
        finally:
            mount.detach()
            if loop:
                loop.wait_released()
