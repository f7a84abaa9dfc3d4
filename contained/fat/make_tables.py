#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes name_tables.inc from Python's tables of Unicode and code pages:

    contained/fat/make_tables.py > contained/fat/name_tables.inc
"""

PAGES = (437, 720, 737, 775, 850, 852, 855, 857, 858, 862, 866)


def upper(code):
    """The 16-bit unit in a comparison that ignores case; itself if that is not one unit."""
    if 0xD800 <= code < 0xE000:
        return code
    mapped = chr(code).upper()
    # Other systems do not treat a letter like the dotless i as an I.
    return ord(mapped) if len(mapped) == 1 and 0x80 <= ord(mapped) < 0x10000 else code


def ranges():
    """(first, last, step, difference) of all units that change."""
    found = []
    for code in range(0x80, 0x10000):
        difference = upper(code) - code
        if difference == 0:
            continue
        if found:
            first, last, step, known = found[-1]
            gap = code - last
            if known == difference and gap <= 2 and (step == gap or first == last):
                found[-1] = (first, code, gap, known)
                continue
        found.append((code, code, 1, difference))
    return found


def main():
    print("// SPDX-License-Identifier: GPL-2.0-or-later")
    print("// Made by make_tables.py.")
    print("#ifdef AIRLOCK_FOLD")
    for first, last, step, difference in ranges():
        print(f"AIRLOCK_FOLD(0x{first:04x}, 0x{last:04x}, {step}, {difference})")
    print("#endif")
    print("#ifdef AIRLOCK_CODE_PAGE")
    for page in PAGES:
        units = [ord(bytes([byte]).decode(f"cp{page}", "replace")) for byte in range(0x80, 0x100)]
        lines = [", ".join(f"0x{unit:04x}" for unit in units[at:at + 8]) for at in range(0, 128, 8)]
        print(f"AIRLOCK_CODE_PAGE({page}, {{" + ",\n    ".join(lines) + "})")
    print("#endif")


main()
