#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Uses a mounted tree like a curious person: exercise_tree.py DIR ro|rw.

Reads everything within limits that a loop in the tree cannot exceed, and with rw also changes a
little. A damaged filesystem may answer with any error; only the driver must not go away. Prints its
work as JSON; exits with 1 if the driver went away.
"""
import collections
import errno
import json
import os
import stat
import sys

MOST_ENTRIES = 3000
MOST_LEVELS = 40
PIECE = 128 * 1024
GONE = (errno.ENOTCONN, errno.ECONNABORTED, errno.ECONNREFUSED)


class Exercise:
    def __init__(self):
        self.done, self.errors, self.gone = collections.Counter(), collections.Counter(), 0

    def attempt(self, name, function, *arguments, **keywords):
        try:
            result = function(*arguments, **keywords)
        except OSError as error:
            self.errors[f"{name}: {errno.errorcode.get(error.errno, error.errno)}"] += 1
            self.gone += error.errno in GONE
            return None
        self.done[name] += 1
        return result

    def look(self, root):
        """Every entry, breadth first; returns the directories and files that opened."""
        directories, files, todo, seen = [root], [], [(root, 0)], 0
        self.attempt("statvfs", os.statvfs, root)
        while todo and seen < MOST_ENTRIES:
            folder, level = todo.pop(0)
            for name in (self.attempt("list", os.listdir, folder) or [])[:MOST_ENTRIES]:
                seen += 1
                path = os.path.join(folder, name)
                status = self.attempt("lstat", os.lstat, path)
                if status is None or seen > MOST_ENTRIES:
                    continue
                self.attributes(path)
                if stat.S_ISDIR(status.st_mode) and level < MOST_LEVELS:
                    directories.append(path)
                    todo.append((path, level + 1))
                elif stat.S_ISLNK(status.st_mode):
                    self.attempt("readlink", os.readlink, path)
                elif stat.S_ISREG(status.st_mode):
                    self.attempt("read", self.read, path, status.st_size)
                    files.append(path)
        return directories, files

    def attributes(self, path):
        for name in (self.attempt("listxattr", os.listxattr, path, follow_symlinks=False) or [])[:20]:
            self.attempt("getxattr", os.getxattr, path, name, follow_symlinks=False)

    @staticmethod
    def read(path, size):
        """The beginning, the middle and the end, which may be far away."""
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return
            for offset in {0, size // 2, max(0, size - PIECE)}:
                os.pread(file, PIECE, min(offset, (1 << 63) - 1 - PIECE))
        finally:
            os.close(file)

    def change(self, directories, files):
        for index, folder in enumerate(directories[:12]):
            new = os.path.join(folder, f"new {index}")
            self.attempt("create", self.write_new, new)
            self.attempt("rename", os.rename, new, new + " renamed")
            self.attempt("link", os.link, new + " renamed", new + " linked")
            self.attempt("symlink", os.symlink, "x" * (30 + 20 * index), new + " symlink")
            self.attempt("mkdir", os.mkdir, new + " folder")
            self.attempt("setxattr", os.setxattr, new + " renamed", "user.new", b"v" * 100 * index)
        for index, path in enumerate(files[:60]):
            self.attempt("append", self.append, path)
            if index % 3 == 0:
                self.attempt("truncate", os.truncate, path, index * 1000)
            if index % 4 == 0:
                self.attempt("unlink", os.unlink, path)
        for folder in directories[1:9]:
            for name in (self.attempt("list", os.listdir, folder) or [])[:20]:
                self.attempt("unlink", os.unlink, os.path.join(folder, name))
            self.attempt("rmdir", os.rmdir, folder)

    @staticmethod
    def write_new(path):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.pwrite(file, b"n" * 20_000, 0)
            os.pwrite(file, b"far", 3_000_000)
            os.fsync(file)
        finally:
            os.close(file)

    @staticmethod
    def append(path):
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if stat.S_ISREG(os.fstat(file).st_mode):
                os.write(file, b"a" * 5000)
        finally:
            os.close(file)


def main():
    root, mode = sys.argv[1:3]
    exercise = Exercise()
    directories, files = exercise.look(root)
    if mode == "rw":
        exercise.change(directories, files)
        exercise.look(root)
    print(json.dumps({"done": exercise.done, "errors": exercise.errors, "gone": exercise.gone}))
    return 1 if exercise.gone else 0


if __name__ == "__main__":
    sys.exit(main())
