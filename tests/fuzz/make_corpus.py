#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seed inputs of the fuzz targets of lib/protocol and daemon into corpus/ beside this file.

Run it after changing a seed; the result is committed. Inputs that a fuzzer found are added by
hand and named after the fault they found; this script leaves them alone.
"""

import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
MEDIUM = b"/dev/sdb1\0"
MOUNT_POINT = b"/mnt\0"

HELLO = b"LAST" + struct.pack(">HH", 1, 0)


def open_file(magic=b"OPEN", flags=0, request=0, block_size=0, path=MEDIUM):
    return magic + struct.pack(">IIII", flags, 0, request, block_size) + path


def mount_point(expected=0x4000, padding=0, path=MOUNT_POINT):
    return b"MNTP" + struct.pack(">HH", expected, padding) + path


def number(magic, value):
    return magic + struct.pack(">I", value)


HAPPY = [
    open_file(flags=0x82),
    number(b"TYPE", 0),
    b"NAME" + MEDIUM,
    mount_point(),
    b"OPTS" + b"default_permissions,max_read=131072\0",
    b"MTAB" + b"user=me\0",
    number(b"DOIT", 6),
    number(b"BYEE", 0),
]
# Answers that the simulated world takes from the input after a packet with an effect.
EFFECT_BYTES = {b"LAST": b"\0", b"OPEN": b"\0", b"BDEV": b"\0", b"MNTP": b"\0\0", b"DOIT": b"\0"}


def session(settings, commands, hello=HELLO):
    out = bytes([settings])
    for packet in [hello, *commands]:
        out += b"\0" + struct.pack(">H", len(packet)) + packet
        out += EFFECT_BYTES.get(packet[:4], b"")
    return out


def arguments(strings, slots=None):
    slots = slots or len(strings)
    table, body, position = b"", b"", 8 + 8 * slots
    for text in strings:
        table += struct.pack(">II", position, len(text) + 1)
        body += text + b"\0"
        position += len(text) + 1
    return b"ARGS" + struct.pack(">I", len(strings)) + table.ljust(8 * slots, b"\0") + body


WIRE = {
    "happy": session(0, HAPPY),
    "happy-fuseblk": session(3, [number(b"TYPE", 1), *HAPPY[2:4], b"OPTSallow_other,blksize=512\0",
                                 *HAPPY[6:]]),
    "read-only": session(4, [open_file(flags=0), *HAPPY[1:]]),
    "block-device": session(1, [open_file(b"BDEV", block_size=512), *HAPPY[1:]]),
    "two-doits": session(0, [*HAPPY[:7], number(b"DOIT", 6), open_file(), number(b"BYEE", 0)]),
    "gone-after-doit": session(0, HAPPY[:7]),
    "goodbye-code": session(0, [*HAPPY[:7], number(b"BYEE", 258)]),
    "goodbye-malformed": session(0, [*HAPPY[:7], b"BYEE"]),
    "type-late": session(0, [HAPPY[2], HAPPY[1], HAPPY[3], HAPPY[6], HAPPY[7]]),
    "flags-unknown": session(0, [*HAPPY[1:4], number(b"DOIT", 0xFFFFFFFF)]),
    "open-create": session(0, [open_file(flags=0o101), open_file(path=b"/etc/shadow\0")]),
    "open-malformed": session(0, [open_file(path=b""), open_file(path=b"x"), b"BDEV"]),
    "options-quoted": session(2, [HAPPY[1], b"OPTS\"allow_other,fd=3\"\0", b"OPTSfd=3\0",
                                  b"OPTScontext=x\0", b"OPTSallow_other\0"]),
    "names": session(0, [b"NAME\0\0", b"NAME" + b"n" * 256 + b"\0", b"NAME/dev/sda\0", b"NAMEx\0"]),
    "mount-point-wrong": session(0, [mount_point(0xA000), mount_point(padding=1),
                                     mount_point(path=b"/\0"), mount_point(0x8000)]),
    "hello-wrong": session(0, [], b"LAST" + struct.pack(">HH", 2, 0)),
    "not-a-command": session(0, [b"UMNT/mnt\0"]),
    "file-packet": b"FILE" + struct.pack(">I", 0) + MEDIUM,
    "hello-packet": b"SAFT" + struct.pack(">HHI", 1, 1, 3),
    "reply-packet": number(b"REPL", 22),
}

ARGUMENT_MEMFD = {
    "plain": arguments([b"ext4", b"/dev/sdb1", b"/mnt"]),
    "hole": arguments([b"ext4", b"/dev/sdb1", b"/mnt", b"-o", b"ro"], 7),
    "empty": b"ARGS" + struct.pack(">I", 0),
    "short": b"ARGS",
    "huge-count": b"ARGS" + struct.pack(">III", 0xFFFFFFFF, 16, 2) + b"a\0",
    "wrapping-count": b"ARGS" + struct.pack(">III", 0x20000001, 16, 2) + b"a\0",
    "huge-length": b"ARGS" + struct.pack(">III", 1, 16, 0xFFFFFFFF) + b"a\0",
    "past-the-end": b"ARGS" + struct.pack(">III", 1, 17, 2) + b"a\0",
    "no-nul": b"ARGS" + struct.pack(">III", 1, 16, 2) + b"aa",
    "overlapping": b"ARGS" + struct.pack(">IIIII", 2, 24, 3, 25, 2) + b"ab\0",
    "itself": b"ARGS" + struct.pack(">III", 1, 0, 5),
}


def record(**changes):
    fields = {
        "volume": b"usb-1", "source": b"/dev/sdb1", "device": b"2065", "sequence": b"42",
        "mount-point": b"/run/media/joe/STICK", "mount-id": b"93", "filesystem": b"47",
        "fuseblk": b"no", "read-only": b"yes", "read-only-reason": b"a\\nb \\\\ \\x01",
        "subtype": b"ext4", "driver": b"airlock-ext", "origin": b"builtin", "driver-pid": b"4711",
        "driver-start": b"123456", "driver-user": b"61184", "since": b"1700000000123456",
        "user": b"1000", "user-name": b"joe", "decided-by": b"built-in",
        "leaving": b"no",
    }
    fields.update({key.replace("_", "-"): value for key, value in changes.items()})
    lines = [key.encode() + b"=" + value + b"\n" for key, value in fields.items()]
    return b"airlock-mount-record 1\n" + b"".join(lines) + b"end\n"


RECORD = {
    "plain": record(),
    "half": record()[:200],
    "escapes": record(volume=b"\\x00\\x1f\\x7f", subtype=b"\xff\\x41"),
    "open-escape": record(subtype=b"a\\"),
    "number-too-large": record(user=b"4294967296"),
    "time-too-large": record(since=b"9223372036854775807"),
    "empty": b"",
    "name": b"../usb:1",
}

STICK = b"93 22 0:47 / /run/media/joe/STICK rw,nosuid shared:5 - fuse.airlock.ext4 /dev/sdb1 rw\n"
TABLE = {
    "plain": b"22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n" + STICK,
    "nested": STICK + b"94 93 0:50 / /run/media/joe/STICK/in rw - tmpfs none rw\n",
    "parents-in-a-circle": STICK.replace(b" 22 ", b" 94 ") + b"94 93 0:50 / /x rw - tmpfs x rw\n",
    "own-parent": STICK.replace(b" 22 ", b" 93 "),
    "empty-source": b"93 22 0:47 / /mnt\\040a rw master:3 - fuse.x  rw,user_id=7\n",
    "negative-number": STICK.replace(b"93", b"-9"),
    "no-dash": b"93 22 0:47 / /mnt rw shared:5 fuse.x y rw\n",
    "numbers-too-large": b"99999999999 1 1:1 / / rw - x y z\n1 1 4294967296:1 / / rw - x y z\n",
}


def check_reply(verdict=3, changed=1, findings=3, checker=b"e2fsck 1.47.0",
                summary=b"3 problems found", log=b"Pass 1\nFix? no\n", sizes=None):
    sizes = sizes or (len(checker), len(summary), len(log))
    head = struct.pack("<4sBBxxIHHHxxxx", b"ALCR", verdict, changed, findings, *sizes)
    # The target fills up the rest with zeros.
    return head + checker.ljust(64, b"\0") + summary.ljust(512, b"\0") + log


def check_request(operation=5, type_=b"ext4", label=b"stick"):
    head = struct.pack("<4sBxxxHHxxxx", b"ALCQ", operation, len(type_), len(label))
    return head + type_.ljust(32, b"\0") + label.ljust(64, b"\0")


CHECK_RECORD = {
    "errors": check_reply(),
    "clean": check_reply(0, 0, 0, summary=b"in order", log=b""),
    "died": check_reply(7, 0, 0, checker=b"", summary=b"the checker was killed by SIGSEGV"),
    "longest": check_reply(checker=b"\xff" * 64, summary=b"~" * 512, log=b"x" * 16384),
    "too-long": check_reply(sizes=(65, 513, 16385)),
    "zero-in-text": check_reply(sizes=(20, 16, 15)),
    "unknown-verdict": check_reply(8),
    "neither-changed-nor-not": check_reply(changed=2),
    "behind-a-text": check_reply(sizes=(4, 16, 15)),
    "request": check_request(),
    "request-too-long": check_request(label=b"x" * 65)[:112],
    "program": b"ALCF",
    "progress": b"ALCP" + struct.pack("<I", 250),
    "too-much-progress": b"ALCP" + struct.pack("<I", 1001),
}


def checked(family, operation, code, *lines):
    return bytes([family, operation, code]) + "".join(line + "\n" for line in lines).encode()


EXT, FAT, EXFAT, NTFS = range(4)
FAT_BEGINS, FAT_ENDS = "fsck.fat 4.2 (2021-01-31)", "/dev/medium: 2 files, 3/8143 clusters"
EXFAT_BEGINS = "exfatprogs version : 1.2.0"
VERDICT = {
    "ext-clean": checked(EXT, 0, 0, "e2fsck 1.47.0 (5-Feb-2023)", "/dev/medium: 11/128 files, 31/1024 blocks"),
    "ext-errors": checked(EXT, 0, 4, "e2fsck 1.47.0 (5-Feb-2023)", "Inode 12 has a bad extent. Clear? no"),
    "ext-replay": checked(EXT, 2, 1, "e2fsck 1.47.0 (5-Feb-2023)", "/dev/medium: recovering journal"),
    "fat-marked": checked(FAT, 1, 1, FAT_BEGINS, "Dirty bit is set. Fs was not properly unmounted and some data "
                          "may be corrupt.", " Automatically removing dirty bit.", FAT_ENDS),
    "fat-traces": checked(FAT, 0, 1, FAT_BEGINS, "FATs differ but appear to be intact.", "  Using first FAT.",
                          "/KEPT.TXT", "  File size is 800 bytes, cluster chain length is > 1024 bytes.",
                          "  Truncating file to 800 bytes.", 'Orphaned long file name part "half a name"',
                          "  Auto-deleting.", "Reclaimed 3 unused clusters (3072 bytes).",
                          "Free cluster summary wrong (77 vs. really 8140)", "  Auto-correcting.", "",
                          "Leaving filesystem unchanged.", FAT_ENDS),
    "fat-copy": checked(FAT, 0, 1, FAT_BEGINS, "There are differences between boot sector and its backup.",
                        "This is mostly harmless. Differences: (offset:original/backup)", "  65:01/00",
                        "  Not automatically fixing this.", FAT_ENDS),
    "fat-damage": checked(FAT, 0, 1, FAT_BEGINS, "/A", "  and", "/B", "  share clusters.", FAT_ENDS),
    "exfat-trace": checked(EXFAT, 0, 4, EXFAT_BEGINS, "ERROR: /other: more clusters are allocated. truncate to 4096 "
                           "bytes at 0x2030c0. Truncate (y/N)? n", "/dev/medium: corrupted. directories 1, files 1",
                           "/dev/medium: files corrupted 1, files fixed 0"),
    "exfat-damage": checked(EXFAT, 4, 1, EXFAT_BEGINS, "ERROR: /x: cluster 0x9 is marked as free. Fix (y/N)? y"),
    "ntfs": checked(NTFS, 0, 1, "Mounting volume... FAILED", "Comparing $MFTMirr to $MFT... FAILED"),
    "label": checked(FAT, 5, 1, "fatlabel: labels can be no longer than 11 characters"),
    "signal": bytes([EXT, 0, 255, 24]),
}


def main():
    targets = {"wire": WIRE, "argument_memfd": ARGUMENT_MEMFD, "mount_record": RECORD,
               "mount_table": TABLE, "check_record": CHECK_RECORD, "verdict": VERDICT}
    for target, seeds in targets.items():
        directory = CORPUS / target
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (directory / name).write_bytes(content)


if __name__ == "__main__":
    main()
