# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the contents of a stick in a file, without root and without loop devices.

    filesystem(path, "ext4", label="STICK", size=64)    # MiB
    partitioned(path, [file, ...], table="dos")         # one partition for each file; or "gpt"
"""
import pathlib
import shutil
import subprocess

MIB = 1 << 20
MAKERS = {"ext4": ["mkfs.ext4", "-q", "-F", "-L"],
          "vfat": ["mkfs.vfat", "-F", "32", "-n"],
          "exfat": ["mkfs.exfat", "-L"]}


def filesystem(path, kind, label="STICK", size=64):
    path = pathlib.Path(path)
    path.unlink(missing_ok=True)
    empty(path, size)
    subprocess.run([*MAKERS[kind], label, path], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return path


def empty(path, size):
    with open(path, "wb") as file:
        file.truncate(size * MIB)
    return pathlib.Path(path)


def partitioned(path, filesystems, table="dos"):
    sizes = [file.stat().st_size // MIB for file in filesystems]
    starts = [1 + sum(sizes[:number]) for number in range(len(sizes))]
    # The end of a GPT has a copy of it.
    path = empty(path, 2 + sum(sizes))
    lines = [f"label: {table}", *(f"start={start}MiB, size={size}MiB" for start, size in zip(starts, sizes))]
    subprocess.run(["sfdisk", "-q", "--no-reread", "--no-tell-kernel", path], input="\n".join(lines),
                   text=True, check=True, stdout=subprocess.DEVNULL)
    with open(path, "r+b") as whole:
        for start, file in zip(starts, filesystems):
            whole.seek(start * MIB)
            with open(file, "rb") as part:
                copy_sparse(part, whole)
    return path


def copy_sparse(source, target):
    while chunk := source.read(MIB):
        if chunk.strip(b"\0"):
            target.write(chunk)
        else:
            target.seek(len(chunk), 1)


def copy(path, source):
    shutil.copyfile(source, path)
    return pathlib.Path(path)
