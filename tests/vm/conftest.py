# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import subprocess
import tempfile

import pytest

from container import Container


@pytest.fixture(scope="session")
def folder():
    with tempfile.TemporaryDirectory(prefix="airlock-vm-") as path:
        yield pathlib.Path(path)


@pytest.fixture(scope="module")
def booted(folder, request):
    """One guest for the tests of a file; each test restores its state."""
    place = folder / request.module.__name__
    place.mkdir()
    with Container(place) as container:
        yield container


@pytest.fixture
def guest(booted, request):
    failed = request.session.testsfailed
    yield booted
    for device in [f"/dev/loop{number}" for number in booted.numbers]:
        if device in booted.free:
            continue
        for place, *_ in reversed(booted.mounts(device)):
            booted.run(f"umount -l '{place}'", allowed=None)
        booted.unplug(device)
    if request.session.testsfailed > failed:
        print(booted.journal())


@pytest.fixture
def make_image(tmp_path):
    def make(kind, label="STICK", size="64M"):
        image = tmp_path / f"{kind}-{label}"
        subprocess.run(["truncate", "-s", size, image], check=True)
        command = {"ext4": ["mkfs.ext4", "-q", "-F", "-L", label],
                   "vfat": ["mkfs.vfat", "-n", label],
                   "btrfs": ["mkfs.btrfs", "-q", "-L", label]}[kind]
        subprocess.run([*command, image], check=True, stdout=subprocess.DEVNULL)
        return image
    return make
