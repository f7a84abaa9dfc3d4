#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the seed inputs of fuzz_probe_record and fuzz_probe into corpus/ beside this file.

Run it after changing a seed; the result is committed. Inputs that a fuzzer found are added by
hand and named after the fault they found; this script leaves them alone. An input of fuzz_probe is a
medium in pieces: offset (8 bytes) and length (2 bytes) before each, so that the seed of a large
filesystem stays small.
"""

import pathlib
import struct
import subprocess
import tempfile

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"


def reply(kind=1, reason=0, usage=1, state=0, ambivalent=0, block_size=4096, size=1 << 30,
          type_=b"ext4", version=b"1.0", uuid=b"fdd560e5-9450", label=b"stick"):
    head = struct.pack("<4sHBBBBBBIQHHHH", b"ALPR", 1, kind, reason, usage, state, ambivalent, 0,
                       block_size, size, len(type_), len(version), len(uuid), len(label))
    return (head + type_.ljust(32, b"\0") + version.ljust(32, b"\0") + uuid.ljust(64, b"\0")
            + label.ljust(512, b"\0"))


NOTHING = dict(usage=0, block_size=0, size=0, type_=b"", version=b"", uuid=b"", label=b"")
RECORDS = {
    "filesystem": reply(),
    "dirty": reply(state=2, type_=b"vfat", version=b"FAT32", label=b"NO NAME"),
    "crypto": reply(usage=2, type_=b"crypto_LUKS", version=b"2", label=b"", size=0, block_size=0),
    "nothing": reply(**NOTHING),
    "ambivalent": reply(ambivalent=1, **NOTHING),
    "refusal": reply(kind=2, reason=2, **{**NOTHING, "label": b"it does not answer"}),
    "longest": reply(type_=b"x" * 32, version=b"~" * 32, uuid=b"F" * 64, label=b"\xff" * 512),
    "too-long": reply(label=b"x" * 513)[:672],
    "bad-type": reply(type_=b"../ext"),
}

# name: size in MiB, how to make it
MEDIA = {
    "ext4": (8, ["mkfs.ext4", "-q", "-L", "stick"]),
    "fat12": (2, ["mkfs.vfat", "-F", "12", "-n", "STICK"]),
    "fat16": (16, ["mkfs.vfat", "-F", "16", "-n", "STICK"]),
    "fat32": (40, ["mkfs.vfat", "-F", "32", "-n", "STICK"]),
    "exfat": (8, ["mkfs.exfat", "-L", "stick"]),
    "swap": (1, ["mkswap", "-q", "-L", "stick"]),
}
PIECE = 1024
MOST = 24 * 1024


def pieces(image):
    """The parts of an image that are not zero, until the seed is large enough."""
    seed = b""
    for offset in range(0, len(image), PIECE):
        part = image[offset:offset + PIECE].rstrip(b"\0")
        if part and len(seed) < MOST:
            seed += struct.pack("<QH", offset, len(part)) + part
    return struct.pack("<Q", len(image)) + seed


def ntfs():
    """Just enough of an NTFS for its dirty flag: boot sector, $MFT's third record."""
    image = bytearray(1 << 20)
    struct.pack_into("<3s8sHB", image, 0, b"\xebR\x90", b"NTFS    ", 512, 8)
    struct.pack_into("<QQQb3xb3xQ", image, 0x28, 2047, 4, 8, -10, 1, 0x1122334455667788)
    image[0x15] = 0xf8
    image[510:512] = b"\x55\xaa"
    for number in range(4):
        record = 4 * 4096 + number * 1024
        struct.pack_into("<4sHHQHHHHIIQH", image, record, b"FILE", 48, 3, 0, 1, 1, 56, 1, 200, 1024, 0, 3)
        for sector in (1, 2):  # the update sequence: a number at the end of each sector
            struct.pack_into("<H", image, record + sector * 512 - 2, 7)
        struct.pack_into("<HHH", image, record + 48, 7, 0, 0)
        struct.pack_into("<IIBBHHHIHH", image, record + 56, 0x60, 40, 0, 0, 24, 0, 1, 10, 24, 0)
        image[record + 80:record + 90] = "stick".encode("utf-16-le")
        struct.pack_into("<IIBBHHHIHH", image, record + 96, 0x70, 40, 0, 0, 24, 0, 2, 12, 24, 0)
        struct.pack_into("<8xBBH", image, record + 120, 3, 1, 0)
        struct.pack_into("<I", image, record + 136, 0xffffffff)
    return bytes(image)


def luks():
    image = bytearray(1 << 20)
    image[:6] = b"LUKS\xba\xbe"
    struct.pack_into(">H", image, 6, 1)
    image[168:204] = b"12345678-1234-1234-1234-123456789abc"
    return bytes(image)


def partition_table():
    image = bytearray(1 << 20)
    struct.pack_into("<B3xB3xII", image, 446, 0, 0x83, 64, 1024)
    image[510:512] = b"\x55\xaa"
    return bytes(image)


def made(size, command):
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(size << 20)
        subprocess.run(command + [file.name], check=True, stdout=subprocess.DEVNULL)
        return pathlib.Path(file.name).read_bytes()


def write(folder, seeds):
    (CORPUS / folder).mkdir(parents=True, exist_ok=True)
    for name, content in seeds.items():
        (CORPUS / folder / name).write_bytes(content)


def main():
    write("probe_record", RECORDS)
    media = {name: made(*how) for name, how in MEDIA.items()}
    media |= {"ntfs": ntfs(), "luks": luks(), "dos": partition_table(), "empty": bytes(1 << 20)}
    write("probe", {name: pieces(image) for name, image in media.items()})


if __name__ == "__main__":
    main()
