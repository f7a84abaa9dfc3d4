# SPDX-License-Identifier: GPL-2.0-or-later
"""Media made by the real tools, what Airlock says of them, and what blkid does."""
import contextlib
import os
import subprocess
import types

import pytest

PROBE_PATHS = os.environ["PROBE_PATHS"]
USAGES = ["", "filesystem", "crypto", "raid", "partition table", "other"]
STATES = ["unknown", "clean", "dirty", "hibernated", "errors"]


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, **options)


def parse(fields):
    if fields[0] == "error":
        return types.SimpleNamespace(error=fields[1].rsplit(".", 1)[-1], message=fields[2])
    texts = [bytes.fromhex(field) for field in fields[1:5]]
    return types.SimpleNamespace(
        error=None, type=texts[0].decode(), version=texts[1].decode(), label=texts[2],
        uuid=texts[3].decode(), usage=USAGES[int(fields[5])], block_size=int(fields[6]),
        size=int(fields[7]), ambivalent=fields[8] == "ambivalent", state=STATES[int(fields[9])])


def probe(*paths):
    """Airlock's answers; one for one path, a list for more."""
    lines = run(PROBE_PATHS, *paths).stdout.decode().splitlines()
    answers = [parse(line.split("\t")[1:]) for line in lines]
    assert len(answers) == len(paths), lines
    return answers[0] if len(paths) == 1 else answers


def blkid(path, tag):
    """The raw bytes blkid prints for a tag, and its exit status; of what it says aloud nothing."""
    done = subprocess.run(["blkid", "-p", "-s", tag, "-o", "value", str(path)], check=False,
                          capture_output=True)
    return done.stdout.removesuffix(b"\n"), done.returncode


@contextlib.contextmanager
def loop_device(image, *options):
    device = run("losetup", "--find", "--show", "--read-only", *options, image).stdout.decode().strip()
    try:
        yield device
    finally:
        run("losetup", "--detach", device)


@pytest.fixture
def medium(tmp_path):
    """A function that makes an image of so many MiB and runs a tool on it."""
    def make(size, *command, name="image"):
        path = tmp_path / name
        path.unlink(missing_ok=True)
        with open(path, "wb") as file:
            file.truncate(int(size * (1 << 20)))
        if command:
            run(*command, path)
        return path
    return make


def patch(path, offset, content):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(content)
