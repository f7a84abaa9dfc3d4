# SPDX-License-Identifier: GPL-2.0-or-later
"""Which medium a loop device holds: all programs of the machine share the numbers of devices."""
import os
import pathlib
import subprocess


def disk_sequence(device):
    """The kernel's number of this medium, which no other ever has; None if the device has no file."""
    folder = pathlib.Path("/sys/block") / os.path.basename(device)
    try:
        if not (folder / "loop/backing_file").read_text(encoding="utf-8", errors="replace").strip():
            return None
        return int((folder / "diskseq").read_text(encoding="ascii"))
    except OSError:
        return None


class Attached:
    """The media that a test has attached, by device; leaves those of other programs alone."""

    def __init__(self):
        self.sequences = {}

    def attach(self, device, image, *options):
        subprocess.run(["losetup", *options, device, image], check=True)
        self.sequences[device] = disk_sequence(device)

    def is_ours(self, device):
        sequence = self.sequences.get(device)
        return sequence is not None and disk_sequence(device) == sequence

    def detach(self, device):
        """Does nothing if another program has ejected it, or has the device by now."""
        if self.is_ours(device):
            subprocess.run(["losetup", "--detach", device], stderr=subprocess.DEVNULL, check=False)
