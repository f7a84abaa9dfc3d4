#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes ext2/3/4 images with real content in them: make_image.py VARIANT IMAGE [--seed N].

No root, no mount: mke2fs takes the content from a folder, debugfs adds extended attributes, e2fsck
builds the directory indexes. The same variant and seed give the same content (not the same bytes).
"""
import argparse
import os
import random
import re
import subprocess
import sys
import tempfile

LAZY = "lazy_itable_init=1,lazy_journal_init=1"
# name: (size, options of mke2fs). Images are sparse files; most stay below 4 MiB on disk.
VARIANTS = {
    "ext2-1k": ("24M", "-t ext2 -b 1024"),
    "ext2-4k": ("32M", "-t ext2 -b 4096"),
    "ext2-revision0": ("16M", "-t ext2 -r 0 -b 1024"),
    "ext3": ("32M", "-t ext3 -b 4096"),
    "ext3-1k": ("32M", "-t ext3 -b 1024 -J size=2"),
    "ext4": ("48M", "-t ext4 -b 4096 -O 64bit,metadata_csum -J size=4"),
    "ext4-1k": ("32M", "-t ext4 -b 1024 -J size=2"),
    "ext4-2k": ("32M", "-t ext4 -b 2048 -J size=4"),
    "ext4-64k": ("128M", "-t ext4 -b 65536 -O ^has_journal"),
    "ext4-nocsum": ("32M", "-t ext4 -b 4096 -O ^metadata_csum,uninit_bg -J size=4"),
    "ext4-nochecks": ("32M", "-t ext4 -b 4096 -O ^metadata_csum,^uninit_bg -J size=4"),
    "ext4-32bit": ("32M", "-t ext4 -b 1024 -O ^64bit -J size=2"),
    "ext4-csum-seed": ("32M", "-t ext4 -b 4096 -O metadata_csum_seed -J size=4"),
    "ext4-inode128": ("32M", "-t ext4 -b 4096 -I 128 -J size=4"),
    "ext4-inode1024": ("32M", "-t ext4 -b 4096 -I 1024 -J size=4"),
    "ext4-inline": ("32M", "-t ext4 -b 4096 -O inline_data -J size=4"),
    "ext4-noextent": ("32M", "-t ext4 -b 4096 -O ^extent,^64bit -J size=4"),
    "ext4-nojournal": ("32M", "-t ext4 -b 4096 -O ^has_journal"),
    "ext4-bigalloc": ("64M", "-t ext4 -b 4096 -O bigalloc -C 16384 -J size=4"),
    "ext4-casefold": ("32M", "-t ext4 -b 4096 -O casefold -J size=4"),
    "ext4-encrypt": ("32M", "-t ext4 -b 4096 -O encrypt -J size=4"),
    "ext4-verity": ("32M", "-t ext4 -b 4096 -O verity -J size=4"),
    "ext4-ea-inode": ("32M", "-t ext4 -b 4096 -O ea_inode -J size=4"),
    "ext4-mmp": ("32M", "-t ext4 -b 4096 -J size=4"),
    "ext4-meta-bg": ("64M", "-t ext4 -b 1024 -O meta_bg,^resize_inode -J size=2"),
    "ext4-orphan-file": ("32M", "-t ext4 -b 4096 -O orphan_file -J size=4"),
    "ext4-quota": ("32M", "-t ext4 -b 4096 -O quota -J size=4"),
    "ext4-project": ("32M", "-t ext4 -b 4096 -O project,quota -J size=4"),
    "ext4-largedir": ("48M", "-t ext4 -b 1024 -O large_dir -J size=2"),
    "ext4-fast-commit": ("48M", "-t ext4 -b 4096 -O fast_commit -J size=8"),
    "ext4-dirty-journal": ("48M", "-t ext4 -b 4096 -J size=4"),
    "ext4-tiny": ("512K", "-t ext4 -b 1024 -N 64"),
    "ext4-sparse-8T": ("8T", "-t ext4 -b 4096 -J size=4 -N 1000000"),
}
SMALL = {"ext4-tiny"}  # no room for the whole tree


def tool(name):
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]:
        if os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    sys.exit(f"make_image: {name} is not installed")


def run(*command, accepted=(0,)):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode not in accepted:
        sys.exit(f"make_image: {' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def small_tree(root, rng):
    write(f"{root}/hello.txt", b"hello\n")
    write(f"{root}/empty", b"")
    os.makedirs(f"{root}/folder/inner")
    write(f"{root}/folder/inner/file", rng.randbytes(3000))
    os.symlink("hello.txt", f"{root}/link")
    os.symlink("/" + "long" * 30, f"{root}/long-link")
    os.link(f"{root}/hello.txt", f"{root}/folder/same-file")
    os.mkfifo(f"{root}/pipe")


def sparse_file(path, pieces, piece, rng):
    """Data and holes in turn, so that no two blocks form one extent."""
    with open(path, "wb") as file:
        for index in range(pieces):
            file.seek(2 * index * piece)
            file.write(rng.randbytes(piece))


def large_tree(root, rng, block_size):
    write(f"{root}/medium", rng.randbytes(200_000))
    write(f"{root}/large", rng.randbytes(1_500_000))
    piece = min(block_size, 4096)
    sparse_file(f"{root}/holes", 100 if block_size > 4096 else 420, piece, rng)
    sparse_file(f"{root}/few-holes", 6, piece, rng)
    for count, name in ((700, "many"), (12, "some")):
        os.mkdir(f"{root}/{name}")
        for index in range(count):
            write(f"{root}/{name}/entry {index:04} {'x' * (index % 40)}", b"")
    deep = root
    for level in range(24):
        deep = f"{deep}/level{level}"
        os.mkdir(deep)
    write(f"{deep}/bottom", b"bottom")
    write(f"{root}/{'n' * 255}", b"name of 255")
    write(f"{root}/\u00fc\u4e2d\U0001f5c0", b"not ASCII")
    for length in (1, 59, 60, 100, 156, 400):
        write(f"{root}/bytes-{length}", b"i" * length)
    os.symlink("x" * 59, f"{root}/link-59")
    os.symlink("x" * 60, f"{root}/link-60")
    os.symlink("loop", f"{root}/loop")


def add_attributes(image, folder, block_size, inline):
    """In the inode, in a block, and shared between two files if the tools share them."""
    value = os.path.join(folder, "value")
    write(value, b"v" * min(block_size // 2, 1500))
    script = ["ea_set /hello.txt user.short small", "ea_set /folder user.comment folder",
              "ea_set /medium user.one 1", "ea_set /medium user.two 22",
              f"ea_set -f {value} /medium user.block", f"ea_set -f {value} /large user.block"]
    if inline:
        script.append("ea_set /bytes-100 user.beside inline")
    commands = os.path.join(folder, "commands")
    write(commands, "\n".join(script).encode())
    run(tool("debugfs"), "-w", "-f", commands, image)


def leave_a_transaction(image, folder):
    """As after a power cut: the journal holds a block that is not in its place yet."""
    data = os.path.join(folder, "block")
    write(data, b"\xc0\x3b\x39\x98" + b"replayed" * 511 + b"....")
    block = run(tool("debugfs"), "-R", "bmap /large 3", image).split()[-1]
    commands = os.path.join(folder, "commands")
    write(commands, f"jo\njw -b {block} {data}\njc\n".encode())
    run(tool("debugfs"), "-w", "-f", commands, image)


def words_for_mke2fs(options):
    """mke2fs 1.47.1 gave -r 0 another name."""
    said = subprocess.run([tool("mke2fs"), "-V"], capture_output=True, text=True).stderr
    version = tuple(int(number) for number in re.match(r"mke2fs ([\d.]+)", said).group(1).split("."))
    if version < (1, 47, 1) or "-r 0" not in options:
        return ["-E", LAZY, *options.split()]
    return ["-E", f"{LAZY},revision=0", *options.replace("-r 0 ", "").split()]


def make(variant, image, seed=0):
    size, options = VARIANTS[variant]
    rng = random.Random(seed)
    words = words_for_mke2fs(options)
    block_size = int(words[words.index("-b") + 1])
    if os.path.exists(image):
        os.unlink(image)
    with tempfile.TemporaryDirectory(prefix="airlock-image-") as folder:
        tree = os.path.join(folder, "tree")
        os.mkdir(tree)
        small_tree(tree, rng)
        if variant not in SMALL:
            large_tree(tree, rng, block_size)
        run(tool("mke2fs"), "-q", "-F", *words, "-d", tree, image, size)
        if variant not in SMALL and variant != "ext2-revision0":
            add_attributes(image, folder, block_size, inline="inline" in variant)
        if variant != "ext4-sparse-8T":  # reading 8 TiB worth of bitmaps takes minutes
            run(tool("e2fsck"), "-fyD", image, accepted=(0, 1))
        if variant == "ext4-mmp":  # last, because every tool waits ten seconds for it
            run(tool("tune2fs"), "-O", "mmp", image)
        if variant == "ext4-dirty-journal":
            leave_a_transaction(image, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="print the variants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("variant", nargs="?", choices=sorted(VARIANTS), metavar="VARIANT")
    parser.add_argument("image", nargs="?", metavar="IMAGE")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(VARIANTS))
        return
    if not arguments.image:
        parser.error("a variant and an image are needed")
    make(arguments.variant, arguments.image, arguments.seed)


if __name__ == "__main__":
    main()
