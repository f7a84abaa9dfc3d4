#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes ext_images.inc: the small filesystems that fuzz_ext_driver and fuzz_fuse_server damage,
as their non-zero bytes. Needs mke2fs and debugfs; run it after changing the contents of the
images and commit the result. The corpus refers to offsets in them, so do that rarely.
"""

import os
import pathlib
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
COMMON = ("-U 5a17b10c-0000-4000-8000-00000000000{} -m 0 -b 1024 -E nodiscard,lazy_itable_init=0,"
          "hash_seed=5a17b10c-1111-4000-8000-000000000000")
# The last has checksums: a driver notices most damage to it.
IMAGES = [
    ("-t ext4 -O ^has_journal,^metadata_csum,inline_data,^resize_inode -I 256 -N 64", 256),
    ("-t ext2 -O ^resize_inode -I 128 -N 64 -g 256", 512),
    ("-t ext4 -O ^metadata_csum,^resize_inode -I 256 -N 64 -J size=1", 3072),
    ("-t ext4 -O ^has_journal,metadata_csum,64bit,^resize_inode -I 256 -N 64", 256),
]


def run(*command, stdin=None):
    env = dict(os.environ, E2FSPROGS_FAKE_TIME="1700000000",
               PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    subprocess.run(command, check=True, env=env, input=stdin, text=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make_tree(root):
    (root / "d").mkdir()
    (root / "d" / "inner").write_bytes(b"inner\n" * 3)
    (root / "small").write_bytes(b"tiny")
    (root / "file").write_bytes(bytes(range(256)) * 12)
    with open(root / "holes", "wb") as file:
        for block in range(0, 24, 2):
            file.seek(block * 1024)
            file.write(b"%d" % block)
    with open(root / "far", "wb") as file:
        file.seek(300 * 1024)
        file.write(b"far")
    (root / "many").mkdir()
    for i in range(70):
        os.link(root / "small", root / "many" / f"name-{i:03d}-xxxxxxxxxxx")
    (root / "short").symlink_to("target")
    (root / "long").symlink_to("l" * 100)
    os.setxattr(root / "file", "user.a", b"in the inode")
    os.setxattr(root / "holes", "user.block", b"b" * 300)


def settle_times(root):
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            os.utime(os.path.join(folder, name), (1700000000, 1700000000), follow_symlinks=False)
    os.utime(root, (1700000000, 1700000000))


def runs(content, gap=24):
    """Offsets and bytes of the non-zero parts; short gaps of zeros are kept."""
    position = 0
    while position < len(content):
        if content[position] == 0:
            position += 1
            continue
        end = content.find(bytes(gap), position)
        end = len(content) if end < 0 else end
        yield position, content[position:end]
        position = end


def image(number, options, kilobytes, folder):
    tree = folder / f"tree{number}"
    tree.mkdir()
    make_tree(tree)
    settle_times(tree)
    path = folder / f"image{number}"
    run("mke2fs", "-q", "-F", *options.split(), *COMMON.format(number).split(), "-d", str(tree),
        str(path), str(kilobytes))
    run("debugfs", "-w", "-f", "-", str(path), stdin="mknod pipe p\nmknod disk b 8 1\n")
    return path.read_bytes()


def main():
    lines = ["// SPDX-License-Identifier: GPL-2.0-or-later",
             "// Made by make_ext_images.py: IMAGE(number, bytes), PART(offset, hexadecimal)..."]
    with tempfile.TemporaryDirectory() as folder:
        for number, (options, kilobytes) in enumerate(IMAGES):
            content = image(number, options, kilobytes, pathlib.Path(folder))
            lines.append(f"IMAGE({number}, {len(content)})")
            for offset, part in runs(content):
                text = part.hex()
                pieces = [text[i:i + 88] for i in range(0, len(text), 88)]
                lines.append(f"PART({offset},")
                lines += [f'  "{piece}"' for piece in pieces[:-1]] + [f'  "{pieces[-1]}")']
    (HERE / "ext_images.inc").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
