# SPDX-License-Identifier: GPL-2.0-or-later
"""A loop device on a file that a program serves under the test's control; see odd_medium.cc."""
import contextlib
import pathlib
import subprocess

import harness


class OddMedium:
    def __init__(self, image, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.process = subprocess.Popen([harness.built("tests/check/odd_medium"), image, self.folder])
        harness.wait_until(lambda: str(self.folder) in harness.mount_targets() or self.process.poll() is not None,
                           20, "the odd medium")
        assert self.process.poll() is None, "the odd medium ended at once"
        self.medium = self.folder / "medium"

    def tell(self, command):
        with open(self.folder / "control", "wb", buffering=0) as control:
            control.write(command.encode())

    def fail(self, first, length):
        self.tell(f"fail {first} {length}")

    def slow(self, first, length, milliseconds):
        self.tell(f"slow {first} {length} {milliseconds}")

    def fail_one(self, what, number):
        """Only the NUMBER-th "write" or "flush" from now on fails."""
        self.tell(f"{what}-fails {number}")

    def failed(self):
        """How many have failed that way."""
        return int((self.folder / "control").read_text())

    def well(self):
        self.tell("well")

    def copy(self, path):
        """Copies its present contents."""
        self.tell(f"copy {path}")

    def close(self):
        harness.run(["umount", "-l", self.folder], allowed=None)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def odd_medium(image, folder):
    medium = OddMedium(image, folder)
    try:
        yield medium
    finally:
        medium.close()
