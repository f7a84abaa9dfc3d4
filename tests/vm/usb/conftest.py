# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

import images
from machine import Image, Machine


def pytest_configure(config):
    config.addinivalue_line("markers", "every_time: ./dev test runs it as well, on the release that runs there")


@pytest.fixture(scope="session")
def image():
    return Image()


@pytest.fixture(scope="session")
def saved(image):
    return image.saved()


@pytest.fixture
def machine(image, saved, request):
    """A booted machine with `user` logged in at the first terminal and nothing plugged in."""
    failed = request.session.testsfailed
    with Machine(image, saved) as machine:
        yield machine
        if request.session.testsfailed > failed:
            print(machine.journal() + machine.stuck())


@pytest.fixture
def make_image(tmp_path):
    """make_image("ext4", label=..., size=...): the file of a stick without partitions."""
    def make(kind, label="STICK", size=64, name=None):
        return images.filesystem(tmp_path / (name or f"{kind}-{label}"), kind, label, size)
    return make


@pytest.fixture
def settings(machine):
    """Writes the settings of a test. airlockd is not running yet, or notices."""
    def write(text):
        machine.write("/etc/airlock/airlock.toml.d/test.toml", text.encode())
    return write


@pytest.fixture
def automount(settings):
    """Sets automount, because there is no desktop that would mount the media udisks shows."""
    settings('automount = "on"\n')
