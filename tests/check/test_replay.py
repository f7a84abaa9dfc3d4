# SPDX-License-Identifier: GPL-2.0-or-later
"""The plug is pulled at random moments while the kernel writes an ext4: replaying the journal in the
sandbox gives the same result as the kernel on a copy, name for name and byte for byte.

AIRLOCK_REPLAY_ROUNDS (default 20) sets how often; AIRLOCK_REPLAY_SEED repeats a series of moments.
"""
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time

import checking
import harness
import pytest
from odd_media import odd_medium

ROUNDS = int(os.environ.get("AIRLOCK_REPLAY_ROUNDS", "20"))
SEED = int(os.environ.get("AIRLOCK_REPLAY_SEED", str(random.SystemRandom().randrange(1 << 30))))
SHARES = {"ext4": 0.6, "ext3": 0.2, "ext4-4k": 0.2}
MKFS = {"ext4": ["-t", "ext4", "-b", "1024"], "ext3": ["-t", "ext3", "-b", "1024"],
        "ext4-4k": ["-t", "ext4", "-b", "4096"], "fast-commit": ["-t", "ext4", "-b", "1024", "-O", "fast_commit"]}
JOURNAL = {"ext4-4k": 4}  # a thousand blocks at least
LONGEST_WAIT = 0.08

# Changes names, contents, modes and attributes until it is killed; now and then it waits for the medium.
WORKLOAD = """
import os, random, sys
os.chdir(sys.argv[1])
chance = random.Random(int(sys.argv[2]))
names = [f"{folder}/{number}" for folder in "abcd" for number in range(40)]
for folder in "abcd":
    os.makedirs(folder, exist_ok=True)

def write(path):
    with open(path, "r+b" if os.path.isfile(path) and chance.random() < 0.5 else "wb") as file:
        file.seek(chance.randrange(20000))
        file.write(chance.randbytes(chance.randrange(1, 9000)))
        if chance.random() < 0.2:
            file.flush()
            os.fsync(file.fileno())

CHANGES = [
    write, write, write, write,
    lambda path: os.unlink(path),
    lambda path: os.rename(path, chance.choice(names)),
    lambda path: os.link(path, chance.choice(names)),
    lambda path: os.symlink("x" * chance.randrange(1, 200), path),
    lambda path: os.truncate(path, chance.randrange(30000)),
    lambda path: os.chmod(path, chance.randrange(0o1000)),
    lambda path: os.setxattr(path, "user.name", chance.randbytes(chance.randrange(300))),
    lambda path: os.removexattr(path, "user.name"),
    lambda path: os.utime(path, (chance.randrange(1 << 30), 5)),
    lambda path: os.mkdir(path + ".folder"),
    lambda path: os.rmdir(path + ".folder"),
]
while True:
    try:
        chance.choice(CHANGES)(chance.choice(names))
    except OSError:
        pass
"""


@contextlib.contextmanager
def kernel_mount(device, place, options):
    place.mkdir(exist_ok=True)
    harness.run(["mount", "-o", f"nosuid,nodev,{options}", device, place])
    try:
        yield place
    finally:
        harness.run(["umount", place])


def attributes_of(path):
    with contextlib.suppress(OSError):
        return {name: os.getxattr(path, name, follow_symlinks=False)
                for name in os.listxattr(path, follow_symlinks=False)}
    return {}


def tree_of(image, place, options):
    """All that is visible of it."""
    with harness.LoopDevice(image) as loop, kernel_mount(loop.path, place, options):
        tree = {}
        for path, (mode, content) in checking.described(place):
            status = os.lstat(place / path)
            tree[path] = (mode, content, status.st_nlink, status.st_size, status.st_mtime_ns,
                          status.st_uid, attributes_of(place / path))
        return tree


def wait_until_written(scratch):
    """Waits until the writer has made a file."""
    def written():
        return len(harness.run(["find", scratch / "live.mount"], allowed=None).stdout.splitlines()) > 40
    harness.wait_until(written, harness.PATIENCE, "the writer to have made something")


def needs_replay(image):
    return "needs_recovery" in harness.run(["dumpe2fs", "-h", image]).stdout


@contextlib.contextmanager
def writing_kernel(scratch, kind):
    """A medium that a kernel writes to without end."""
    image = scratch / "live"
    harness.run(["truncate", "-s", "16M", image])
    harness.run(["mke2fs", "-q", "-F", *MKFS[kind], "-J", f"size={JOURNAL.get(kind, 1)}", "-N", "512", image])
    with odd_medium(image, scratch / "odd") as odd, harness.LoopDevice(odd.medium) as loop, \
            kernel_mount(loop.path, scratch / "live.mount", "commit=1") as place:
        writer = subprocess.Popen([sys.executable, "-c", WORKLOAD, place, str(SEED)])
        try:
            yield odd, writer
        finally:
            writer.kill()
            writer.wait()


@contextlib.contextmanager
def stopped(process):
    """Leaves the processor to the test meanwhile."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def one_round(scratch):
    """Returns whether there was anything to replay."""
    image, twin = scratch / "pulled", scratch / "twin"
    harness.run(["cp", "--sparse=always", image, twin])
    replays = needs_replay(image)
    found = checking.ask("mount-glance", "ext4", image)
    assert found.verdict in ("clean", "dirty") and not found.read_only, found
    assert not needs_replay(image)
    kernels = tree_of(twin, scratch / "kernels", "rw")
    # The kernel has nothing left to replay, and must not replay anything.
    ours = tree_of(image, scratch / "ours", "ro,noload")
    assert ours == kernels, {path: (ours.get(path), kernels.get(path))
                             for path in {*ours, *kernels} if ours.get(path) != kernels.get(path)}
    assert checking.look("ext", image).returncode == 0
    return replays


@pytest.mark.parametrize("kind", SHARES)
def test_a_replay_gives_what_the_kernel_would(scratch, kind):
    print(f"AIRLOCK_REPLAY_SEED={SEED}")
    chance = random.Random(SEED)
    rounds = max(2, round(ROUNDS * SHARES[kind]))
    with writing_kernel(scratch, kind) as (odd, writer):
        wait_until_written(scratch)
        replayed = 0
        for _ in range(rounds):
            time.sleep(chance.random() * LONGEST_WAIT)  # the random moment
            # A folder each: another program may hold the loop device of the last one a moment longer.
            with harness.scratch_directory() as folder:
                odd.copy(folder / "pulled")
                with stopped(writer):
                    replayed += one_round(folder)
    print(f"{kind}: {replayed} of {rounds} had a journal to replay")
    assert replayed > rounds // 2


def fields_of(image, line):
    """The numbers in the first line of dumpe2fs with these words, for each group."""
    told = harness.run(["dumpe2fs", image]).stdout
    return [tuple(int(number) for number in re.findall(r"\d+", found)[:2])
            for found in re.findall(rf"{line} (\d+-\d+)", told)]


@pytest.mark.parametrize("moment", ["while it reads the journal", "while it writes"])
def test_a_replay_that_takes_too_long_leaves_all_of_it_to_the_next(scratch, moment):
    image, twin = scratch / "pulled", scratch / "twin"
    with writing_kernel(scratch, "ext4") as (odd, _):
        harness.wait_until(lambda: odd.copy(image) or needs_replay(image), 20, "a journal to replay")
    harness.run(["cp", "--sparse=always", image, twin])
    with odd_medium(image, scratch / "slow") as odd, harness.LoopDevice(odd.medium) as loop:
        blocks = harness.run(["debugfs", "-R", "blocks <8>", image]).stdout.splitlines()[-1].split()
        first, last = (int(blocks[0]), int(blocks[-1])) if "reads" in moment else fields_of(image, "Inode table at")[0]
        odd.slow(first * 1024, (last - first + 1) * 1024, 5000)
        found = checking.ask("mount-glance", "ext4", loop.path, seconds=3)
    assert found.read_only.startswith("the replay of its journal took too long and was stopped"), found
    assert not found.verdict and needs_replay(image)
    found = checking.ask("mount-glance", "ext4", image)
    assert found.summary.startswith("its journal was replayed") and not found.read_only, found
    assert tree_of(image, scratch / "ours", "ro,noload") == tree_of(twin, scratch / "kernels", "rw")
    assert checking.look("ext", image).returncode == 0


def test_a_check_that_takes_too_long_after_a_replay_says_that_there_was_one(scratch):
    image = scratch / "medium"
    harness.run(["truncate", "-s", "16M", image])
    harness.run(["mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", image])
    changed = scratch / "changed"
    changed.write_bytes(b"x" * 1024)
    steps = scratch / "steps"
    steps.write_text(f"jo\njw -b 5000 {changed}\njc\n")
    harness.run(["debugfs", "-w", "-f", steps, image])
    assert needs_replay(image)
    with odd_medium(image, scratch / "slow") as odd, harness.LoopDevice(odd.medium) as loop:
        first, last = fields_of(image, "Inode table at")[1]
        odd.slow(first * 1024, (last - first + 1) * 1024, 7000)
        found = checking.ask("mount-full", "ext4", loop.path, seconds=5)
    assert found.read_only == ("its journal was replayed, then: it could not be checked: "
                               "the check took too long and was stopped"), found
    assert not found.verdict and not needs_replay(image)
    assert image.read_bytes()[5000 * 1024:5001 * 1024] == changed.read_bytes()
    found = checking.ask("mount-full", "ext4", image)
    assert found.verdict in ("clean", "dirty") and not found.read_only, found


def test_fast_commits_are_left_to_the_kernel(scratch):
    """e2fsck would discard them, and all recent writes with them."""
    image = scratch / "pulled"
    with writing_kernel(scratch, "fast-commit") as (odd, _):
        wait_until_written(scratch)
        time.sleep(1)  # its commit interval
        odd.copy(image)
    assert needs_replay(image)
    before = image.read_bytes()
    for what in ("mount-glance", "mount-full"):
        found = checking.ask(what, "ext4", image)
        assert found.verdict == "needs-replay" and "fast commits" in found.read_only, found
    repaired = checking.ask("repair", "ext4", image)
    assert repaired.verdict == "needs-replay" and "fast commits" in repaired.summary, repaired
    assert image.read_bytes() == before, "a journal nobody here can replay is not to be touched"
    kernels = tree_of(image, scratch / "kernels", "rw")
    assert len(kernels) > 10
    found = checking.ask("mount-glance", "ext4", image)
    assert (found.verdict, found.read_only) == ("clean", ""), found
