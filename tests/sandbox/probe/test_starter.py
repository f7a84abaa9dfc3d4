# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing privileged parses media: what the starting programs link, and what they do with a
descriptor of a medium. The programs that must stay clean are named in STARTERS, those that must
not be mistaken for clean in CONTAINED."""
import os
import re
import subprocess

import pytest
from conftest import loop_device

STARTERS = os.environ["STARTERS"].split(":")
CONTAINED = os.environ["CONTAINED"].split(":")

LIBRARIES = re.compile(r"lib(blkid|ext2fs|com_err|e2p|fuse3|ntfs-3g|squashfuse|squashfs|isofs|udfread|cryptsetup|"
                       r"exfat|parted|archive)[-.0-9a-z_]*\.so")
# Of libraries linked statically, and of our own code under contained/.
SYMBOLS = re.compile(r"\b(blkid_\w+|ext2fs_\w+|ntfs_\w+|sqfs_\w+|fuse_session_\w+|airlock::(ext|probe|fat)::)")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()


def media_libraries(program):
    """Of the program and of everything it links."""
    return [line for line in output("ldd", program).splitlines() if LIBRARIES.search(line)]


def media_symbols(program):
    text = output("nm", "-C", program) + output("nm", "-CD", program)
    return [line for line in text.splitlines() if SYMBOLS.search(line)]


def name(program):
    return os.path.basename(program)


@pytest.mark.parametrize("program", STARTERS, ids=name)
def test_a_starter_links_nothing_that_reads_media(program):
    assert media_libraries(program) == []
    assert media_symbols(program) == []
    assert "/libc.so" in output("ldd", program), "ldd says nothing"


@pytest.mark.parametrize("program", CONTAINED, ids=name)
def test_what_reads_media_would_be_noticed(program):
    assert media_libraries(program)
    assert media_symbols(program)


# All that is done with a descriptor of a medium outside of the worker.
HARMLESS = {"openat", "newfstatat", "fstat", "statx", "fcntl", "ioctl", "close", "close_range", "sendmsg",
            "dup2", "dup3"}  # put another in its place; a copy of it would still go by its name
CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(?: resumed>)?(.*)$")


def trace(tmp_path, medium, *program):
    """(in the worker, call, the line) for every call that has to do with the medium."""
    log = tmp_path / "trace"
    subprocess.run(["strace", "-f", "-y", "-s", "16", "-o", log,
                    *(program or (os.environ["PROBE_PATHS"], medium))], check=True, capture_output=True)
    workers, found = set(), []
    for line in log.read_text(errors="replace").splitlines():
        call = CALL.match(line)
        if call is None:
            continue
        pid, what, rest = call.groups()
        if what in ("execve", "execveat") and "airlock-probe" in rest:
            workers.add(pid)
        if f"<{medium}>" in rest:
            found.append((pid in workers, what, line))
    assert workers, "no worker was started"
    return found


def expect_no_reading(calls):
    outside = [(what, line) for inside, what, line in calls if not inside]
    assert [line for what, line in outside if what not in HARMLESS] == []
    assert {what for what, _line in outside} >= {"openat", "sendmsg"}, "the trace does not show the starter"
    inside = {what for inside, what, _line in calls if inside}
    assert inside & {"read", "pread64", "preadv"}, "the trace does not show reading"
    assert not inside & {"write", "pwrite64", "pwritev", "pwritev2"}


def test_the_starter_never_reads_from_a_device(tmp_path, medium):
    path = medium(16, "mkfs.ext4", "-q")
    with loop_device(path) as device:
        expect_no_reading(trace(tmp_path, device))


def test_the_starter_never_reads_from_an_image(tmp_path, medium):
    expect_no_reading(trace(tmp_path, str(medium(16, "mkfs.vfat"))))


def test_one_byte_read_by_the_starter_would_be_noticed(tmp_path, medium):
    path = str(medium(16, "mkfs.vfat"))
    both = f'"$PROBE_PATHS" {path} && head -c 1 {path}'
    calls = trace(tmp_path, path, "sh", "-c", both)
    with pytest.raises(AssertionError, match="read"):
        expect_no_reading(calls)
