# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes random op scripts for oprunner from a seed.

The generator keeps no model of the tree. It draws from few names, so that operations meet: half of
them succeed, the rest fail in every possible way, and both outcomes are compared. It only knows
enough to keep a script to results that two correct filesystems must agree on: no running out of
space and no times or attributes that the inode cannot hold; those have tests of their own.
"""

import random
import struct

SLOTS = 10
ACL_UNDEFINED_ID = 0xFFFFFFFF
ACL_USER_OBJECT, ACL_USER, ACL_GROUP_OBJECT, ACL_GROUP, ACL_MASK, ACL_OTHER = 1, 2, 4, 8, 16, 32
FALLOC_KEEP, FALLOC_PUNCH, FALLOC_COLLAPSE, FALLOC_ZERO, FALLOC_INSERT = 1, 2, 8, 16, 32
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
LARGEST_FILE = 1 << 20
FAR_AWAY = 12 << 30
OWNERS = (0, 1, 1000, 65535, 70000, 4294967294)
MODES = (0o644, 0o600, 0o755, 0o777, 0o4755, 0o2755, 0o1777, 0o000, 0o7777)


def encode(raw):
    """One word of a script from a name."""
    data = raw.encode() if isinstance(raw, str) else raw
    if not data:
        return "%"
    return "".join(chr(byte) if 0x21 <= byte < 0x7F and byte not in b"%|" else f"%{byte:02X}"
                   for byte in data)


def acl(user_object, group_object, other, named=()):
    """The bytes of a POSIX ACL attribute; named is a list of (tag, id, permissions)."""
    entries = [(ACL_USER_OBJECT, user_object, ACL_UNDEFINED_ID)]
    entries += [(ACL_USER, bits, owner) for tag, owner, bits in named if tag == ACL_USER]
    entries += [(ACL_GROUP_OBJECT, group_object, ACL_UNDEFINED_ID)]
    entries += [(ACL_GROUP, bits, owner) for tag, owner, bits in named if tag == ACL_GROUP]
    if named:
        entries += [(ACL_MASK, 5, ACL_UNDEFINED_ID)]
    entries += [(ACL_OTHER, other, ACL_UNDEFINED_ID)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def name_pool(block_size):
    names = [f"n{number}" for number in range(14)]
    names += ["with space", "percent%", "ünïcödé", ".hidden", "-dash", "x" * 255, "y" * 100]
    longest = min(4095, block_size - 2)
    return names, ["n1", "../n2", "nowhere", "t" * 59, "t" * 60, "t" * 61, "t" * 500, "t" * longest]


class ScriptWriter:
    """Writes one random script; use `script()`."""

    def __init__(self, seed, kind):
        self.random = random.Random(seed)
        self.kind = kind
        self.names, self.targets = name_pool(kind.block_size)
        self.directories = [".", "d0", "d1", "d2", "d0/e0", "d0/e1", "d1/e0", "d0/e0/f0"]
        # Half of all operations meet on these few.
        self.favourites = ["n0", "n1", "n2", "n3", "d0/n0", "d0/n1", "d0/e0/n0", "d1/n5"]
        self.lines = []
        self.actions, self.weights = zip(*self._table())

    def script(self, count, checks=3):
        self._prepare()
        for step in range(count):
            self.random.choices(self.actions, self.weights)[0]()
            if step % 60 == 59:
                self._restore_directories()
            if checks and step % (count // checks + 1) == count // checks:
                self.put("tree")
        self.put("tree")
        return self.lines

    def put(self, *words):
        self.lines.append(" ".join(encode(word) if isinstance(word, (str, bytes)) else str(word)
                                   for word in words))

    def _table(self):
        return [
            (self._mkfile, 8), (self._open, 16), (self._close, 2), (self._pwrite, 18),
            (self._append, 5), (self._pread, 10), (self._ftruncate, 5), (self._truncate, 3),
            (self._fallocate, 5), (self._seek, 4), (self._map, 3), (self._mmapwrite, 5),
            (self._mmapread, 4), (self._copyrange, 3), (self._sendfile, 2), (self._sync, 3),
            (self._mkdir, 4), (self._rmdir, 3), (self._mknod, 3), (self._symlink, 4),
            (self._readlink, 2), (self._link, 5), (self._unlink, 6), (self._rename, 12),
            (self._chmod, 4), (self._chown, 4), (self._utimens, 5), (self._stat, 8),
            (self._fstat, 4), (self._setxattr, 7), (self._getxattr, 6), (self._removexattr, 3),
            (self._setacl, 3), (self._listxattr, 2), (self._readdir, 4), (self._odd_name, 2),
            (self._fchmod, 2),
        ]

    def _restore_directories(self):
        """Renames soon put files where directories were; then nearly everything is ENOTDIR."""
        for directory in self.directories[1:]:
            self.put("unlink", directory)
            self.put("mkdir", directory, "755")

    def _prepare(self):
        self._restore_directories()
        for slot in range(SLOTS):
            self.put("open", slot, self._path(), "bc", "644")

    # Random choices.

    def _path(self):
        if self.random.random() < 0.08:
            return self.random.choice(self.directories[1:])
        if self.random.random() < 0.5:
            return self.random.choice(self.favourites)
        directory = self.random.choice(self.directories)
        name = self.random.choice(self.names)
        return name if directory == "." else f"{directory}/{name}"

    def _slot(self):
        return self.random.randrange(SLOTS)

    def _offset(self):
        kind = self.random.random()
        if kind < 0.03:
            return FAR_AWAY + self.random.randrange(1 << 20)
        if kind < 0.3:
            return self.random.randrange(LARGEST_FILE // 4096) * 4096
        return self.random.randrange(self.random.choice((300, 5000, 60000, LARGEST_FILE)))

    def _length(self):
        return self.random.choice((0, 1, 7, 100, 1000, 4096, 5000, 16384, 40000))

    def _seed(self):
        return self.random.randrange(1 << 30)

    def _time(self):
        kind = self.random.random()
        if kind < 0.2:
            return "now"
        if kind < 0.3:
            return "omit"
        large = self.kind.inode_size > 128
        seconds = self.random.randrange(-(1 << 31) if large else -1000000, (1 << 31) - 1)
        if large and self.random.random() < 0.3:
            seconds = self.random.randrange(1 << 31, (1 << 33))
        return f"{seconds}.{self.random.randrange(1000000000) if large else 0:09}"

    def _attribute(self):
        return self.random.choice(("user.a", "user.a", "user.a", "user.a", "user.b", "user.longer-name-than-most", "trusted.t",
                                   "security.s", "user.", "nonsense"))

    # Operations on files.

    def _open(self):
        flags = self.random.choice(("r", "b", "b", "bc", "bc", "bcx", "bct", "wct", "wca", "bca",
                                    "w", "rd", "bt", "rc"))
        self.put("open", self._slot(), self._path(), flags, "644")

    def _close(self):
        self.put("close", self._slot())

    def _pwrite(self):
        self.put("pwrite", self._slot(), self._offset(), self._length(), self._seed())

    def _append(self):
        self.put("write", self._slot(), self.random.choice((1, 100, 3000)), self._seed())

    def _pread(self):
        self.put("pread", self._slot(), self._offset(), self._length())

    def _ftruncate(self):
        self.put("ftruncate", self._slot(), self._size())

    def _truncate(self):
        self.put("truncate", self._path(), self._size())

    def _size(self):
        return self.random.choice((0, 0, 1, 59, 60, 61, 160, 1 << 50, -1, self._offset(),
                                   self._offset()))

    def _fallocate(self):
        if "inline_data" in self.kind.mkfs:
            # Linux 6.18 loses data written to an inline file after a fallocate behind its end, so
            # it cannot be the reference here.
            return
        mode = self.random.choice((0, FALLOC_KEEP, FALLOC_PUNCH | FALLOC_KEEP,
                                   FALLOC_PUNCH | FALLOC_KEEP, FALLOC_ZERO,
                                   FALLOC_ZERO | FALLOC_KEEP, FALLOC_PUNCH))
        offset = self._offset() % FAR_AWAY
        length = self._length()
        if self.random.random() < 0.1:
            # Never aligned, so that every filesystem refuses it; see EITHER_ERROR.
            mode, offset, length = self.random.choice((FALLOC_COLLAPSE, FALLOC_INSERT)), 1, 4096
        self.put("fallocate", self._slot(), mode, offset, length)

    def _seek(self):
        whence = self.random.choice(("data", "hole"))
        if self.kind.block_size < 4096:
            self._map()
        else:
            slot = self._slot()
            self._settle(slot)
            self.put("seek", slot, whence, self._offset())

    def _map(self):
        slot = self._slot()
        self._settle(slot)
        self.put("map", slot)

    def _settle(self, slot):
        """Without extents the kernel reports data as a hole until it has been written back, and in a
        file that just stopped being inline it reports ENOENT."""
        if not self.kind.extents or "inline_data" in self.kind.mkfs:
            self.put("fsync", slot)

    def _mmapwrite(self):
        self.put("mmapwrite", self._slot(), self._offset(), 1 + self._length(), self._seed())

    def _mmapread(self):
        self.put("mmapread", self._slot(), self._offset(), 1 + self._length())

    def _copyrange(self):
        self.put("copyrange", self._slot(), self._offset() % FAR_AWAY, self._slot(),
                 self._offset() % FAR_AWAY, self._length())

    def _sendfile(self):
        self.put("sendfile", self._slot(), self._slot(), self._offset() % FAR_AWAY, self._length())

    def _sync(self):
        self.put(*self.random.choice((("fsync", self._slot()), ("fdatasync", self._slot()),
                                      ("syncfs",))))

    def _fstat(self):
        self.put("fstat", self._slot())

    def _fchmod(self):
        self.put("fchmod", self._slot(), f"{self.random.choice(MODES):o}")

    # Operations on names.

    def _mkfile(self):
        self.put("mkfile", self._path(), f"{self.random.choice(MODES):o}")

    def _mkdir(self):
        self.put("mkdir", self._path(), f"{self.random.choice(MODES):o}")

    def _rmdir(self):
        self.put("rmdir", self._path())

    def _mknod(self):
        kind = self.random.choice((0o010000, 0o020000, 0o060000, 0o140000))
        major, minor = self.random.choice(((0, 0), (1, 3), (8, 1), (259, 1048575), (4095, 255)))
        if kind in (0o010000, 0o140000):
            major, minor = 0, 0
        self.put("mknod", self._path(), f"{kind | self.random.choice(MODES):o}", major, minor)

    def _symlink(self):
        self.put("symlink", self.random.choice(self.targets), self._path())

    def _readlink(self):
        self.put("readlink", self._path())

    def _link(self):
        self.put("link", self._path(), self._path())

    def _unlink(self):
        self.put("unlink", self._path())

    def _rename(self):
        flags = self.random.choice((0, 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE,
                                    RENAME_NOREPLACE | RENAME_EXCHANGE))
        old, new = self._path(), self._path()
        if self.random.random() < 0.1:
            old = self.random.choice(self.directories[1:])
            new = f"{old}/{self.random.choice(self.names)}"
        self.put("rename", old, new, flags)

    def _chmod(self):
        self.put("chmod", self._path(), f"{self.random.choice(MODES):o}")

    def _chown(self):
        # Not -1 -1: that reaches no FUSE server, though ext4 drops set-id bits for it.
        owners = [self.random.choice(OWNERS), self.random.choice((-1, *OWNERS))]
        self.random.shuffle(owners)
        self.put("chown", self._path(), *owners)

    def _utimens(self):
        self.put("utimens", self._path(), self._time(), self._time())

    def _stat(self):
        self.put("stat", self._path())

    def _setxattr(self):
        # Either small enough to fit anywhere, or too large for every place.
        length = self.random.choice((0, 1, 20, 60, 60, 100, 8000 + self.kind.block_size, 65537))
        self.put("setxattr", self._path(), self._attribute(), self.random.choice((0, 0, 0, 1, 2)),
                 length, self._seed())

    def _getxattr(self):
        self.put("getxattr", self._path(), self._attribute(),
                 self.random.choice((0, 10, 1000, 65536)))

    def _removexattr(self):
        self.put("removexattr", self._path(), self.random.choice(
            (self._attribute(), "system.posix_acl_access", "system.posix_acl_default")))

    def _setacl(self):
        permissions = [self.random.randrange(8) for _ in range(3)]
        named = self.random.choice(((), ((ACL_USER, 1000, 7),),
                                    ((ACL_USER, 1000, 6), (ACL_GROUP, 70000, 5))))
        value = acl(*permissions, named)
        if self.random.random() < 0.1:
            value = self.random.choice((value[:-1], value[4:], b"", value + value[4:12]))
        self.put("setrawxattr", self._path(), self.random.choice(
            ("system.posix_acl_access", "system.posix_acl_default")), value)

    def _listxattr(self):
        self.put("listxattr", self._path())

    def _readdir(self):
        self.put("readdir", self.random.choice(self.directories))

    def _odd_name(self):
        name = self.random.choice(("z" * 256, "n1/", "d0/", "d0/.", "d0/..", "n1/n2", "lost+found",
                                   "p/" * 1500 + "q"))
        action = self.random.choice(("mkdir", "mkfile", "unlink", "rmdir", "stat"))
        self.put(action, name, *(("700",) if action in ("mkdir", "mkfile") else ()))


def random_script(seed, kind, count):
    return ScriptWriter(seed, kind).script(count)


def crowd_script(entries, removed_step=3):
    """Many entries in one directory: past one block, past one index level, and shrinking again."""
    lines = ["mkdir crowd 755", "mkdir links 755", "mkdir crowd/sub 755", "mkfile links/one 644"]
    lines += [f"manyfiles crowd {entries} 1", "readdir crowd", f"manydirs crowd/sub {entries // 10} 1"]
    lines += ["stat crowd/sub", "manylinks links 500 1 links/one", "stat links/one"]
    lines += [f"manyremovals crowd {entries} {removed_step}", "readdir crowd", "tree"]
    return lines + [f"manyfiles crowd {entries} {removed_step}", "readdir crowd"]


def deep_script(depth):
    """A path as deep as PATH_MAX allows, then taken down again from its end."""
    paths = ["/".join(["deep"] * level) for level in range(1, depth + 1)]
    lines = [f"mkdir {path} 755" for path in paths] + [f"mkfile {paths[-1]}/leaf 644", "tree"]
    lines += [f"rename {paths[-1]}/leaf leaf 0", f"rename deep {paths[1]}/x 0"]
    return lines + [f"rmdir {path}" for path in reversed(paths[depth // 2:])] + ["tree"]
