# SPDX-License-Identifier: GPL-2.0-or-later
"""Screenshots in numbers. ImageMagick reads them."""
import collections
import subprocess


FEW = 4


class Picture:
    """Colours are (red, green, blue), from 0 to 255."""

    def __init__(self, path):
        size = subprocess.run(["identify", "-format", "%w %h", path], stdout=subprocess.PIPE, text=True, check=True)
        self.width, self.height = map(int, size.stdout.split())
        self.bytes = subprocess.run(["convert", path, "-depth", "8", "rgb:-"], stdout=subprocess.PIPE, check=True).stdout

    def pixels(self, left=0, top=0, width=None, height=None):
        for row in range(top, top + (height or self.height - top)):
            begin = 3 * (row * self.width + left)
            line = self.bytes[begin:begin + 3 * (width or self.width - left)]
            yield from zip(line[::3], line[1::3], line[2::3])

    def colours(self, *part):
        """The most common first."""
        return collections.Counter(self.pixels(*part)).most_common()

    def contrast(self, place):
        """The contrast of the background there with its most distinct colour, without single points."""
        colours = self.colours(*place)
        return max(contrast(colours[0][0], colour) for colour, count in colours if count >= FEW)

    def share_of_other_colours(self, *part):
        """The share of all colours but the background."""
        colours = self.colours(*part)
        return 1 - colours[0][1] / sum(count for _, count in colours)


def brightness(colour):
    """As the eye perceives it, by the contrast rules for web pages."""
    def linear(value):
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
    return sum(weight * linear(value) for weight, value in zip((0.2126, 0.7152, 0.0722), colour))


def contrast(one, other):
    """From 1 to 21; text needs 4.5, pictures and bars 3."""
    bright, dark = sorted((brightness(one), brightness(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
