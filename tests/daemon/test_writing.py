# SPDX-License-Identifier: GPL-2.0-or-later
"""Unmounting waits until everything is on the medium, and meanwhile reports how much is missing."""
import contextlib
import os
import pathlib
import pty
import sys

import harness
import pytest
from machine import ALICE, VOLUME, Asking, Machine

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "check"))
from odd_media import odd_medium  # noqa: E402

SIZE = 64 << 20
# Files small enough that the driver does not write them at once.
FILES, FILE_SIZE = 100, 120_000
WRITTEN = FILES * FILE_SIZE
# For each piece that a loop device writes at once, so that everything takes some seconds.
SLOWNESS_MS = 60
# Since Linux 6.5.
KERNEL_TELLS = [int(part) for part in os.uname().release.split(".")[:2]] >= [6, 5]
NO_OPTIONS = "(@a{sv} {},)"


@contextlib.contextmanager
def slow_stick(scratch):
    """A mounted stick with files that are not on the medium yet."""
    image = harness.make_image(scratch / "slow.img", ["-L", "SLOW"], "64M")
    with odd_medium(image, scratch / "odd") as medium, Machine(scratch) as machine:
        machine.sit_down(ALICE)
        machine.allow("eject")
        stick = machine.stick_of(medium.medium).plug()
        path, volume = machine.wait_for_state(stick, "mounted")
        write = (f"cd {volume['MountPoint']} && for i in $(seq {FILES}); do head -c {FILE_SIZE} /dev/urandom > $i;"
                 " done && md5sum $(seq 10)")
        done = machine.run_as(ALICE, ["sh", "-c", write])
        assert done.returncode == 0, done.stdout
        medium.slow(0, SIZE, SLOWNESS_MS)
        yield machine, stick, medium, path, done.stdout


def amounts_left(machine, asking, operation):
    """The amounts that the job reports until the answer arrives, each once."""
    seen = []

    def look():
        for job in machine.jobs().values():
            if job["Operation"] == operation and (not seen or seen[-1] != job["BytesLeft"]):
                seen.append(job["BytesLeft"])
        return not asking.is_alive()
    harness.wait_until(look, harness.PATIENCE, "the unmount to end")
    return [left for left in seen if left > 0]


def is_complete(scratch, medium, checksums):
    """Whether the medium itself, without any cache, is consistent and has the files."""
    copy = scratch / "pulled.img"
    medium.copy(copy)
    harness.e2fsck_clean(copy)
    content = scratch / "content"
    content.mkdir()
    harness.run(["debugfs", "-R", f"rdump / {content}", copy])
    return harness.run(["sh", "-c", f"cd {content} && md5sum $(seq 10)"]).stdout == checksums


@pytest.mark.parametrize("method", ["Unmount", "Eject"])
def test_what_is_left_to_write_is_told_until_safe_is_true(scratch, method):
    with slow_stick(scratch) as (machine, stick, medium, path, checksums):
        asking = Asking(machine, path, method)
        harness.wait_until(machine.jobs, harness.PATIENCE, "the job")
        amounts = amounts_left(machine, asking, "unmount")
        assert asking.outcome == [], asking.outcome
        assert is_complete(scratch, medium, checksums)
        # Most of it was still unwritten at the first report, and later reports are smaller.
        if KERNEL_TELLS:
            assert len(amounts) >= 3 and WRITTEN / 4 < max(amounts) < 2 * WRITTEN, amounts
            assert amounts[-1] < max(amounts), amounts
        if method == "Unmount":
            assert "can be removed safely" in machine.volume_of(stick)[1]["StateReason"]


def test_while_it_writes_nothing_calls_it_safe(scratch):
    with slow_stick(scratch) as (machine, stick, medium, path, checksums):
        asking = Asking(machine, path, "Unmount")
        machine.wait_for_state(stick, "unmounting")
        states = set()

        def over():
            volume = machine.volume_of(stick)[1]
            if volume["State"] == "available":
                return True
            states.add((volume["State"], volume["StateReason"]))
            return False
        harness.wait_until(over, harness.PATIENCE, "the unmount to end")
        assert is_complete(scratch, medium, checksums)
        assert states == {("unmounting", "being written to the medium")}
        asking.join(harness.PATIENCE)


def test_airlockctl_shows_what_is_left_to_write(scratch):
    with slow_stick(scratch) as (machine, stick, medium, _, checksums):
        controller, terminal = pty.openpty()
        with contextlib.ExitStack() as open_ends:
            open_ends.callback(os.close, controller)
            process = machine.start_on_terminal(ALICE, [harness.built("cli/ctl/airlockctl"), "unmount", stick.device],
                                                terminal)
            open_ends.callback(process.kill)
            said = b""
            with contextlib.suppress(OSError):  # the terminal has hung up
                while piece := os.read(controller, 4096):
                    said += piece
            assert process.wait(harness.PATIENCE) == 0, said
        assert b"do not unplug yet: " in said and (b"MiB left" in said or not KERNEL_TELLS), said
        assert b"safe to remove" in said, said
        assert is_complete(scratch, medium, checksums)


def test_a_mount_that_only_reads_has_nothing_to_write(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable")
        stick = machine.make_stick().plug()
        path, _ = machine.wait_for_state(stick, "available")
        machine.call_as(ALICE, path, VOLUME, "Mount", "({'options': <'ro'>},)")
        machine.call_as(ALICE, path, VOLUME, "Unmount", NO_OPTIONS)
        assert "can be removed safely" in machine.volume_of(stick)[1]["StateReason"]
