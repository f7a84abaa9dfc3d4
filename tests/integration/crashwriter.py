# SPDX-License-Identifier: GPL-2.0-or-later
"""crashwriter.py DIRECTORY LOG SEED: changes files until the filesystem dies under it.

The log, kept outside the filesystem, lists everything that must be there afterwards. Before a change
to a path its line says `touched`; once fsync of the file and of every directory involved succeeded,
a line states the promise: `file PATH SIZE DIGEST`, `directory PATH` or `absent PATH`. The last line
about a path counts, so a change in progress when the driver died promises nothing.
"""

import errno
import hashlib
import os
import random
import sys

FILES = 40
DIED = (errno.ENOTCONN, errno.EIO, errno.ECONNABORTED, errno.EROFS)


def sync_path(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class CrashWriter:
    def __init__(self, root, log, seed):
        self.root = root
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.random = random.Random(seed)
        self.files = []
        self.directories = [""]
        self.number = 0

    def run(self):
        self.make_directory()
        actions = (self.create, self.create, self.append, self.append, self.overwrite,
                   self.truncate, self.rename, self.replace, self.remove, self.noise, self.noise,
                   self.make_directory)
        while True:
            action = self.random.choice(actions)
            if action in (self.create, self.make_directory, self.noise) or self.files:
                action()

    def note(self, *words):
        os.write(self.log, (" ".join(map(str, words)) + "\n").encode())

    def absolute(self, path):
        return os.path.join(self.root, path)

    def fresh_name(self, prefix="file"):
        self.number += 1
        return os.path.join(self.random.choice(self.directories), f"{prefix}{self.number}")

    def sync_parent(self, path):
        sync_path(os.path.dirname(self.absolute(path)) or self.root)

    def promise(self, path):
        with open(self.absolute(path), "rb") as file:
            content = file.read()
        self.note("file", path, len(content), hashlib.sha256(content).hexdigest())

    def change(self, path, flags, offset, length):
        descriptor = os.open(self.absolute(path), os.O_WRONLY | flags, 0o644)
        try:
            os.pwrite(descriptor, self.random.randbytes(length), offset)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def create(self):
        if len(self.files) >= FILES:
            self.remove()
        path = self.fresh_name()
        self.note("touched", path)
        self.change(path, os.O_CREAT | os.O_EXCL, 0, self.random.choice((0, 10, 3000, 70000)))
        self.sync_parent(path)
        self.promise(path)
        self.files.append(path)

    def modify(self, offset_of):
        path = self.random.choice(self.files)
        self.note("touched", path)
        size = os.stat(self.absolute(path)).st_size
        self.change(path, 0, offset_of(size), self.random.choice((1, 500, 20000)))
        self.promise(path)

    def append(self):
        self.modify(lambda size: size)

    def overwrite(self):
        self.modify(lambda size: self.random.randrange(size + 1))

    def truncate(self):
        path = self.random.choice(self.files)
        self.note("touched", path)
        os.truncate(self.absolute(path), self.random.choice((0, 100, 5000, 90000)))
        sync_path(self.absolute(path))
        self.promise(path)

    def move(self, old, new):
        self.note("touched", old)
        self.note("touched", new)
        os.rename(self.absolute(old), self.absolute(new))
        self.sync_parent(new)
        self.sync_parent(old)
        self.note("absent", old)
        self.promise(new)
        self.files.remove(old)

    def rename(self):
        new = self.fresh_name("renamed")
        self.move(self.random.choice(self.files), new)
        self.files.append(new)

    def replace(self):
        """Saves like an editor: over an existing name."""
        if len(self.files) >= 2:
            self.move(*self.random.sample(self.files, 2))

    def remove(self):
        path = self.files.pop(self.random.randrange(len(self.files)))
        self.note("touched", path)
        os.unlink(self.absolute(path))
        self.sync_parent(path)
        self.note("absent", path)

    def noise(self):
        """Changes without any promise, to have something in flight."""
        path = self.absolute(self.fresh_name("noise"))
        with open(path, "wb") as file:
            file.write(self.random.randbytes(self.random.choice((10, 5000, 200000))))
        if self.random.random() < 0.8:
            os.unlink(path)

    def make_directory(self):
        if len(self.directories) > 6:
            return
        path = self.fresh_name("directory")
        self.note("touched", path)
        os.mkdir(self.absolute(path))
        sync_path(self.absolute(path))
        self.sync_parent(path)
        self.note("directory", path)
        self.directories.append(path)


def main(root, log, seed):
    try:
        CrashWriter(root, log, int(seed)).run()
    except OSError as error:
        # A full medium is the end as well: leftover noise piles up, and the promises stay.
        return 0 if error.errno in (*DIED, errno.ENOSPC) else f"unexpected: {error}"
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
