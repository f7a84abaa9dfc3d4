# SPDX-License-Identifier: GPL-2.0-or-later
"""The limits of a driver's control group do not harm an honest driver: it writes more than their size."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from harness import LoopDevice, built, has_ended, run, wait_until

BUILD = pathlib.Path(os.environ.get("AIRLOCK_BUILD", "build")).resolve()
MIB = 1 << 20
# The smallest limit in use: the data of the fat driver and the extra room of its group.
LIMIT = (256 + 128) * MIB
WRITTEN = LIMIT + 256 * MIB
SIZE = WRITTEN + 128 * MIB
PATIENCE = 120


def group_of(pid):
    """{file: content} of the limits of a process's own group, in either version of control groups."""
    places = {}
    mounts = [line.split() for line in open("/proc/self/mounts", encoding="utf-8")]
    for line in open(f"/proc/{pid}/cgroup", encoding="utf-8"):
        _, controllers, path = line.rstrip("\n").split(":", 2)
        if "/worker-" not in path:
            continue
        place = next(m[1] for m in mounts if (m[2] == "cgroup2" and not controllers)
                     or (m[2] == "cgroup" and controllers and set(controllers.split(",")) <= set(m[3].split(","))))
        for name in ("memory.max", "memory.limit_in_bytes", "memory.peak", "memory.max_usage_in_bytes",
                     "memory.events", "memory.oom_control"):
            file = pathlib.Path(place + path) / name
            if file.exists():
                places[name] = file.read_text()
    return places


def machine_can():
    """Asks the kernel, not Airlock."""
    if os.path.exists("/run/systemd/system"):
        return False
    for line in open("/proc/self/mounts", encoding="utf-8"):
        _, place, kind, options = line.split()[:4]
        if kind == "cgroup" and "memory" in options.split(","):
            return True
        if kind == "cgroup2" and "memory" in (pathlib.Path(place) / "cgroup.controllers").read_text():
            return True
    return False


def kills(group):
    text = group.get("memory.events") or group["memory.oom_control"]
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))


@pytest.fixture(params=["memory", "disk"])
def image(request, tmp_path, private_mounts):
    """In a tmpfs, where written data stays in memory; and in a file on disk."""
    if request.param == "disk":
        folder = pathlib.Path(tempfile.mkdtemp(prefix="airlock-group-", dir="/var/tmp"))
        if shutil.disk_usage(folder).free < 2 * SIZE:
            folder.rmdir()
            pytest.skip(f"less than {2 * SIZE >> 20} MiB free in /var/tmp")
    else:
        folder = tmp_path / "memory"
        folder.mkdir()
        private_mounts.tmpfs(folder)
        if shutil.disk_usage(folder).free < SIZE:
            pytest.skip(f"a tmpfs holds less than {SIZE >> 20} MiB here")
    path = folder / "image"
    with open(path, "wb") as file:
        file.truncate(SIZE)
    run(["mkfs.vfat", "-F", "32", path])
    yield path
    path.unlink()
    if request.param == "disk":
        folder.rmdir()


def driver_of(medium):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe").endswith("/airlock-fat") and any(
                    os.readlink(f"/proc/{pid}/fd/{fd}") == str(medium) for fd in os.listdir(f"/proc/{pid}/fd")):
                return int(pid)
        except OSError:
            continue
    return None


def write_and_digest(path):
    digest = hashlib.blake2b()
    block = os.urandom(MIB)
    with open(path, "wb", buffering=0) as file:
        for number in range(WRITTEN // MIB):
            part = number.to_bytes(8, "little") + block[8:]
            file.write(part)
            digest.update(part)
        os.fsync(file.fileno())
    return digest.hexdigest()


def digest_of(path):
    digest = hashlib.blake2b()
    with open(path, "rb", buffering=0) as file:
        while part := file.read(MIB):
            digest.update(part)
    return digest.hexdigest()


@pytest.mark.parametrize("kind", ["image", "device"])
def test_a_driver_writes_more_than_its_group_may_hold(image, tmp_path, kind, capsys):
    if not machine_can():
        with capsys.disabled():
            print("\nIMPOSSIBLE on this machine: control_group: no memory controller is ours to use")
        return
    place = tmp_path / "place"
    place.mkdir()
    loop = LoopDevice(image) if kind == "device" else None
    medium = loop.path if loop else image
    environment = {**os.environ, "AIRLOCK_DRIVER_DIR": str(BUILD / "contained")}
    try:
        run([built("cli/mount.airlock"), medium, place, "-t", "airlock.vfat", "-o", "rw"], env=environment)
        try:
            driver = driver_of(medium)
            group = group_of(driver)
            assert int(group.get("memory.max") or group["memory.limit_in_bytes"]) >= LIMIT
            written = write_and_digest(place / "file")
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as caches:
                caches.write("1\n")
            assert digest_of(place / "file") == written
            group = group_of(driver)
            assert kills(group) == 0
            print({name: text for name, text in group.items() if "events" not in name and "oom" not in name})
        finally:
            subprocess.run(["umount", place], check=False)
        wait_until(lambda: has_ended(driver), PATIENCE, "the driver to end")
        run(["fsck.vfat", "-n", image], timeout=PATIENCE)
    finally:
        if loop:
            loop.wait_released(PATIENCE)
            loop.close()
