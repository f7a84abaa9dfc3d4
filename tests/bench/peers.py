# SPDX-License-Identifier: GPL-2.0-or-later
"""The compared filesystems: how each is mounted, and which process serves it."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from system import (STEP_TIMEOUT, SettingMissing, StepFailed, device_number_of, is_mount_point,
                    processes_named, run)


@dataclass(frozen=True)
class Peer:
    name: str
    program: str  # it mounts
    arguments: tuple[str, ...]  # DEVICE and DIRECTORY are placeholders
    driver: str | None  # name of the process that serves it; None: the kernel


def make_peer(name, family, build):
    if name not in family.peers:
        raise ValueError(f"no such peer: {name}; known: {', '.join(family.peers)}")
    if name == "kernel":
        return Peer(name, "mount", ("-t", "ext4", "DEVICE", "DIRECTORY"), None)
    if name == "airlock":
        return Peer(name, str(build / "cli" / "mount.airlock"),
                    ("DEVICE", "DIRECTORY", "-t", family.type, "-o", "rw"), family.driver)
    if name == "exfat-fuse":
        # Its name in the kernel, which cuts it there.
        return Peer(name, "mount.exfat-fuse", ("DEVICE", "DIRECTORY"), "mount.exfat-fus")
    # Without the plus fusefat does not write.
    mode = "rw+" if name == "fusefat" else "rw"
    return Peer(name, name, ("DEVICE", "DIRECTORY", "-o", mode), name)


def require_program(peer):
    if shutil.which(peer.program) is None:
        raise SettingMissing(f"peer {peer.name}: {peer.program} is not there")


class Mount:
    """One peer mounted on the medium, and its figures since then.

    remount() empties the caches for a row: those of the driver and the kernel go with the mount,
    and the medium drops the rest.
    """

    def __init__(self, peer, medium, workload, cores):
        self.peer = peer
        self.medium = medium
        self.workload = workload
        self.cores = cores
        self.driver = None
        self.memory_at_end = []  # one entry per driver that has ended
        self.directory = medium.mount_point

    def mount(self):
        """Mounts and returns the seconds from the request to the end of the first readdir."""
        words = {"DEVICE": self.medium.device, "DIRECTORY": str(self.directory)}
        command = [self.peer.program, *(words.get(word, word) for word in self.peer.arguments)]
        with WaitingReader(self.workload, self.directory) as reader:
            start = time.monotonic()
            run(command)
            finished = reader.read()
        self.find_driver()
        if not is_mount_point(self.directory):
            raise StepFailed(f"{self.peer.program} succeeded, but nothing is mounted")
        return finished - start

    @contextlib.contextmanager
    def elsewhere(self, medium):
        """The same peer on another medium."""
        mount = Mount(self.peer, medium, self.workload, self.cores)
        try:
            yield mount
        finally:
            mount.abandon()

    def mounted(self):
        return is_mount_point(self.directory)

    def find_driver(self):
        """By name and by the device it holds: processes of that name may serve other devices."""
        if not self.peer.driver:
            return
        # The starter of a driver may have the same name and be about to end.
        deadline = time.monotonic() + 2
        while len(found := self.drivers()) != 1:
            if time.monotonic() > deadline:
                raise StepFailed(f"{len(found)} processes named {self.peer.driver} hold "
                                 f"{self.medium.device}, one should")
            time.sleep(0.01)
        self.driver = found.pop()
        if self.cores:
            self.driver.pin(self.cores)  # it need not be a descendant of this process

    def drivers(self):
        device = device_number_of(self.medium.device)
        return {process for process in processes_named(self.peer.driver) if process.holds(device)}

    def unmount(self):
        """Returns the seconds until umount returned, and until the device was free again."""
        if self.driver:
            self.memory_at_end.append(self.driver.memory())
        start = time.monotonic()
        run(["umount", self.directory])
        returned = time.monotonic() - start
        self.medium.wait_until_released(self.driver)
        self.driver = None
        return returned, time.monotonic() - start

    def remount(self):
        self.unmount()
        self.medium.make_cold()
        self.mount()

    def sync(self):
        """Writes everything out, so that the writes of one row do not slow down the next."""
        run(["sync", "--file-system", self.directory])

    def abandon(self):
        """Leaves no mount and no driver, whatever state a failure left behind."""
        for options in ([], ["--lazy"]):
            if is_mount_point(self.directory):
                try:
                    run(["umount", *options, self.directory], timeout=30)
                except StepFailed:
                    continue  # the next, ruder way
        if self.driver and self.driver.alive():
            try:
                self.medium.wait_until_released(self.driver)
            except StepFailed:
                os.kill(self.driver.pid, signal.SIGKILL)
        self.driver = None


class WaitingReader:
    """A process ready to list a directory, started before the clock."""

    def __init__(self, workload, directory):
        self.process = subprocess.Popen([workload, "first-readdir", str(directory)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        self.process.stdout.readline()
        return self

    def read(self):
        try:
            text, _ = self.process.communicate("go\n", timeout=STEP_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise StepFailed("the first readdir never ended") from None
        if self.process.returncode != 0:
            raise StepFailed(text.strip())
        return float(text.split()[1])

    def __exit__(self, *reason):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def default_build(source):
    return Path(os.environ.get("AIRLOCK_BUILD", source / "build"))
