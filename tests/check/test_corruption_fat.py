# SPDX-License-Identifier: GPL-2.0-or-later
"""FAT and exFAT: the verdict, the mode of the mount, and the result of a repair, compared with the
distribution's checkers run by hand on copies."""
import checking
import fat_media
import harness
import pytest
from checking import ask, copy_of, look

FAMILIES = {"fat": fat_media.Fat, "exfat": fat_media.Exfat}
CASES = [pytest.param(family, name, id=f"{family}-{name}")
         for family, kind in FAMILIES.items() for name in kind.DAMAGE]
TRACES = [pytest.param(family, name, id=f"{family}-{name}")
          for family, kind in FAMILIES.items() for name in kind.TRACES]


def kept_file(medium, content):
    """The entry of the undamaged file, and its bytes."""
    if medium.KIND == "vfat":
        return content[medium.root:medium.root + 32], content[medium.data:medium.data + len(fat_media.KEPT)]
    at, place = medium.sets[0], medium.place(medium.number("I", medium.sets[0] + 52))
    return content[at:at + 96], content[place:place + len(fat_media.KEPT)]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_in_order_is_mounted_to_be_written(scratch, family):
    medium = FAMILIES[family](scratch / "medium")
    medium.save()
    assert look(family, medium.path).returncode == 0
    assert ask("check", medium.KIND, medium.path).verdict == "clean"
    before = medium.path.read_bytes()
    for what in ("mount-glance", "mount-full"):
        found = ask(what, medium.KIND, medium.path)
        assert (found.verdict, found.read_only) == ("clean", ""), found
    assert medium.path.read_bytes() == before


def test_a_fat_that_was_not_unmounted_is_dirty_and_mounted_to_be_written(scratch):
    medium = fat_media.Fat(scratch / "medium")
    medium.bytes[37] |= 1
    medium.save()
    found = ask("mount-glance", "vfat", medium.path)
    assert (found.verdict, found.read_only) == ("dirty", ""), found


def fat32(path):
    harness.run(["truncate", "-s", "64M", path])
    harness.run(["mkfs.fat", "-F32", path])
    return path


def set_byte(path, offset, value):
    with open(path, "r+b") as medium:
        medium.seek(offset)
        medium.write(bytes([value]))


def test_a_fat32_that_was_not_unmounted_differs_from_its_copy_only_in_that(scratch):
    medium = fat32(scratch / "medium")
    set_byte(medium, 65, 1)
    for what in ("check", "mount-glance", "mount-full"):
        found = ask(what, "vfat", medium)
        assert (found.verdict, found.findings, found.read_only) == ("dirty", 0, ""), found


@pytest.mark.parametrize("offset, value", [(64, 1), (65, 0x41), (100, 1)])
def test_a_fat32_that_differs_from_its_copy_in_more_is_told(scratch, offset, value):
    medium = fat32(scratch / "medium")
    set_byte(medium, 65, 1)
    set_byte(medium, offset, value)
    found = ask("mount-glance", "vfat", medium)
    assert found.verdict == "errors" and found.findings > 0 and found.read_only, found


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("family, name", TRACES)
def test_what_an_interruption_leaves_does_no_harm_and_can_be_repaired(scratch, family, name, marked):
    medium = FAMILIES[family](scratch / "medium")
    leave, words = medium.TRACES[name]
    leave(medium)
    if marked:
        medium.bytes[37 if family == "fat" else 106] |= 1 if family == "fat" else 2
    medium.save()
    assert look(family, medium.path).returncode in (1, 4)
    for what in ("check", "mount-glance", "mount-full"):
        found = ask(what, medium.KIND, medium.path)
        assert (found.verdict, found.findings, found.read_only) == ("dirty", 1, ""), found
        assert found.summary.startswith(f"consistent; 1 harmless finding; the first: {words}"), found
    repaired = ask("repair", medium.KIND, medium.path)
    assert repaired.verdict == "clean" and repaired.changed, repaired
    assert look(family, medium.path).returncode == 0


def test_a_wrong_count_of_free_clusters_does_no_harm(scratch):
    medium = fat32(scratch / "medium")
    information = int.from_bytes(medium.read_bytes()[48:50], "little") * 512
    set_byte(medium, information + 488, 77)
    found = ask("mount-glance", "vfat", medium)
    assert (found.verdict, found.findings, found.read_only) == ("dirty", 1, ""), found
    assert "Free cluster summary wrong" in found.summary


def test_traces_of_an_interruption_beside_damage_are_damage(scratch):
    medium = fat_media.Fat(scratch / "medium")
    medium.chain([20, 21, 22])
    medium.DAMAGE["loop"](medium)
    medium.save()
    found = ask("mount-glance", "vfat", medium.path)
    assert found.verdict == "errors" and found.findings > 1 and found.read_only, found


FORGED_TRACES = {
    "fat": "x\n  File size is 1 bytes, cluster chain length is > 0 bytes.\nReclaimed 1 unused cluster (1 bytes).",
    "exfat": "x: more clusters are allocated. truncate to 4096 bytes at 0x2030c0. Truncate (y/N)? n",
}


@pytest.mark.parametrize("family, damage", [("fat", "loop"), ("exfat", "start-out-of-range")])
def test_no_name_makes_damage_look_like_what_an_interruption_leaves(scratch, family, damage):
    medium = FAMILIES[family](scratch / "medium", FORGED_TRACES[family])
    medium.DAMAGE[damage](medium)
    medium.save()
    assert FORGED_TRACES[family] in look(family, medium.path).stdout
    found = ask("mount-glance", medium.KIND, medium.path)
    assert found.verdict == "errors" and found.findings > 0 and found.read_only, found


@pytest.mark.parametrize("family, name", CASES)
def test_damage(scratch, family, name):
    medium = FAMILIES[family](scratch / "medium")
    medium.DAMAGE[name](medium)
    medium.save()
    image, before = medium.path, medium.path.read_bytes()
    assert look(family, image).returncode in (1, 4)
    found = ask("check", medium.KIND, image)
    assert found.verdict == "errors" and found.findings > 0 and found.summary, found
    mounted = ask("mount-full", medium.KIND, image)
    assert mounted.read_only == f"the check before mounting says: {mounted.summary}", mounted
    assert image.read_bytes() == before, "a check wrote to the medium"
    twin = copy_of(image, "twin")
    checking.run_uncontained(checking.REPAIRS[family], twin)
    repaired = ask("repair", medium.KIND, image)
    assert repaired.verdict == "clean" and repaired.changed, repaired
    assert ask("check", medium.KIND, image).verdict == "clean"
    assert look(family, image).returncode == 0
    after = image.read_bytes()
    assert after == twin.read_bytes(), "a repair by hand gives another medium"
    assert kept_file(medium, after) == kept_file(medium, before)
