# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes random scripts for oprunner from operations that FAT and exFAT sticks support, and ones they refuse."""
import pathlib
import sys
import types

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "integration"))

from opscript import RENAME_NOREPLACE, ScriptWriter, encode  # noqa: E402

# The properties of the filesystem that the writer needs.
STICK = types.SimpleNamespace(block_size=512, inode_size=256, mkfs=(), extents=True)
LARGEST_FILE = 200_000
SPELLINGS = ["n0", "N0", "n1", "N1.TXT", "n1.txt", "N1.Txt", "n2", "n3", "Long File Name.txt", "LONG FILE NAME.TXT",
             "long file name (2).TXT"]
NAMES = SPELLINGS + [".hidden", "-dash", "percent%", "two  spaces", " leading", "a+b=c", "[x];,y", "many.dots.in.it",
                     "ünïcödé", "größe.äöü", "日本語.txt", "smile 😀", "x" * 255, "y" * 100, "ü" * 255, "13chars-exact", "UPPER.TXT",
                     "lower.txt", "MIXED.txt", "mixed.TXT", "eight888.123", "nine99999.123", "ext.four", "~1", "LONGFI~1.TXT"]
# For exFAT, where the medium itself defines upper case.
CASES = ["ÜNÏCÖDÉ", "GRÖßE.ÄÖÜ", "Ü" * 255]
REFUSED = ["a:b", "what?", "a*", 'quo"te', "back\\slash", "<", "pipe|", "\x01", b"\xff\xfe", "z" * 256, "ü" * 256, "n1/", "d0/",
           "d0/.", "d0/..", "n1/n2", "p/" * 1500 + "q"]
# Of permissions both drivers keep only whether a file may be written, and they agree on these.
MODES = (0o755, 0o777, 0o555)


class FatScriptWriter(ScriptWriter):
    """Without operations that the two answer differently, which have tests of their own: see KNOWN in kernel_fat.py."""

    def __init__(self, seed, spellings=()):
        super().__init__(seed, STICK)
        self.names = NAMES + list(spellings)
        self.favourites = ["n0", "N0", "n1", "n1.txt", "N1.TXT", "d0/n0", "D0/N0", "d0/e0/n0"]
        self.directories = [".", "d0", "d1", "D1", "d0/e0", "D0/E0", "d0/Long Directory Name"]

    def _table(self):
        return [
            (self._mkfile, 12), (self._open, 16), (self._close, 2), (self._pwrite, 18), (self._append, 5),
            (self._pread, 10), (self._ftruncate, 5), (self._truncate, 3), (self._mmapwrite, 3), (self._mmapread, 3),
            (self._copyrange, 2), (self._sync, 2), (self._mkdir, 6), (self._rmdir, 3), (self._mknod, 1),
            (self._symlink, 1), (self._link, 1), (self._unlink, 8), (self._rename, 14), (self._chmod, 3),
            (self._fchmod, 1), (self._chown, 1), (self._utimens, 6), (self._stat, 10), (self._fstat, 4),
            (self._readdir, 5), (self._odd_name, 4),
        ]

    def _open(self):
        # Not to append: in Linux 6.12 a pwrite() to such a descriptor makes an exFAT file larger than its data.
        flags = self.random.choice(("r", "b", "b", "bc", "bc", "bcx", "bct", "wct", "w", "rd", "bt", "rc"))
        self.put("open", self._slot(), self._path(), flags, "644")

    def _append(self):
        slot, path = self._slot(), self._path()
        self.put("open", slot, path, "wca", "644")
        self.put("write", slot, self.random.choice((1, 100, 3000)), self._seed())
        self.put("open", slot, path, "b", "644")

    def _offset(self):
        return self.random.randrange(self.random.choice((300, 5000, 60_000, LARGEST_FILE)))

    def _size(self):
        return self.random.choice((0, 0, 1, 511, 512, 4096, -1, self._offset(), self._offset()))

    def _time(self):
        kind = self.random.random()
        if kind < 0.2:
            return "now"
        if kind < 0.3:
            return "omit"
        # A little beyond the range of either.
        seconds = self.random.randrange(200_000_000, 4_500_000_000)
        return f"{seconds}.{self.random.randrange(1_000_000_000):09}"

    def _fchmod(self):
        # Not of directories: those cannot be marked.
        self.put("fchmod", self._slot(), "755")

    def _chmod(self):
        self.put("chmod", self.random.choice(self.favourites), f"{self.random.choice(MODES):o}")

    def _chown(self):
        self.put("chown", self._path(), *self.random.choice(((0, 0), (1000, 0), (0, 1000))))

    def _rename(self):
        flags = self.random.choice((0, 0, 0, RENAME_NOREPLACE))
        old, new = self._path(), self._path()
        if self.random.random() < 0.1:
            old = self.random.choice(self.directories[1:])
            new = f"{old}/{self.random.choice(self.names)}"
        self.put("rename", old, new, flags)

    def _odd_name(self):
        action = self.random.choice(("mkdir", "mkfile", "unlink", "rmdir", "stat"))
        self.put(action, self.random.choice(REFUSED), *(("755",) if action in ("mkdir", "mkfile") else ()))


def random_script(seed, count, spellings=()):
    return FatScriptWriter(seed, spellings).script(count, checks=2)
