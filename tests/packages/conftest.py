# SPDX-License-Identifier: GPL-2.0-or-later
import contextlib
import pathlib

import container
import pytest


def repacked(package, folder, scratch):
    """The same package as a later version."""
    tree = scratch / package.stem
    container.run("dpkg-deb", "--raw-extract", package, tree)
    control = tree / "DEBIAN/control"
    version = container.run("dpkg-deb", "--field", package, "Version").strip()
    control.write_text(control.read_text().replace(version, f"{version}+later"))
    container.run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, folder)


@pytest.fixture(scope="session")
def later(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("repacked")
    folder = tmp_path_factory.mktemp("later")
    for package in sorted(container.PACKAGES.glob("*.deb")):
        repacked(pathlib.Path(package), folder, scratch)
    return folder


@pytest.fixture
def bare(later):
    """A machine without Airlock."""
    with contextlib.ExitStack() as stack:
        devices = stack.enter_context(container.loop_devices(2))
        yield stack.enter_context(container.Container(devices, later))


@pytest.fixture
def machine(bare):
    """A machine with Airlock."""
    bare.sh("dpkg --install /packages/*.deb")
    return bare
