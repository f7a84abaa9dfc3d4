# SPDX-License-Identifier: GPL-2.0-or-later
"""A made-up source tree as a tar file: always the same for the same seed and size."""

import io
import math
import random
import tarfile

# Like the trees of programs in C: half of the files under 5 KiB, a long tail, few above 100 KiB.
MEDIAN_FILE = 4600
SIZE_SPREAD = 1.25
LARGEST_FILE = 400_000
FILES_PER_DIRECTORY = 14
SYMLINK_SHARE = 0.01
SYLLABLES = ("ar", "ble", "con", "dir", "ent", "fi", "gra", "hold", "in", "jo", "ker", "list",
             "mem", "net", "ob", "par", "que", "ring", "sys", "tab", "un", "vec", "wa", "zone")
SUFFIXES = (".c", ".c", ".c", ".h", ".h", ".txt", ".build", ".py")
# A fixed day, so that the archive does not depend on the time of its making.
MODIFIED = 1_700_000_000


def write_source_tree(path, files, seed=1, symlinks=True):
    generator = random.Random(seed)
    directories = make_directories(generator, max(2, files // FILES_PER_DIRECTORY))
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for directory in directories:
            archive.addfile(entry(directory, tarfile.DIRTYPE, 0o755))
        for index in range(files):
            name = f"{generator.choice(directories)}/{word(generator)}_{index}"
            add_file(archive, generator, name, SYMLINK_SHARE if symlinks else 0)


def make_directories(generator, count):
    directories = ["source"]
    while len(directories) < count:
        # Some depth, but mostly breadth: the parent is one of the older ones.
        parent = directories[int(len(directories) * generator.random() ** 2)]
        directories.append(f"{parent}/{word(generator)}_{len(directories)}")
    return directories


def add_file(archive, generator, name, symlink_share):
    if generator.random() < symlink_share:
        link = entry(name, tarfile.SYMTYPE, 0o777)
        link.linkname = f"../{word(generator)}.h"
        archive.addfile(link)
        return
    file = entry(name + generator.choice(SUFFIXES), tarfile.REGTYPE, 0o644)
    file.size = min(LARGEST_FILE,
                    int(generator.lognormvariate(math.log(MEDIAN_FILE), SIZE_SPREAD)))
    archive.addfile(file, io.BytesIO(generator.randbytes(file.size)))


def entry(name, kind, mode):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mode = mode
    info.mtime = MODIFIED
    return info


def word(generator):
    return "".join(generator.choices(SYLLABLES, k=generator.randint(2, 4)))
