# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one op script on two mounts and finds their first disagreement."""

import contextlib
import errno
import itertools
import re
import subprocess
import threading

import harness

# The kernel's ext4 and a FUSE filesystem may refuse the same request for different reasons:
# (operation, kernel errno, Airlock's). Both must refuse; a success against a failure is always
# a finding.
EITHER_ERROR = {
    # Collapse and insert range never reach a FUSE server: the kernel's FUSE client refuses them
    # before it checks the arguments, ext4 checks the arguments first.
    ("fallocate", errno.EINVAL, errno.EOPNOTSUPP),
}

OPRUNNER_DEADLINE = 3 * harness.PATIENCE


class Disagreement(AssertionError):
    """The two mounts differ; `line` is the number of the script line that showed it."""

    def __init__(self, line, text):
        super().__init__(text)
        self.line = line


def run_script(program, mount, script, deadline=OPRUNNER_DEADLINE):
    """The output of a script on one mount. Kills its driver if it takes too long."""
    with subprocess.Popen([str(program), str(mount.where)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as process:
        late = threading.Event()
        timer = threading.Timer(deadline, lambda: (late.set(), end_late(process, mount)))
        timer.start()
        try:
            output, _ = process.communicate("\n".join(script) + "\n")
        finally:
            timer.cancel()
    lines = output.splitlines()
    if late.is_set():
        raise harness.HarnessError(f"stuck after {deadline} s; the last it did: {lines[-1:]}")
    if process.returncode != 0:
        raise harness.HarnessError(f"oprunner ended with {process.returncode}: {lines[-3:]}")
    return lines


def end_late(process, mount):
    """Kills the driver first: a process that waits for a FUSE answer cannot be killed."""
    with contextlib.suppress(harness.HarnessError):
        mount.kill_driver()
    process.kill()


def without_map(line):
    words = line.split()
    if len(words) > 2 and words[1] == "seek" and words[2] in ("0", str(errno.ENXIO)):
        return f"{words[0]} {words[1]} 0"
    return line.split(" map:")[0]


def without_fifo_time(line):
    """A FUSE server does not see a write into a FIFO, so it does not note the time."""
    if re.search(r" mode=1[0-7]{4}(%20| )", line):
        return re.sub(r"modified=[^ %]+", "", line)
    return line


def same_answer(expected, got):
    expected, got = without_fifo_time(expected), without_fifo_time(got)
    if expected == got:
        return True
    wanted, found = expected.split(), got.split()
    if wanted[:2] != found[:2]:
        return False
    # oprunner remembers preallocated files by inode number, and numbers are reused differently.
    if "preallocated" in (wanted[-1], found[-1]):
        return wanted[1] in ("map", "seek")
    # lseek(2) has no ENOENT: the kernel at times gets lost in files with inline data. Airlock has
    # to answer all the same; the reads compare the content.
    if wanted[1] in ("map", "seek") and wanted[2] == str(errno.ENOENT):
        return found[2] == "0"
    if wanted[-1] == f"map-failed:{errno.ENOENT}":
        return wanted[:-1] == found[:len(wanted) - 1]
    if "map:preallocated" in (wanted[-1], found[-1]):
        return without_map(expected) == without_map(got)
    return wanted[0] != "T" and (wanted[1], int(wanted[2]), int(found[2])) in EITHER_ERROR


def compare(expected, got, script, maps=True):
    """Raises Disagreement with the line of script, both answers and the operations before it.

    Without `maps` both may differ in which parts of a file are data.
    """
    number = 0
    for wanted, found in itertools.zip_longest(expected, got, fillvalue="(nothing more)"):
        if wanted[0].isdigit():
            number = int(wanted.split()[0])
        if not maps:
            wanted, found = without_map(wanted), without_map(found)
        if not same_answer(wanted, found):
            # A tree is printed before the line of its operation.
            shown = number + 1 if wanted.startswith("T") else number
            raise Disagreement(shown, explain(wanted, found, shown, script))


def explain(wanted, found, number, script):
    return (f"script line {number}: {script[number][:300] if number < len(script) else '?'}\n"
            f"  kernel: {wanted}\n  tested: {found}\n"
            f"  the lines before it:\n    " +
            "\n    ".join(line[:200] for line in script[max(0, number - 12):number]))


class Pair:
    """Two equal images, one for the kernel and one for the mounter under test."""

    def __init__(self, oprunner, mounter, directory, kind, size="512M", image_options=()):
        self.oprunner = oprunner
        self.mounters = (harness.KERNEL, mounter)
        self.maps = kind.exact_maps
        self.kernel_keeps_data = kind.kernel_keeps_data
        self.live_tree = []
        self.images = [harness.make_image(directory / f"{role}.img", (*kind.mkfs, *image_options),
                                          size, kind.mkfs_type)
                       for role in ("expected", "tested")]

    @contextlib.contextmanager
    def mounted(self, options=("noatime",)):
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(harness.mounted(
                       mounter, image, (*options, "owner=media")))
                   for mounter, image in zip(self.mounters, self.images)]

    def run(self, script):
        """Runs the script on both and compares them while mounted."""
        with self.mounted() as (kernel, tested):
            expected = run_script(self.oprunner, kernel, script)
            compare(expected, run_script(self.oprunner, tested, script), script, self.maps)
            self.live_tree = run_script(self.oprunner, tested, ["tree"])

    def check_on_disk(self):
        """The tested image is a sound filesystem, and the kernel sees the right tree in it."""
        for image in self.images:
            harness.e2fsck_clean(image)
        trees = []
        for image in self.images:
            with harness.mounted(harness.KERNEL, image, ("ro", "noatime")) as mount:
                trees.append(run_script(self.oprunner, mount, ["tree"]))
        wanted = [self.live_tree] if self.live_tree else []
        wanted += [trees[0]] if self.kernel_keeps_data else []
        for tree in wanted:
            compare(on_disk_view(tree), on_disk_view(trees[1]), ["tree (read by the kernel)"])


def on_disk_view(lines):
    """Without the holes, which were compared before: a new oprunner does not know preallocated files."""
    return [without_map(line) for line in lines]


def minimise(disagrees, script, rounds=400):
    """Drops lines as long as the two still disagree according to `disagrees(script)`."""
    size = len(script) // 2
    while size >= 1 and rounds > 0:
        at = 0
        while at < len(script) and rounds > 0:
            rounds -= 1
            shorter = script[:at] + script[at + size:]
            if disagrees(shorter):
                script = shorter
            else:
                at += size
        size //= 2
    return script
