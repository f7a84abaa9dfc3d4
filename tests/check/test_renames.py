# SPDX-License-Identifier: GPL-2.0-or-later
"""A FAT after a power cut during a renaming: the file has its old name and its new one, and a note beside the new
one says which is which. The steps before a mount and before a repair remove the old one."""
import checking
import fat_media
import harness
import pytest

OLD, NEW, NOTE = 1, 2, 3  # slots of the root


def print_of(entry):
    """As in rename_note.h: from the name and its creation time."""
    total = 2166136261
    for byte in entry[0:11] + entry[13:18]:
        total = (total ^ byte) * 16777619 & 0xffffffff
    return total


@pytest.fixture(autouse=True)
def own_programs(monkeypatch):
    monkeypatch.setenv("AIRLOCK_DRIVER_DIR", str(harness.built("contained/airlock-fat-finish").parent))


def half_renamed(path, note=True):
    """The file OTHER.TXT during its renaming to NEW.TXT, on a volume that was not unmounted."""
    medium = fat_media.Fat(path)
    old = bytes(medium.bytes[medium.entry(OLD, 0):medium.entry(OLD, 32)])
    new = b"NEW     TXT" + old[11:]
    medium.bytes[medium.entry(NEW, 0):medium.entry(NEW, 32)] = new
    if note:
        medium.put("B5sQQII2x", medium.entry(NOTE, 0), 0xe5, b"moved", medium.entry(OLD, 0), medium.entry(NEW, 0),
                   print_of(old), print_of(new))
    medium.bytes[0x25] |= 1
    for table in medium.tables:
        medium.put("H", table + 2, 0x7fff)
    medium.save()
    return medium


def files(medium):
    """Name and content of every file in the root, read by independent code."""
    data = medium.path.read_bytes()
    found = {}
    for slot in range(16):
        entry = data[medium.entry(slot, 0):medium.entry(slot, 32)]
        if entry[0] == 0:
            break
        if entry[0] != 0xe5:
            cluster, size = int.from_bytes(entry[26:28], "little"), int.from_bytes(entry[28:32], "little")
            at = medium.data + (cluster - 2) * medium.cluster_size  # these files have consecutive clusters
            found[entry[:11].decode()] = data[at:at + size]
    return found


RENAMED = {"KEPT    TXT": fat_media.KEPT, "NEW     TXT": fat_media.OTHER}
BOTH = {**RENAMED, "OTHER   TXT": fat_media.OTHER}


def test_the_new_name_stays_and_the_volume_is_written(tmp_path):
    medium = half_renamed(tmp_path / "image")
    found = checking.ask("mount-glance", "vfat", medium.path)
    assert (found.verdict, found.read_only) == ("dirty", ""), found
    assert found.changed and "an interrupted renaming was finished" in found.summary
    assert files(medium) == RENAMED


def test_a_repair_takes_the_old_name_away_and_not_the_content(tmp_path):
    medium = half_renamed(tmp_path / "image")
    found = checking.ask("repair", "vfat", medium.path)
    assert found.verdict == "clean", found
    assert files(medium) == RENAMED


def test_without_the_note_two_names_are_damage(tmp_path):
    """The control: the result of the checker alone."""
    medium = half_renamed(tmp_path / "image", note=False)
    found = checking.ask("mount-glance", "vfat", medium.path)
    assert found.verdict == "errors" and found.read_only, found
    assert files(medium) == BOTH


def test_a_note_about_a_file_that_is_not_there_any_more_means_nothing(tmp_path):
    medium = half_renamed(tmp_path / "image")
    medium.put("H", medium.entry(OLD, 26), 9)  # another file has that name since then
    medium.chain([9])
    medium.put("I", medium.entry(OLD, 28), 5)
    medium.save()
    found = checking.ask("mount-glance", "vfat", medium.path)
    assert not found.changed, found
    assert files(medium).keys() == BOTH.keys()


def test_folders_that_share_their_clusters_are_left_to_the_checker(tmp_path):
    """Each cluster of a long folder is also a folder of its own, which would make 20,000 reads of its 200 clusters."""
    medium = half_renamed(tmp_path / "image")
    clusters = range(100, 300)
    medium.chain(clusters)
    medium.put("11sB8xHHHHI", medium.entry(NOTE + 1, 0), b"TANGLE     ", 0x10, 0, 0, 0x5821, clusters[0], 0)
    for number in range(len(clusters) * medium.cluster_size // 32):
        at = medium.data + (clusters[0] - 2) * medium.cluster_size + 32 * number
        medium.put("11sB8xHHHHI", at, b"D%010d" % number, 0x10, 0, 0, 0x5821, clusters[number % len(clusters)], 0)
    medium.save()
    found = checking.ask("mount-glance", "vfat", medium.path)
    assert found.verdict == "errors" and found.read_only and not found.changed, found
    assert files(medium).items() >= BOTH.items()
