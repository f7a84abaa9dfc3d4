# SPDX-License-Identifier: GPL-2.0-or-later
"""What is on real media, as an image file and as a loop device, with blkid as the other opinion."""
import os
import random
import shutil
import struct
import subprocess
import sys

import pytest
from conftest import blkid, loop_device, patch, probe, run

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/fuzz")
import make_probe_corpus as handmade  # noqa: E402

# name: (size in MiB, command, usage, state)
MADE = {
    "ext2": (8, ("mkfs.ext2", "-q", "-L", "stick"), "filesystem", "clean"),
    "ext3": (16, ("mkfs.ext3", "-q", "-L", "stick"), "filesystem", "clean"),
    "ext4": (16, ("mkfs.ext4", "-q", "-L", "stick"), "filesystem", "clean"),
    "ext4-4k": (64, ("mkfs.ext4", "-q", "-b", "4096", "-O", "64bit,metadata_csum"), "filesystem", "clean"),
    "fat12": (2, ("mkfs.vfat", "-F", "12", "-n", "STICK"), "filesystem", "clean"),
    "fat16": (16, ("mkfs.vfat", "-F", "16", "-n", "STICK"), "filesystem", "clean"),
    "fat32": (64, ("mkfs.vfat", "-F", "32", "-n", "STICK"), "filesystem", "clean"),
    "fat32-4k": (512, ("mkfs.vfat", "-F", "32", "-S", "4096"), "filesystem", "clean"),
    "exfat": (16, ("mkfs.exfat", "-L", "stick"), "filesystem", "clean"),
    "swap": (4, ("mkswap", "-q", "-L", "stick"), "other", "unknown"),
}
HANDMADE = {
    "ntfs": (handmade.ntfs, "filesystem", "clean"),
    "luks": (handmade.luks, "crypto", "unknown"),
}
# magic, inodes, time, block size, fragments, compression, its log, flags, ids, version 4.0; length
SQUASHFS = struct.pack("<4sIIIIHHHHHHQQ", b"hsqs", 1, 0, 131072, 0, 1, 17, 0, 1, 4, 0, 0, 4096)


def expect_as_blkid(answer, path):
    for tag, ours in (("TYPE", answer.type.encode()), ("LABEL", answer.label),
                      ("UUID", answer.uuid.encode()), ("VERSION", answer.version.encode())):
        assert ours == blkid(path, tag)[0], tag
    theirs = blkid(path, "USAGE")[0].decode()
    assert answer.usage == theirs
    assert answer.block_size == int(blkid(path, "BLOCK_SIZE")[0] or 0)
    assert not answer.ambivalent


@pytest.fixture(params=[*MADE, *HANDMADE])
def known(request, medium):
    if request.param in HANDMADE:
        make, usage, state = HANDMADE[request.param]
        path = medium(1)
        path.write_bytes(make())
        return path, usage, state
    size, command, usage, state = MADE[request.param]
    return medium(size, *command), usage, state


def test_image_and_device_are_what_blkid_says(known):
    path, usage, state = known
    with loop_device(path) as device:
        answers = probe(path, device)
        for answer in answers:
            assert answer.error is None, answer.message
            expect_as_blkid(answer, path)
            assert (answer.usage, answer.state) == (usage, state)
        assert answers[0] == answers[1]


def test_a_squashfs_is_known(medium, tmp_path):
    path = medium(1)
    if shutil.which("mksquashfs"):
        (tmp_path / "file").write_text("content")
        run("mksquashfs", tmp_path / "file", path, "-noappend")
    else:
        patch(path, 0, SQUASHFS)
    answer = probe(path)
    assert (answer.type, answer.usage, answer.version) == ("squashfs", "filesystem", "4.0")
    expect_as_blkid(answer, path)


def test_an_iso_image_is_known_also_with_a_partition_table_in_front(medium):
    path = medium(4)
    descriptor = bytearray(2048)
    descriptor[0:7] = b"\x01CD001\x01"
    descriptor[40:72] = b"HOLIDAY".ljust(32)
    descriptor[80:88] = struct.pack("<I", 64) + struct.pack(">I", 64)
    descriptor[128:132] = struct.pack("<H", 2048) + struct.pack(">H", 2048)
    patch(path, 16 * 2048, bytes(descriptor))
    patch(path, 17 * 2048, b"\xffCD001\x01")
    answer = probe(path)
    assert (answer.type, answer.label) == ("iso9660", b"HOLIDAY")
    patch(path, 0, handmade.partition_table()[:512])
    assert probe(path).type == "iso9660"


@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_a_partition_table_is_said_to_be_one(medium, label):
    path = medium(16)
    run("sfdisk", "-q", path, input=f"label: {label}\n,4M,\n,,\n".encode())
    with loop_device(path) as device:
        for answer in probe(path, device):
            assert (answer.type, answer.usage, answer.state) == (label, "partition table", "unknown")
            assert answer.type.encode() == blkid(path, "PTTYPE")[0]


def test_nothing_is_a_record_of_nothing(medium):
    noise = medium(2, name="noise")
    noise.write_bytes(random.Random(1).randbytes(2 << 20))
    tiny = medium(0, name="tiny")
    tiny.write_bytes(b"x")
    for answer in probe(medium(2), noise, tiny, medium(0, name="zero")):
        assert answer.error is None, answer.message
        assert (answer.type, answer.usage, answer.ambivalent) == ("", "", False)


def test_two_signatures_are_ambivalent_and_nothing_else_is_said(medium):
    path = medium(16, "mkfs.ext4", "-q", "-L", "one")
    patch(path, 0, SQUASHFS)
    # 8 is its word for that; 2.41.5 says 2.
    assert blkid(path, "TYPE")[1] in (8, 2), "blkid finds it unambiguous"
    with loop_device(path) as device:
        for answer in probe(path, device):
            assert (answer.error, answer.ambivalent, answer.type, answer.label) == (None, True, "", b"")


# --- Labels ---------------------------------------------------------------------------------------

LABELS = {
    "newline": b"a\nb: LABEL=c\n",
    "path": b"../../etc",
    "bidi": "a\u202eb\u2066".encode(),
    "invalid": b"\xff\xfe\x80\xc0\xaf",
    "escape": b"\x1b[2J\x07",
    "quotes": b"\"'`$(x)%s",
    "control": bytes(range(1, 17)),
    "one": b" ",
}


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS.keys())
def test_a_hostile_label_of_ext_arrives_as_it_is(medium, label):
    path = medium(8, "mkfs.ext2", "-q")
    patch(path, 1024 + 0x78, label.ljust(16, b"\0")[:16])
    answer = probe(path)
    assert answer.error is None, answer.message
    # blkid takes white space off the end, so does its library.
    assert answer.label == label[:16].rstrip(b" \t\n\v\f\r")


@pytest.mark.parametrize("label", [v for k, v in LABELS.items() if k != "one"],
                         ids=[k for k in LABELS if k != "one"])
def test_a_hostile_label_of_fat_arrives_as_it_is(medium, label):
    path = medium(16, "mkfs.vfat", "-F", "16", "-n", "X")
    content = path.read_bytes()
    entry = content.index(b"X" + b" " * 10 + b"\x08")
    patch(path, entry, label[:11].ljust(11))
    answer = probe(path)
    assert answer.error is None, answer.message
    assert answer.label == blkid(path, "LABEL")[0]
    if not label.startswith(b"\x05"):
        assert answer.label == label[:11].rstrip(b" \t\n\v\f\r")


@pytest.mark.parametrize("label", ["Ünïcödé", "日本語のラベル", "\U0001f4be disk", "a/b\\c"])
def test_utf16_labels_come_as_utf8(medium, label):
    path = medium(16, "mkfs.exfat", "-L", "XXXXX")
    units = label.encode("utf-16-le")
    content = path.read_bytes()
    entry = content.index(b"\x83\x05" + "XXXXX".encode("utf-16-le"))
    patch(path, entry + 1, bytes([len(units) // 2]) + units.ljust(22, b"\0")[:22])
    answer = probe(path)
    assert answer.label == blkid(path, "LABEL")[0]
    if "\U0001f4be" not in label:  # whether libblkid puts pairs together depends on its version
        assert answer.label == label.encode()


def test_a_lone_surrogate_breaks_nothing(medium):
    path = medium(16, "mkfs.exfat", "-L", "XXXXX")
    entry = path.read_bytes().index(b"\x83\x05" + "XXXXX".encode("utf-16-le"))
    patch(path, entry + 2, b"\x00\xd8\x00\xdc\xff\xff\x2e\x20\x0a\x00")
    answer = probe(path)
    assert answer.error is None, answer.message
    assert answer.label == blkid(path, "LABEL")[0]


def test_a_label_longer_than_a_record_is_cut_between_characters(medium):
    path = medium(1)
    image = bytearray(handmade.ntfs())
    record = 4 * 4096 + 3 * 1024
    name = ("\u20ac" * 255).encode("utf-16-le")
    struct.pack_into("<IIBBHHHIHH", image, record + 56, 0x60, 24 + 510 + 2, 0, 0, 24, 0, 1, 510, 24, 0)
    image[record + 80:record + 80 + 510] = name
    struct.pack_into("<I", image, record + 56 + 536, 0xffffffff)
    # the ends of the sectors are kept in the update sequence
    struct.pack_into("<2s2s", image, record + 50, image[record + 510:record + 512],
                     image[record + 1022:record + 1024])
    struct.pack_into("<H", image, record + 510, 7)
    struct.pack_into("<H", image, record + 1022, 7)
    path.write_bytes(image)
    answer = probe(path)
    assert answer.error is None, answer.message
    theirs = blkid(path, "LABEL")[0]
    assert answer.type == "ntfs" and theirs
    assert answer.label == theirs[:512].decode(errors="ignore").encode()
    answer.label.decode()


# --- Clean or not -----------------------------------------------------------------------------------

@pytest.mark.parametrize("kind, offset, content, state", [
    ("ext4", 1024 + 0x3a, b"\x00\x00", "dirty"),
    ("ext4", 1024 + 0x3a, b"\x03\x00", "errors"),
    ("ext2", 1024 + 0x3a, b"\x02\x00", "errors"),
    ("fat12", 0x25, b"\x01", "dirty"),
    ("fat16", 0x25, b"\x01", "dirty"),
    ("fat16", 0x25, b"\x02", "errors"),
    ("fat32", 0x41, b"\x01", "dirty"),
    ("fat32", 32 * 512 + 7, b"\x07", "dirty"),
    ("fat32", 32 * 512 + 7, b"\x0b", "errors"),
    ("exfat", 0x6a, b"\x02", "dirty"),
    ("exfat", 0x6a, b"\x04", "errors"),
])
def test_the_mark_of_an_unclean_filesystem_is_read(medium, kind, offset, content, state):
    size, command, _usage, _state = MADE[kind]
    # A superblock with a wrong sum is none to newer versions of libblkid.
    path = medium(size, *command, *(["-O", "^metadata_csum"] if kind == "ext4" else []))
    patch(path, offset, content)
    assert probe(path).state == state


def test_fat16_marks_itself_in_its_table_too(medium):
    path = medium(16, "mkfs.vfat", "-F", "16")
    start = struct.unpack_from("<H", path.read_bytes(), 0x0e)[0] * 512
    for byte, state in ((0x7f, "dirty"), (0xbf, "errors"), (0xff, "clean")):
        patch(path, start + 3, bytes([byte]))
        assert probe(path).state == state


def test_a_journal_to_replay_is_dirty(medium):
    path = medium(16, "mkfs.ext4", "-q")
    features = struct.unpack_from("<I", path.read_bytes(), 1024 + 0x60)[0]
    run("debugfs", "-w", "-R", "feature needs_recovery", path)
    assert struct.unpack_from("<I", path.read_bytes(), 1024 + 0x60)[0] == features | 4
    assert probe(path).state == "dirty"


def test_ntfs_says_it_in_a_file(medium):
    path = medium(1)
    path.write_bytes(handmade.ntfs())
    flags = 4 * 4096 + 3 * 1024 + 96 + 24 + 10
    for value, state in ((1, "dirty"), (0, "clean"), (0x4001, "dirty")):
        patch(path, flags, struct.pack("<H", value))
        assert probe(path).state == state
    patch(path, 4 * 4096 + 3 * 1024 + 510, b"\x08\x08")  # a record torn while it was written
    assert probe(path).state == "unknown"


def test_a_sleeping_machine_is_hibernated(medium):
    path = medium(4, "mkswap", "-q")
    patch(path, 4096 - 10, b"S1SUSPEND\0")
    answer = probe(path)
    assert (answer.type, answer.state) == ("swsuspend", "hibernated")


# --- Broken media -----------------------------------------------------------------------------------

def test_every_truncation_gets_one_answer(medium):
    for kind in ("ext4", "fat32", "exfat", "swap"):
        size, command, _usage, _state = MADE[kind]
        whole = medium(size, *command).read_bytes()
        paths = []
        for length in (511, 512, 1023, 1024, 1100, 1536, 2048, 4095, 4096, 8192, 65536, 1 << 20):
            path = medium(0, name=f"{kind}-{length}")
            path.write_bytes(whole[:length])
            paths.append(path)
        for path, answer in zip(paths, probe(*paths)):
            assert answer.error is None, (path, answer.message)
            assert answer.type.encode() == (blkid(path, "TYPE")[0] or blkid(path, "PTTYPE")[0]), path


def test_a_device_that_lost_its_end_is_still_known(medium):
    """As an optical disc does: its size counts blocks nobody can read."""
    path = medium(16, "mkfs.ext4", "-q", "-L", "stick")
    with loop_device(path) as device:
        with open(path, "r+b") as file:
            file.truncate((16 << 20) - 65536)
        run("blockdev", "--flushbufs", device)
        answer = probe(device)
        assert answer.error is None, answer.message
        assert (answer.type, answer.label) == ("ext4", b"stick")


def test_a_medium_that_is_gone_is_an_io_error(medium):
    path = medium(16, "mkfs.ext4", "-q", "-L", "stick")
    with loop_device(path) as device:
        with open(path, "r+b") as file:
            file.truncate(0)
        run("blockdev", "--flushbufs", device)
        answer = probe(device)
        assert answer.error == "Io", vars(answer)
        assert "airlock-probe says" in answer.message


def test_a_detached_device_is_a_typed_failure(medium):
    path = medium(4, "mkswap", "-q")
    with loop_device(path) as device:
        pass
    answer = probe(device)
    # The kernel calls an unbound loop device empty or not there, depending on its version.
    assert answer.error in (None, "NotFound", "Io"), vars(answer)
    assert answer.error or answer.type == ""


def test_fifty_media_at_once(medium):
    paths = [medium(4, "mkswap", "-q", "-L", f"stick {n}", name=f"m{n}") for n in range(50)]
    for number, answer in enumerate(probe(*paths)):
        assert answer.error is None, answer.message
        assert answer.label == f"stick {number}".encode()


def test_mutated_media_never_kill_the_probe(medium):
    """Bytes of the first blocks changed at random: the worker may find anything, but it lives."""
    chance = random.Random(7)
    paths = []
    for kind in ("ext4", "fat16", "fat32", "exfat", "swap"):
        size, command, _usage, _state = MADE[kind]
        whole = bytearray(medium(size, *command).read_bytes()[:256 * 1024])
        for number in range(12):
            mutated = bytearray(whole)
            for _ in range(chance.choice((1, 8, 64, 512))):
                mutated[chance.randrange(0, 8192)] = chance.randrange(256)
            path = medium(0, name=f"{kind}-{number}")
            path.write_bytes(mutated)
            paths.append(path)
    for path, answer in zip(paths, probe(*paths)):
        assert answer.error is None, (path, answer.message)


def test_the_program_alone_says_who_starts_it(tmp_path):
    done = subprocess.run([os.environ["AIRLOCK_PROBE"]], capture_output=True, check=False,
                          cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert b"airlockd starts this program" in done.stderr
