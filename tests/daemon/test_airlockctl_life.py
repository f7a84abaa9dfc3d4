# SPDX-License-Identifier: GPL-2.0-or-later
"""airlockctl with the real airlockd: the promises of the man page, without simulation."""

import json
import os
import pathlib
import signal
import subprocess
import time

import harness
import ntfs_media
import pytest
from machine import ALICE, BOB, without_program

DONE, NO_SUCH_THING, NOT_ALLOWED, IN_THE_WAY, UNREACHABLE, NOT_IN_ORDER = 0, 3, 4, 5, 6, 7


@pytest.fixture
def ctl(machine):
    def run(*words, person=ALICE):
        return subprocess.run([harness.built("cli/ctl/airlockctl"), *map(str, words)],
                              user=person[0], group=person[0], extra_groups=[], cwd="/",
                              env=machine.environment, capture_output=True, text=True, timeout=harness.PATIENCE,
                              check=False)
    return run


def answer(done):
    assert (done.returncode, done.stderr) == (DONE, ""), done
    return done.stdout


def test_from_the_plug_to_the_unplug(machine, ctl):
    machine.allow("mount-removable")
    stick = machine.make_stick("PHOTOS").plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    rows = {row["Id"]: row for row in json.loads(answer(ctl("list", "--json")))}
    assert rows[stick.name]["MountPoint"] == volume["MountPoint"]
    assert "label           PHOTOS" in answer(ctl("info", stick.device))
    assert "descriptor 5" in answer(ctl("info", "PHOTOS")), "what holds the driver"
    explanation = json.loads(answer(ctl("explain", stick.name, "--json")))
    assert explanation["decision"] in ("mount", "leave") and explanation["rule"]
    done = ctl("unmount", volume["MountPoint"])
    assert (done.returncode, done.stderr) == (
        DONE, f"{stick.name} is unmounted: safe to remove.\n")
    harness.e2fsck_clean(stick.image)
    assert answer(ctl("mount", "PHOTOS")) == volume["MountPoint"] + "\n"
    assert ctl("mount", "PHOTOS").returncode == IN_THE_WAY


def test_others_are_refused_and_told_less(machine, ctl):
    stick = machine.make_stick(files={"film": "x"}).plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    with machine.reader(ALICE, f"{volume['MountPoint']}/film"):
        assert ctl("unmount", stick.name, person=BOB).returncode == NOT_ALLOWED
        assert ctl("log", stick.name, person=BOB).returncode == NOT_ALLOWED
        text = answer(ctl("info", stick.name, person=BOB))
        assert "state           mounted" in text and "in use by" not in text
        assert "in use by" in answer(ctl("info", stick.name))


def test_who_is_in_the_way_is_named(machine, ctl):
    stick = machine.make_stick(files={"film": "x"}).plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    with machine.reader(ALICE, f"{volume['MountPoint']}/film") as holder:
        done = ctl("unmount", stick.name)
        assert done.returncode == IN_THE_WAY and str(holder.pid) in done.stderr
        assert str(holder.pid) in answer(ctl("info", stick.name))


def test_a_copy_in_another_namespace_is_in_the_way(machine, ctl):
    """The kernel would agree and leave the driver, with its unwritten data, to the copy."""
    machine.allow("eject")
    stick = machine.make_stick(files={"film": "x"}).plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    keeper = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo ready; read -r _"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert keeper.stdout.readline() == "ready\n"
        for verb in ("unmount", "eject"):
            done = ctl(verb, stick.name)
            assert done.returncode == IN_THE_WAY, done
            assert f"pid {keeper.pid}" in done.stderr and "another mount namespace" in done.stderr, done
        assert machine.volume_of(stick)[1]["State"] == "mounted"
        assert machine.read_as(ALICE, f"{volume['MountPoint']}/film") == "x"
    finally:
        keeper.communicate()
    # Like a namespace during its setup: its copy is gone when airlockd checks again.
    with subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo ready; sleep 0.5"],
                          stdout=subprocess.PIPE, text=True) as passing:
        assert passing.stdout.readline() == "ready\n"
        done = ctl("unmount", stick.name)
    assert (done.returncode, done.stderr) == (DONE, f"{stick.name} is unmounted: safe to remove.\n")


def copy_of_all_mounts(person):
    return subprocess.Popen(["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private", "sh", "-c",
                             "echo ready; read -r _"], user=person[0], group=person[0], extra_groups=[],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("verb", ["unmount", "eject", "umount"])
def test_a_strangers_namespace_is_in_nobodys_way(machine, ctl, verb):
    """Any user can copy all mounts. The control is the test above, where the copy is root's."""
    machine.allow("eject")
    stick = machine.make_stick(files={"film": "x"}).plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    with copy_of_all_mounts(BOB) as stranger:
        assert stranger.stdout.readline() == "ready\n"
        mounts = pathlib.Path(f"/proc/{stranger.pid}/mountinfo")
        assert volume["MountPoint"] in mounts.read_text()
        if verb == "umount":
            subprocess.run([verb, volume["MountPoint"]], check=True)
            verb = "unmount"
        done = ctl(verb, stick.name)
        assert done.returncode == DONE and "safe to remove" in done.stderr, done
        # Removing the folder removes all mounts on it in every namespace, so the medium is free.
        assert volume["MountPoint"] not in mounts.read_text()
        if verb == "unmount":
            machine.allow("mount-removable")
            assert answer(ctl("mount", stick.name)) == volume["MountPoint"] + "\n"
            assert machine.read_as(ALICE, f"{volume['MountPoint']}/film") == "x"
        stranger.communicate()


SHARED = """
setpriv --reuid {user} --regid {user} --clear-groups sh -c 'exec 5<"$0"; echo ready; exec sleep 600' "$0" &
exec setpriv --reuid {stranger} --regid {stranger} --clear-groups sleep 600
"""


def test_a_namespace_of_a_stranger_and_the_user_is_in_the_way(machine, ctl):
    """The stranger's process comes first; the user's has a file open, with unwritten data."""
    stick = machine.make_stick(files={"film": "x"}).plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    script = SHARED.format(user=ALICE[0], stranger=BOB[0])
    shared = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script,
                               f"{volume['MountPoint']}/film"], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert shared.stdout.readline() == "ready\n"
        done = ctl("unmount", stick.name)
        assert done.returncode == IN_THE_WAY and f"{volume['MountPoint']}/film" in done.stderr, done
        assert machine.volume_of(stick)[1]["State"] == "mounted"
    finally:
        os.killpg(shared.pid, signal.SIGKILL)
        shared.communicate()
    assert ctl("unmount", stick.name).returncode == DONE


def test_what_umount_8_left_to_another_namespace_is_told(machine, ctl):
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    keeper = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo ready; read -r _"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert keeper.stdout.readline() == "ready\n"
        subprocess.run(["umount", volume["MountPoint"]], check=True)
        done = ctl("unmount", stick.name)
        assert done.returncode == IN_THE_WAY and f"pid {keeper.pid}" in done.stderr, done
        assert machine.volume_of(stick)[1]["State"] == "mounted"
    finally:
        keeper.communicate()
    _, volume = machine.wait_for_state(stick, "available")
    assert volume["LastUnmount"]["outcome"] == "safe"


def test_a_death_is_told_and_recovered_from(machine, ctl):
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    os.kill(volume["DriverPid"], signal.SIGKILL)
    machine.wait_for_state(stick, "dead")
    assert "the driver was killed by SIGKILL" in answer(ctl("list"))
    assert "what happened   the driver was killed by SIGKILL" in answer(ctl("info", stick.name))
    machine.allow("mount-removable")
    assert answer(ctl("recover", "--read-only", stick.name)) == volume["MountPoint"] + "\n"
    assert machine.volume_of(stick)[1]["MountedReadOnly"] is True


def test_an_image_needs_no_rights_and_goes_by_its_path(machine, ctl):
    machine.allow("mount-image")
    image = harness.make_image(machine.scratch / "disk.img", ["-L", "IMG"], "16M", "ext4")
    os.chown(image, *(ALICE[0],) * 2)
    place = answer(ctl("mount", image)).strip()
    assert os.path.basename(place) == "IMG"
    assert "label           IMG" in answer(ctl("info", image))
    assert ctl("unmount", image).returncode == DONE
    assert ctl("info", image).returncode == NO_SUCH_THING


def test_drivers_are_what_they_are(machine, ctl):
    (ext,) = [row for row in json.loads(answer(ctl("drivers", "--json"))) if row["name"] == "ext"]
    assert ext["writes"] is True and isinstance(ext["available"], bool)
    assert "ext4" in ext["types"]


def test_status_tells_the_settings_and_what_is_wrong_with_them(machine, ctl):
    assert str(machine.base) in answer(ctl("status"))
    machine.write_settings("automount = perhaps\n")
    harness.wait_until(lambda: "settings problem:" in answer(ctl("status")), harness.PATIENCE, "the complaint")


def test_monitor_knows_that_mounts_outlive_airlockd(machine, ctl, tmp_path):
    stick = machine.make_stick().plug()
    machine.wait_for_state(stick, "mounted")
    events = tmp_path / "events"
    with open(events, "w") as log:
        monitor = subprocess.Popen([harness.built("cli/ctl/airlockctl"), "monitor", "--json"],
                                   env=machine.environment, stdout=log, stderr=subprocess.PIPE)
    try:
        monitor.stderr.readline()  # it watches now
        machine.stop_daemon()
        assert ctl("list").returncode == UNREACHABLE
        machine.start_daemon()
        harness.wait_until(lambda: "daemon-started" in events.read_text(), harness.PATIENCE, "the start to be told")
        time.sleep(1)  # a false report about the volumes would come after it
    finally:
        monitor.terminate()
        monitor.wait()
    seen = [json.loads(line) for line in events.read_text().splitlines()]
    names = [event["event"] for event in seen]
    assert "daemon-stopped" in names and "daemon-started" in names
    gone = [event["volume"]["Id"] for event in seen if event["event"] == "gone"]
    assert stick.name not in gone, "it was mounted all the time"


NTFS = {"clean": (None, DONE, "the beginning of the volume is clean"),
        "in use": (ntfs_media.mark_dirty, DONE, "it was not unmounted"),
        "torn": (ntfs_media.tear_the_copy, NOT_IN_ORDER, "its file table and the copy of it differ")}


@pytest.fixture
def no_ntfs(scratch):
    """Nobody mounts it by himself."""
    with without_program("ntfs-3g", scratch):
        yield


@pytest.mark.parametrize("damage, code, words", NTFS.values(), ids=NTFS)
def test_ntfs_is_looked_at_and_left_alone(no_ntfs, machine, ctl, damage, code, words):
    """No checker of ours ever writes to it."""
    machine.allow("repair", "mount-removable")
    image = ntfs_media.make(machine.scratch / "windows.img")
    if damage:
        ntfs_media.change(image, damage)
    fresh = image.read_bytes()
    stick = machine.stick_of(image).plug()
    machine.wait_for_state(stick, "available")
    done = ctl("check", stick.name)
    assert done.returncode == code and words in done.stdout, done
    last = json.loads(answer(ctl("info", stick.name, "--json")))["LastCheck"]
    assert last["checker"].startswith("ntfsfix 2") and words in last["summary"], last
    if damage:
        refused = ctl("repair", stick.name, "--yes")
        assert refused.returncode != DONE and "ntfsfix only looks" in refused.stderr, refused
    assert pathlib.Path(stick.device).read_bytes() == fresh == image.read_bytes(), "something was written"
