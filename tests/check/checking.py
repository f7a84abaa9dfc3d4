# SPDX-License-Identifier: GPL-2.0-or-later
"""The results of airlockd's errands on a medium, and those of the distribution's checkers run directly."""
import dataclasses
import os
import pathlib
import shutil
import stat

import ext_layout
import harness


@dataclasses.dataclass
class Found:
    verdict: str
    checker: str
    changed: bool
    findings: int
    summary: str
    read_only: str  # why a mount would be read-only; empty: it would write
    log: str


def ask(what, kind, image, seconds=120):
    """check, repair, mount-glance …; see check_medium.cc."""
    done = harness.run([harness.built("tests/check/check_medium"), what, kind, image, str(int(seconds * 1000))],
                       env={**os.environ, "AIRLOCK_CHECK": str(harness.built("contained/check/airlock-check"))})
    head, _, log = done.stdout.partition("\nlog\n")
    words = dict(line.partition(" ")[::2] for line in head.splitlines())
    return Found(words.get("verdict", ""), words.get("checker", ""), words.get("changed") == "1", int(words.get("findings", 0)),
                 words.get("summary", ""), words["read-only"], log)


READS = {"ext": ["e2fsck", "-fn"], "fat": ["fsck.fat", "-n"], "exfat": ["fsck.exfat", "-n"],
         "ntfs": ["ntfsfix", "-n"]}
REPAIRS = {"ext": ["e2fsck", "-fy"], "fat": ["fsck.fat", "-a", "-w"], "exfat": ["fsck.exfat", "-y"]}


def run_uncontained(command, image):
    return harness.run([*command, image], allowed=None,
                       env={**os.environ, "LC_ALL": "C.UTF-8", "EXT2FS_NO_MTAB_OK": "1"})


def look(family, image):
    """Like a user at a command line."""
    return run_uncontained(READS[family], image)


def copy_of(image, name):
    twin = pathlib.Path(image).with_name(name)
    shutil.copyfile(image, twin)
    return twin


# Far more than any file of an undamaged image; a file that claims more is mostly a hole.
MOST_OF_A_FILE = 64 << 20


def without_giants(image, copy):
    """The image, or a copy without files so large that reading them would take hours."""
    opened = ext_layout.Image(image)
    try:
        giants = [number for number, inode in opened.used_inodes(limit=100_000)
                  if stat.S_ISREG(inode.get("mode"))
                  and inode.get("size") | inode.get("size_high") << 32 > MOST_OF_A_FILE]
    finally:
        opened.close()
    if not giants:
        return image
    harness.run(["cp", "--sparse=always", image, copy])
    for number in giants:
        harness.run(["debugfs", "-w", "-R", f"sif <{number}> size {MOST_OF_A_FILE}", copy])
    return copy


def content_of_ext(image, folder):
    """Path: mode and content of every file in it, and the targets of links."""
    folder.mkdir()
    image = without_giants(image, folder.with_name(folder.name + ".cut"))
    harness.run(["debugfs", "-R", f"rdump / {folder}", image], allowed=None)
    try:
        return dict(described(folder))
    finally:
        shutil.rmtree(folder)


def described(folder):
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(place, name)
            status = os.lstat(path)
            content = b""
            if os.path.islink(path):
                content = os.fsencode(os.readlink(path))
            elif os.path.isfile(path):
                content = pathlib.Path(path).read_bytes()
            yield os.path.relpath(path, folder), (status.st_mode, content)
