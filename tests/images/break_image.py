#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Damages an ext2/3/4 image on purpose, in place: break_image.py CLASS SEED IMAGE.

The same class, seed and image always give the same damage, and every change is printed. Checksums
are usually corrected, so that a driver gets past them to the damage; in one of four cases they stay
wrong. Exits with 3 if the image has nothing of that class.
"""
import argparse
import sys

import damage_contents  # noqa: F401  each of these registers its classes
import damage_inodes  # noqa: F401
import damage_volume  # noqa: F401
import ext_layout
from damage import CLASSES, Breaker
from ext_layout import NotThere


def apply(name, seed, path):
    """Raises NotThere if the image has nothing of that class."""
    image = ext_layout.Image(path)
    try:
        CLASSES[name](Breaker(image, seed))
    finally:
        image.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="print the classes")
    parser.add_argument("damage", nargs="?", choices=CLASSES, metavar="CLASS")
    parser.add_argument("seed", nargs="?", type=int)
    parser.add_argument("image", nargs="?", metavar="IMAGE")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CLASSES))
        return 0
    if arguments.image is None:
        parser.error("class, seed and image are needed")
    try:
        apply(arguments.damage, arguments.seed, arguments.image)
    except NotThere as reason:
        print(f"break_image: {arguments.damage} does not apply: {reason}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
