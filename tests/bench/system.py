# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness's access to the machine: programs, caches, processes. Nothing here knows a row."""

import os
import select
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

# Longer than any step takes on the slowest peer; a hang must end the step, not the day.
STEP_TIMEOUT = 600
MIB = 1 << 20


class StepFailed(Exception):
    """A step failed; the text says why and becomes the row's entry in the report."""


class SettingMissing(Exception):
    """This machine cannot hold the measurement at all."""


def run(command, timeout=STEP_TIMEOUT):
    """Runs a program and returns its output.

    Output goes to a file and not to a pipe: a driver that stays behind with the pipe open would
    block this until it ends.
    """
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT)
        except OSError as error:
            raise StepFailed(f"{command[0]}: {error.strerror}") from None
        with process:
            try:
                if not ended_within(process, timeout):
                    raise StepFailed(f"{command[0]} took longer than {timeout} s")
            except BaseException:
                process.kill()
                raise
        output.seek(0)
        text = output.read().decode(errors="replace").strip()
    if process.returncode != 0:
        last = text.splitlines()[-1] if text else "no message"
        raise StepFailed(f"{' '.join(command)}: exit {process.returncode}: {last}")
    return text


def ended_within(process, timeout):
    """Returns the moment it ends. Python's own wait with a timeout checks after 1, 3, 7, 15 ms, and would
    round the time of a mount up to one of these."""
    life = os.pidfd_open(process.pid)
    try:
        return bool(select.select([life], [], [], timeout)[0])
    finally:
        os.close(life)


def say(text):
    """Reports progress, away from the table."""
    print(text, file=sys.stderr, flush=True)


def available_memory():
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise SettingMissing("/proc/meminfo does not say how much memory is available")


def is_mount_point(directory):
    escaped = str(directory).replace(" ", "\\040")
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
        return any(line.split(" ")[1] == escaped for line in mounts)


class Process:
    """A process, identified safely even if its number is reused."""

    def __init__(self, pid, start_time):
        self.pid = pid
        self.start_time = start_time

    def __eq__(self, other):
        return (self.pid, self.start_time) == (other.pid, other.start_time)

    def __hash__(self):
        return hash((self.pid, self.start_time))

    def alive(self):
        """A zombie is gone: it holds nothing any more, whatever its parent does."""
        status = read_status(self.pid)
        return status is not None and status[1] == self.start_time and status[0] not in "ZX"

    def holds(self, device_number):
        """Whether it has this block device open; false for a process that has just ended."""
        try:
            descriptors = list(Path(f"/proc/{self.pid}/fd").iterdir())
        except OSError:
            return False
        return any(device_number_of(descriptor) == device_number for descriptor in descriptors)

    def memory(self):
        """Sizes in MiB: resident, its anonymous part, the peak, and the proportional share."""
        fields = {}
        for file in ("status", "smaps_rollup"):
            try:
                text = Path(f"/proc/{self.pid}/{file}").read_text(encoding="utf-8")
            except OSError as error:
                raise StepFailed(f"memory of process {self.pid}: {error.strerror}") from None
            for line in text.splitlines():
                words = line.split()
                if len(words) == 3 and words[2] == "kB":
                    fields[words[0].rstrip(":")] = int(words[1]) / 1024
        return {"resident": fields["VmRSS"], "anonymous": fields["RssAnon"],
                "peak": fields["VmHWM"], "proportional": fields["Pss"]}

    def pin(self, cores):
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                os.sched_setaffinity(int(task.name), cores)
            except ProcessLookupError:
                pass  # a thread may end meanwhile


def device_number_of(path):
    """The number of a block device; None for any other file and for a missing one."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_rdev if stat.S_ISBLK(status.st_mode) else None


def read_status(pid):
    """(state, start time) of a process, None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def processes_named(comm):
    """Including kernel threads and zombies; by the name of the first thread."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            name = (entry / "comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
        except OSError:
            continue
        status = read_status(entry.name) if name == comm else None
        if status:
            found.add(Process(int(entry.name), status[1]))
    return found
