# SPDX-License-Identifier: GPL-2.0-or-later
"""FAT and exFAT by Airlock's driver and by the kernel's: the same answers, and each reads the other's files."""
import errno
import shlex

import pytest

from fat_script import CASES, NAMES, encode, random_script
from kernel_fat import (DRIVERS, KINDS, Pair, answer, attributes, compare, do, fsck, make_stick, mount,
                        set_attributes, tree, unmount)

FAT = ("fat16", "fat32")
# Times that both can store, and a half second that some cannot.
TIMES = ("315532800.000000000", "1700000001.500000000", "4102444799.000000000", "951782400.000000000")


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", KINDS)
def test_random_operations_end_alike(machine, tmp_path, kind, seed):
    pair = Pair(machine, kind, tmp_path)
    pair.run(random_script(seed, 400, CASES if kind == "exfat" else ()))
    pair.check()


def names_in(folder):
    """A file with content for every name, and times."""
    lines = [f"mkdir {folder} 755"]
    for number, name in enumerate(NAMES):
        path = f"{folder}/{encode(name)}"
        lines += [f"open 0 {path} bc 644", f"pwrite 0 0 {number * 37 + 1} {number}",
                  f"utimens {path} {TIMES[number % 4]} {TIMES[(number + 1) % 4]}"]
    return lines


def holes():
    """Files with an unwritten end or middle; one that shrank, one written from its end to its beginning."""
    return ["open 1 tail bc 644", "pwrite 1 0 5000 1", "ftruncate 1 150000",
            "open 2 hole bc 644", "pwrite 2 90001 700 2", "pwrite 2 30000 1 3",
            "open 3 shrunk bc 644", "pwrite 3 0 100000 4", "ftruncate 3 4097", "ftruncate 3 9000",
            "open 4 backwards bc 644", *(f"pwrite 4 {at} 4096 {at}" for at in range(65536, -1, -8192)),
            "open 5 empty bc 644", "open 6 all-hole bc 644", "ftruncate 6 70000"]


def many(count):
    """A directory of several clusters, with gaps."""
    return ["mkdir many 755", f"manyfiles many {count} 1", f"manyremovals many {count} 3", f"manyfiles many {count // 2} 6"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("writer", DRIVERS)
def test_what_one_wrote_the_other_reads(machine, tmp_path, kind, writer):
    zone = "rw,time_offset=90"
    stick = machine.plug(make_stick(kind, tmp_path / "stick.img"))
    place = mount(machine, kind, stick, writer, zone)
    script = [*names_in("names"), "mkdir deep 755", *names_in(f"deep/{encode('grüße')}"), *holes(), *many(200), "tree"]
    told = do(machine, place, script)
    assert [line for line in told if not line.startswith("T") and line.split()[2] != "0"] == []
    for bits in ("0x21", "0x22", "0x27"):
        machine.run(f"touch {place}/{bits}")
        set_attributes(machine, place, bits, bits)
    unmount(machine, place)
    found = [tree(machine, kind, stick, driver, "ro,time_offset=90") for driver in DRIVERS]
    compare(found[0], found[1], ["tree"], kind)
    assert len(found[0]) > 2 * len(NAMES) + 100
    kept = [attributes(machine, kind, stick, driver) for driver in DRIVERS]
    assert kept[0] == kept[1]
    assert all(f"b'{bits}' {bits}" in kept[0] for bits in ("0x21", "0x22", "0x27"))
    machine.unplug(stick)
    fsck(kind, stick.image)


@pytest.mark.parametrize("kind", KINDS)
def test_times_are_told_in_the_zone_of_who_asks(machine, tmp_path, kind):
    """On FAT the meaning of a time depends on the reader's zone, on exFAT it is the writer's."""
    stick = machine.plug(make_stick(kind, tmp_path / "stick.img"))
    for writer in DRIVERS:
        place = mount(machine, kind, stick, writer, "rw,time_offset=-300")
        do(machine, place, [f"mkfile {writer} 644", f"utimens {writer} 1700000000.0 1700000000.0"])
        unmount(machine, place)
    for reader in DRIVERS:
        place = mount(machine, kind, stick, reader, "ro,time_offset=120")
        found = machine.text(f"cd {place} && stat -c %Y {shlex.join(DRIVERS)}").split()
        unmount(machine, place)
        shift = (300 + 120) * 60 if kind in FAT else 0
        assert found == [str(1700000000 - shift)] * 2, reader


# (kinds, operations, the kernel's errno, Airlock's): intended, each for its reason.
DIFFERENT = {
    "a name is kept as given or refused, never changed": [
        (KINDS, "mkfile end. 644", 0, errno.EINVAL)],
    "Windows opens no file with a space at its end": [
        (("exfat",), "mkfile space%20 644", 0, errno.EINVAL)],
    "control characters are for terminals": [
        (KINDS, "mkfile delete%7F 644", 0, errno.EINVAL)],
    "of an interruption in the middle either name must remain": [
        (FAT, "rename file folder 2", 0, errno.EINVAL)],
    "exFAT has room that nobody has written to; the kernel does not use that for fallocate": [
        (("exfat",), "fallocate 0 0 0 9000", errno.EOPNOTSUPP, 0)],
    "clusters behind the end of a file are damage elsewhere": [
        (FAT, "fallocate 0 1 0 90000", 0, errno.EOPNOTSUPP)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_differs_on_purpose(machine, tmp_path, kind):
    cases = [(words, expected, ours) for cases in DIFFERENT.values()
             for kinds, words, expected, ours in cases if kind in kinds]
    before = ["open 0 file bc 644", "pwrite 0 0 100 1", "mkdir folder 755"]
    for driver, column in zip(DRIVERS, (1, 2)):
        stick = machine.plug(make_stick(kind, tmp_path / f"{driver}.img"))
        place = mount(machine, kind, stick, driver)
        told = do(machine, place, [*before, *(case[0] for case in cases)])[len(before):]
        unmount(machine, place)
        assert [answer(line)[1] for line in told] == [case[column] for case in cases], driver
