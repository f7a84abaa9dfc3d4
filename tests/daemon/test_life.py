# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of a stick: plugged, used, unmounted, pulled, crashed, recovered, ejected."""
import os
import signal

import harness
import pytest
from machine import ALICE, JOB, MANAGER, MANAGER_PATH, VOLUME, Machine, Refused, ticking


def test_a_plugged_stick_is_mounted_for_the_person_at_the_machine(machine):
    stick = machine.make_stick("HOLIDAY", {"photo.txt": "a beach"}).plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    place = volume["MountPoint"]
    assert place == f"{machine.base}/{ALICE[1]}/HOLIDAY"
    assert machine.read_as(ALICE, f"{place}/photo.txt") == "a beach"
    assert machine.run_as(ALICE, ["sh", "-c", f"echo new > {place}/new && cat {place}/new"]).stdout == "new\n"
    options = harness.run(["findmnt", "-no", "OPTIONS", place]).stdout
    assert {"nosuid", "nodev", "noexec"} <= set(options.strip().split(","))
    assert (volume["Type"], volume["Label"], volume["MountedFor"]) == ("ext4", "HOLIDAY", ALICE[0])
    assert volume["Driver"] == "airlock-ext" and volume["DriverPid"] > 0
    # The title in ps and htop.
    with open(f"/proc/{volume['DriverPid']}/cmdline", "rb") as title:
        assert title.read().rstrip(b"\0").decode() == f"airlock-ext {stick.device} ext4 rw"


def test_unmount_says_safe_only_when_the_data_is_on_the_medium(machine):
    stick = machine.make_stick().plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    place = volume["MountPoint"]
    assert machine.run_as(ALICE, ["dd", "if=/dev/urandom", f"of={place}/big", "bs=1M", "count=8"]).returncode == 0
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    # At this very moment, without a further flush.
    copy = machine.scratch / "copy.img"
    copy.write_bytes(stick.image.read_bytes())
    harness.e2fsck_clean(copy)
    assert machine.volume_of(stick)[1]["State"] == "available"
    assert not os.path.exists(place), "the folder is left over"
    with pytest.raises(Refused) as refused:
        machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
    assert refused.value.message


def test_a_busy_stick_names_who_holds_it(machine):
    stick = machine.make_stick(files={"film": "x"}).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    with machine.reader(ALICE, f"{volume['MountPoint']}/film") as holder:
        with pytest.raises(Refused) as refused:
            machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
        assert refused.value.name == "Busy"
        assert str(holder.pid) in refused.value.message and "film" in refused.value.message
        users = machine.call_as(ALICE, path, VOLUME, "GetUsers")
        assert holder.pid in [user[0] for user in users]
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")


def test_a_lazy_unmount_lets_the_last_user_finish(machine):
    stick = machine.make_stick(files={"film": "x"}).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    with machine.reader(ALICE, f"{volume['MountPoint']}/film"):
        machine.call_as(ALICE, path, VOLUME, "Unmount", "({'lazy': <true>},)")
        assert not machine.mounts()


def test_unmounting_by_hand_is_noticed(machine):
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    harness.run(["umount", volume["MountPoint"]])
    machine.wait_for_state(stick, "available")
    harness.wait_until(lambda: not os.path.exists(volume["MountPoint"]), harness.PATIENCE, "the folder to go")


def test_a_pulled_stick_leaves_nothing_behind(machine):
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    stick.pull()
    machine.wait_gone(stick)
    assert not machine.mounts() and not os.path.exists(volume["MountPoint"])
    harness.wait_until(lambda: not machine.children(), harness.PATIENCE, "the driver to end")


def test_a_crashed_driver_is_a_dead_mount_and_recovers(machine):
    machine.allow("mount-removable")
    stick = machine.make_stick(files={"kept": "still here"}).plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    with harness.within(1.5):
        os.kill(volume["DriverPid"], signal.SIGKILL)
        _, dead = machine.wait_for_state(stick, "dead")
    assert dead["Death"]["kind"] == "signal" and "SIGKILL" in dead["Death"]["cause"]
    failed = machine.run_as(ALICE, ["ls", volume["MountPoint"]])
    assert failed.returncode != 0
    place = machine.call_as(ALICE, path, VOLUME, "Recover", "('read-only', @a{sv} {})")
    assert machine.read_as(ALICE, f"{place}/kept") == "still here"
    assert machine.volume_of(stick)[1]["MountedReadOnly"]
    assert machine.volume_of(stick)[1]["Death"] == {}


def test_a_dead_mount_can_be_detached(machine):
    stick = machine.make_stick().plug()
    path, volume = machine.wait_for_state(stick, "mounted")
    os.kill(volume["DriverPid"], signal.SIGKILL)
    machine.wait_for_state(stick, "dead")
    machine.call_as(ALICE, path, VOLUME, "Detach", "(@a{sv} {},)")
    assert not machine.mounts()
    assert machine.volume_of(stick)[1]["State"] == "available"


def test_eject_of_a_loop_device_takes_it_away(machine):
    machine.allow("eject")
    stick = machine.make_stick().plug()
    path, _ = machine.wait_for_state(stick, "mounted")
    machine.call_as(ALICE, path, VOLUME, "Eject", "(@a{sv} {},)")
    machine.wait_gone(stick)
    harness.e2fsck_clean(stick.image)


def test_mounting_by_hand_with_automount_off(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable")
        stick = machine.make_stick("MANUAL").plug()
        path, volume = machine.wait_for_state(stick, "available")
        assert "automount" in volume["StateReason"]
        place = machine.call_as(ALICE, path, VOLUME, "Mount", "({'options': <'ro'>},)")
        assert place.endswith("/MANUAL")
        assert machine.volume_of(stick)[1]["MountedReadOnly"]
        with pytest.raises(Refused) as refused:
            machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
        assert refused.value.name == "AlreadyMounted"


def test_an_option_nobody_allowed_is_refused_by_name(scratch):
    with Machine(scratch, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable", "mount-options")
        stick = machine.make_stick().plug()
        path, _ = machine.wait_for_state(stick, "available")
        for option in ("suid", "dev", "context=x", "nonsense", "uid=0"):
            with pytest.raises(Refused) as refused:
                machine.call_as(ALICE, path, VOLUME, "Mount", f"({{'options': <'{option}'>}},)")
            assert option.split("=")[0] in refused.value.message
        assert not machine.mounts()


def test_an_image_file_of_a_person_without_privileges(machine):
    machine.allow("mount-image")
    stick = machine.make_stick("IMAGE", {"inside": "of an image"})
    os.chown(stick.image, *ALICE[:1], ALICE[0])
    with machine.image_opener(ALICE, stick.image) as path:
        place = machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
        assert machine.read_as(ALICE, f"{place}/inside") == "of an image"
        machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
        assert not machine.mounts()


def test_airlockd_has_neither_the_image_nor_the_stick_open(machine):
    """The promise of ARCHITECTURE.md: errands and the driver have them, airlockd has not."""
    machine.allow("mount-image")
    stick = machine.make_stick("STICK").plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    image = machine.make_stick("IMAGE").image
    os.chown(image, *ALICE[:1], ALICE[0])

    def who_has(medium):
        status = os.stat(medium)
        wanted = (status.st_dev, status.st_ino, status.st_rdev)
        return {int(name) for name in os.listdir("/proc") if name.isdigit() and harness.holds_open(name, wanted)}

    assert who_has(stick.device) == {volume["DriverPid"]}
    with machine.image_opener(ALICE, image) as path:
        machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
        driver = machine.volumes()[path]["DriverPid"]
        keeper = [pid for pid in who_has(image) if harness.parent_of(pid) == machine.daemon.pid and pid != driver]
        assert driver in who_has(image) and len(keeper) == 1
        assert machine.daemon.pid not in who_has(image)
        machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")


def test_ten_media_at_once_are_all_mounted(machine):
    sticks = [machine.make_stick(f"S{number}", size="8M") for number in range(10)]
    # Ten drivers start meanwhile, on few cores.
    with ticking(machine, limit=0.3):
        for stick in sticks:
            stick.plug()
        for stick in sticks:
            machine.wait_for_state(stick, "mounted")
    assert len(machine.mounts()) == 10
    assert not machine.jobs()


def test_explain_tells_the_rule_and_the_reason(machine):
    stick = machine.make_stick().plug()
    machine.wait_for_state(stick, "mounted")
    explanation = machine.call(MANAGER_PATH, MANAGER, "Explain", f"('{stick.device}',)")
    assert explanation["reason"] and explanation["rule"]
    with pytest.raises(Refused):
        machine.call(MANAGER_PATH, MANAGER, "Explain", "('/dev/nosuch',)")


def test_jobs_show_work_and_go_away(machine):
    stick = machine.make_stick().plug()
    machine.wait_for_state(stick, "mounted")
    harness.wait_until(lambda: not machine.jobs(), harness.PATIENCE, "the jobs to end")
    assert JOB.endswith("Job")
