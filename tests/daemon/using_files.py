#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Uses a mounted tree until the file STOP exists, in as many ways at once as there are: ./using_files.py TREE SOURCE STOP

Everything it reads is compared with the source. It ends with 0 if no call ever failed and no byte was wrong, and prints
how often it asked and the longest wait for one answer in milliseconds.
"""
import ctypes
import mmap
import os
import pathlib
import random
import sys
import threading
import time

BLOCK = 64 * 1024
tree, source, stop = map(pathlib.Path, sys.argv[1:])
big = (source / "big").read_bytes()
failures, waits = [], []


def timed(work, *arguments):
    begin = time.monotonic()
    result = work(*arguments)
    waits.append(time.monotonic() - begin)
    return result


def read_past_the_cache(descriptor, place):
    """O_DIRECT needs aligned memory; every read is a request to the driver."""
    with mmap.mmap(-1, BLOCK) as memory:
        length = timed(os.preadv, descriptor, [memory], place)
        if memory[:length] != big[place:place + length]:
            raise ValueError(f"wrong bytes at {place}")


def read_directly():
    descriptor = os.open(tree / "big", os.O_RDONLY | os.O_DIRECT)
    while not stop.exists():
        read_past_the_cache(descriptor, random.randrange(len(big) // BLOCK) * BLOCK)
    os.close(descriptor)


def read_by_mapping():
    """A page that cannot be read would be a SIGBUS, which ends this process."""
    with open(tree / "big", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        while not stop.exists():
            place = random.randrange(len(big) // BLOCK) * BLOCK
            if timed(lambda at: memory[at:at + BLOCK], place) != big[place:place + BLOCK]:
                raise ValueError(f"wrong bytes at {place} of the mapping")
            memory.madvise(mmap.MADV_DONTNEED)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def list_one_stream():
    """One open stream, read from its beginning again and again."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.opendir(os.fsencode(tree / "many")))
    if not stream:
        raise OSError(ctypes.get_errno(), "opendir")
    wanted = len(os.listdir(source / "many")) + 2
    while not stop.exists():
        libc.rewinddir(stream)
        ctypes.set_errno(0)
        count = 0
        while timed(libc.readdir, stream):
            count += 1
        if ctypes.get_errno() or count != wanted:
            raise ValueError(f"{count} entries instead of {wanted}, errno {ctypes.get_errno()}")


def look_around():
    os.chdir(tree)
    number = 0
    while not stop.exists():
        number += 1
        timed(os.statvfs, ".")
        if os.path.exists(f"many/nothing{number}"):
            raise ValueError("a file that is not there")
        if timed(os.stat, f"many/{number % 200}").st_size != 5:
            raise ValueError("a wrong size")


def kept(work):
    try:
        work()
    except Exception as error:  # whatever it is, the test is to hear of it
        failures.append(f"{work.__name__}: {error!r}")


threads = [threading.Thread(target=kept, args=[work])
           for work in (read_directly, read_by_mapping, list_one_stream, look_around)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{len(waits)} requests, longest {max(waits, default=0) * 1000:.0f} ms")
print("\n".join(failures))
sys.exit(1 if failures else 0)
