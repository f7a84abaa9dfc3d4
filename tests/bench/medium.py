# SPDX-License-Identifier: GPL-2.0-or-later
"""The medium for all peers: one loop device over an image on a private tmpfs."""

import contextlib
import os
import tempfile
import time
from pathlib import Path

from system import MIB, SettingMissing, StepFailed, available_memory, run, say

LARGE = 2047 << 30
RELEASE_TIMEOUT = 60
POLL_INTERVAL = 0.0005


class Device:
    """A loop device, and where it is mounted."""

    def __init__(self):
        self.device = ""
        self.mount_point = Path()

    def attach(self, undo, image):
        self.device = run(["losetup", "--find", "--show", image])
        say(f"medium: {self.device} over {image.name}")
        undo.callback(run, ["losetup", "--detach", self.device])

    def make_cold(self):
        """With nothing mounted, only the device's own pages are left in memory.

        Dropping every cache of the machine would also drop mount, find, the driver and their
        libraries, and the figures would be about the disk these are loaded from.
        """
        run(["blockdev", "--flushbufs", self.device])

    def released(self):
        """Whether the device has no claim: the kernel grants an exclusive open only then."""
        try:
            os.close(os.open(self.device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    def wait_until_released(self, driver=None):
        deadline = time.monotonic() + RELEASE_TIMEOUT
        while not self.released() or (driver and driver.alive()):
            if time.monotonic() > deadline:
                raise StepFailed(f"device not released within {RELEASE_TIMEOUT} s")
            time.sleep(POLL_INTERVAL)


class Medium(Device):
    """Owns the tmpfs, the image and the loop device; use it as a context manager.

    The image is allocated once, in full, and mkfs leaves it so: otherwise the first writer of a
    block would pay for the tmpfs page, and the figures would be about that.
    """

    def __init__(self, family, image_size, extra_size):
        super().__init__()
        self.family = family
        self.image_size = image_size
        self.tmpfs_size = image_size + extra_size + 16 * MIB
        self.undo = contextlib.ExitStack()
        self.directory = Path()

    def __enter__(self):
        # The tmpfs, and beside it the pages of the device and of the files on it.
        if available_memory() < 3 * self.tmpfs_size:
            raise SettingMissing(f"needs {3 * self.tmpfs_size // MIB} MiB of memory, "
                                 f"{available_memory() // MIB} are available; use --size")
        with contextlib.ExitStack() as undo:
            self.make(undo)
            self.undo = undo.pop_all()
        return self

    def make(self, undo):
        base = Path(tempfile.mkdtemp(prefix="airlock-bench-"))
        undo.callback(base.rmdir)
        self.directory = base / "medium"
        self.mount_point = base / "mounted"
        for directory in (self.directory, self.mount_point):
            directory.mkdir()
            undo.callback(directory.rmdir)
        run(["mount", "-t", "tmpfs", "-o", f"size={self.tmpfs_size},mode=0700", "airlock-bench",
             self.directory])
        undo.callback(unmount_at_last, self.directory)
        # A name of its own: after a lazy unmount only this identifies the loop device.
        image = self.directory / f"{base.name}.image"
        with open(image, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.image_size)
        self.attach(undo, image)

    def __exit__(self, *reason):
        self.undo.close()

    def format(self):
        self.wait_until_released()
        run([*self.family.format, self.device])
        self.make_cold()

    @contextlib.contextmanager
    def large(self):
        """Yields another one: two terabytes, empty, and sparse, so that it needs no room."""
        with contextlib.ExitStack() as undo:
            image = self.directory / f"{self.directory.parent.name}.large"
            image.touch()
            undo.callback(image.unlink)
            os.truncate(image, LARGE)
            run([*self.family.format_large, image])
            run(["fallocate", "--dig-holes", image])
            device = Device()
            device.mount_point = self.mount_point
            device.attach(undo, image)
            undo.callback(device.wait_until_released)
            yield device


def unmount_at_last(directory):
    """For the cleanup, which a busy mount must not stop."""
    try:
        run(["umount", directory])
    except StepFailed:
        run(["umount", "--lazy", directory])
