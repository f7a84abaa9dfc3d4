# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGKILL for the driver in the middle of writing: e2fsck must be able to repair the result, and all
fsynced data must be there afterwards. With the kernel as the mounter its ext4 is shut down instead;
it keeps its promises, which proves that these tests do not ask for the impossible.

AIRLOCK_KILL_ROUNDS sets the number of rounds for each kind of filesystem.
"""

import concurrent.futures
import errno
import hashlib
import os
import pathlib
import random
import subprocess
import sys
import time

import pytest

import harness

DEFAULT_ROUNDS = 100
LONG_ROUNDS = 1000
PARALLEL = 4
WRITER = pathlib.Path(__file__).with_name("crashwriter.py")
KINDS = {
    "ext4": ("ext4", ()),
    "ext2": ("ext2", ()),
    "ext4-1k": ("ext4", ("-b", "1024")),
}
# The hundred rounds go to the default kind; the others get a part of them.
SHARE = {"ext4": 1.0, "ext2": 0.4, "ext4-1k": 0.2}


def rounds_for(name):
    usual = LONG_ROUNDS if os.environ.get("AIRLOCK_LONG", "") not in ("", "0") else DEFAULT_ROUNDS
    return max(1, int(int(os.environ.get("AIRLOCK_KILL_ROUNDS", usual)) * SHARE[name]))


def start_writer(where, log, seed):
    return subprocess.Popen([sys.executable, WRITER, where, log, str(seed)], text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def assert_dead_at_once(mount):
    """A new caller must get an error at once, not wait."""
    if mount.mounter == harness.KERNEL:
        return
    with harness.within(1):
        with pytest.raises(OSError) as refused:
            os.listdir(mount.where)
        assert refused.value.errno == errno.ENOTCONN


def write_until_killed(mount, log, seed):
    writer = start_writer(mount.where, log, seed)
    try:
        # Often early, while the first structures are made; sometimes past the 5 s writeback.
        pause = random.Random(seed)
        time.sleep(pause.uniform(5.2, 6.2) if seed % 25 == 24 else pause.uniform(0.05, 1.0))
        assert writer.poll() is None, f"the writer ended before the kill: {writer.stdout.read()}"
        mount.crash()
        assert_dead_at_once(mount)
        output, _ = writer.communicate(timeout=20)
    finally:
        writer.kill()
    assert writer.returncode == 0, output


def repair(image):
    done = harness.run(["e2fsck", "-fy", image], timeout=120, allowed=None)
    assert done.returncode in (0, 1), f"e2fsck -fy: exit {done.returncode}\n{done.stdout}"
    harness.e2fsck_clean(image)
    return done.stdout


def promises(log):
    """The last line about every path."""
    latest = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        what, path, *rest = line.split()
        latest[path] = (what, *rest)
    return latest


def broken_promise(path, what, details):
    """Why a promise does not hold, or None."""
    if what == "touched":
        return None
    if what == "absent":
        return "is back" if path.exists() else None
    if what == "directory":
        return None if path.is_dir() else "is missing"
    if not path.is_file():
        return "is missing"
    content = path.read_bytes()
    if [str(len(content)), hashlib.sha256(content).hexdigest()] != list(details):
        return f"has other content: {len(content)} bytes, promised {details[0]}"
    return None


def check_promises(image, log, repairs):
    with harness.mounted(harness.KERNEL, image, ("ro",)) as mount:
        found = promises(log)
        broken = [f"{path} {why}" for path, (what, *details) in found.items()
                  if (why := broken_promise(mount.where / path, what, details))]
        stranded = os.listdir(mount.where / "lost+found")
    assert not broken, f"{broken}; lost+found: {stranded}\n{repairs}"
    return sum(1 for what, *_ in found.values() if what != "touched")


def one_round(mounter, directory, name, seed):
    kind, options = KINDS[name]
    image = harness.make_image(directory / f"{seed}.img", options, "64M", kind)
    log = directory / f"{seed}.log"
    log.touch()
    with harness.mounted(mounter, image, ("noatime", "owner=media")) as mount:
        write_until_killed(mount, log, seed)
        mount.detach()
    kept = check_promises(image, log, repair(image))
    image.unlink()
    return kept


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.deadline(25)
def test_what_was_synced_survives_a_kill(name, mounter, scratch, seeds):
    todo = seeds or range(rounds_for(name))
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        running = {seed: pool.submit(one_round, mounter, scratch, name, seed) for seed in todo}
    failed = [f"--seed={seed}: {error}" for seed, future in running.items()
              if (error := future.exception())]
    assert not failed, f"{len(failed)} of {len(running)} rounds\n" + "\n".join(failed[:5])
    kept = sum(future.result() for future in running.values())
    assert kept > len(running), "hardly anything was promised, so nothing was tested"


def test_the_check_notices_a_lost_file(scratch):
    """The check itself: without the driver's help a promise about a missing file must break."""
    image = harness.make_image(scratch / "empty.img")
    log = scratch / "log"
    log.write_text("touched a\nfile a 3 00\nabsent lost+found\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="a is missing.*lost.found is back"):
        check_promises(image, log, "")
