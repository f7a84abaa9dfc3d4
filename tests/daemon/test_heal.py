# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver of a mount that is only read dies, and another one goes on: programs notice a pause and nothing else."""
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import harness
import pytest
from machine import ALICE, DEADLINE, VOLUME, Machine

KILLS = int(os.environ.get("AIRLOCK_HEAL_ROUNDS", "12"))
MANY_TIMES = '\n[limits]\nheals-per-minute = 10000\n'


@pytest.fixture
def source(scratch):
    folder = scratch / "source"
    (folder / "many").mkdir(parents=True)
    for number in range(200):
        (folder / "many" / str(number)).write_text("small")
    (folder / "big").write_bytes(random.Random(1).randbytes(8 << 20))
    return folder


def iso_of(source, scratch):
    image = scratch / "disc.iso"
    harness.run(["xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "HOLIDAY", "-o", image, source])
    return image


def squashfs_of(source, scratch):
    image = scratch / "disc.squashfs"
    harness.run(["mksquashfs", source, image, "-quiet", "-no-progress"])
    return image


def ext4_of(source, scratch):
    return harness.make_image(scratch / "stick.img", ["-L", "HOLIDAY", "-d", source], "32M", "ext4")


def udf_of(source, scratch):
    image = scratch / "disc.udf"
    harness.run(["genisoimage", "-quiet", "-udf", "-R", "-V", "HOLIDAY", "-o", image, source])
    return image


IMAGES = {"iso": iso_of, "udf": udf_of, "squashfs": squashfs_of, "ext4": ext4_of}


def plugged(machine, image):
    """What could be written is plugged in write-protected."""
    stick = machine.stick_of(image).plug(read_only=True)
    return stick, machine.wait_for_state(stick, "mounted")[1]


def kill_driver(machine, stick, with_signal=signal.SIGKILL):
    """Returns when another driver has gone on."""
    before = machine.volume_of(stick)[1]
    os.kill(before["DriverPid"], with_signal)

    def replaced():
        now = machine.volume_of(stick)[1]
        assert now["State"] == "mounted", (now["State"], now["StateReason"], now["Death"], machine.log()[-3000:])
        return now if now["Healed"].get("count", 0) > before["Healed"].get("count", 0) else None
    return harness.wait_until(replaced, DEADLINE, "another driver")


class Use:
    """Programs that use everything in a tree, as its user."""

    def __init__(self, machine, place, source):
        self.stop = machine.scratch / "stop"
        self.process = subprocess.Popen(
            [sys.executable, pathlib.Path(__file__).with_name("using_files.py"), place, source, self.stop],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, user=ALICE[0], group=ALICE[0], extra_groups=[])

    def end(self):
        """Returns the exit code: 0 if none of them has noticed anything."""
        self.stop.touch()
        print(self.process.communicate(timeout=harness.PATIENCE)[0])
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def say_pauses(machine, kind):
    pauses = sorted(int(word) for word in re.findall(r"another one went on after (\d+) ms", machine.log()))
    print(f"{kind}: {len(pauses)} drivers killed; without one for {pauses[len(pauses) // 2]} ms (median), "
          f"{pauses[len(pauses) * 99 // 100]} ms (99 of 100), {pauses[-1]} ms (longest)")


@pytest.mark.parametrize("kind", IMAGES)
def test_a_killed_driver_is_replaced_and_no_program_notices(scratch, source, kind):
    with Machine(scratch, settings=MANY_TIMES) as machine:
        machine.sit_down(ALICE)
        stick, volume = plugged(machine, IMAGES[kind](source, scratch))
        with Use(machine, volume["MountPoint"], source) as use:
            for _ in range(KILLS):
                time.sleep(random.uniform(0, 0.15))
                after = kill_driver(machine, stick)
            assert use.end() == 0
        say_pauses(machine, kind)
        assert after["Healed"]["count"] == KILLS and "SIGKILL" in after["Healed"]["cause"]
        assert after["DriverPid"] != volume["DriverPid"] and after["MountPoint"] == volume["MountPoint"]
        path = machine.volume_of(stick)[0]
        machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")
        assert machine.volume_of(stick)[1]["LastUnmount"]["outcome"] == "safe"
        harness.wait_until(lambda: not machine.children(), DEADLINE, "the last driver to end")


def test_without_it_every_program_notices(scratch, source):
    """The control run: the same use of the same medium, with heal = "off"."""
    with Machine(scratch, settings='\nheal = "off"\n') as machine:
        machine.sit_down(ALICE)
        stick, volume = plugged(machine, iso_of(source, scratch))
        with Use(machine, volume["MountPoint"], source) as use:
            time.sleep(0.2)
            os.kill(volume["DriverPid"], signal.SIGKILL)
            _, dead = machine.wait_for_state(stick, "dead")
            assert use.end() != 0
        assert dead["Death"]["kind"] == "signal" and dead["Healed"] == {}


def test_a_medium_that_is_written_to_is_a_dead_mount_as_ever(machine):
    """What its driver had not put on it yet, no other one knows."""
    stick = machine.make_stick().plug()
    _, volume = machine.wait_for_state(stick, "mounted")
    assert not volume["MountedReadOnly"]
    os.kill(volume["DriverPid"], signal.SIGKILL)
    assert machine.wait_for_state(stick, "dead")[1]["Healed"] == {}


def test_a_driver_that_hangs_is_replaced(scratch, source):
    with Machine(scratch, settings='\n[deadlines]\nheartbeat = 1\nsilence = 2\n') as machine:
        machine.sit_down(ALICE)
        stick, volume = plugged(machine, iso_of(source, scratch))
        asking = machine.reader(ALICE, f"{volume['MountPoint']}/many/7")
        with asking:
            os.kill(volume["DriverPid"], signal.SIGSTOP)
            with harness.within(6):
                assert machine.read_as(ALICE, f"{volume['MountPoint']}/many/8") == "small"
        healed = harness.wait_until(lambda: machine.volume_of(stick)[1]["Healed"], DEADLINE, "the news")
        assert healed["count"] == 1 and "did not answer" in healed["cause"]


def test_a_driver_that_dies_too_often_is_not_replaced_again(machine, scratch, source):
    stick, volume = plugged(machine, iso_of(source, scratch))
    for _ in range(3):
        kill_driver(machine, stick)
    with harness.within(1):
        os.kill(machine.volume_of(stick)[1]["DriverPid"], signal.SIGKILL)
        _, dead = machine.wait_for_state(stick, "dead")
    assert dead["Healed"]["count"] == 3 and "SIGKILL" in dead["Death"]["cause"]
    assert machine.run_as(ALICE, ["ls", volume["MountPoint"]]).returncode != 0


def live_state_of(pid):
    """Where the memory is that a driver shares with its successor."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        if "airlock-live-state" in line:
            return int(line.split("-")[0], 16)
    raise harness.HarnessError(f"process {pid} has no live state")


@pytest.mark.parametrize("place, word", [(0, b"\0" * 8), (8, b"\xff" * 8), (20, b"\xff" * 40), (16 + 104 + 16, b"\1" * 8)],
                         ids=["nothing there", "impossible lengths", "no request", "another answer"])
def test_no_driver_goes_on_from_a_state_that_makes_no_sense(machine, scratch, source, place, word):
    """A driver that was taken over can write there what it likes."""
    stick, volume = plugged(machine, iso_of(source, scratch))
    pid = volume["DriverPid"]
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(live_state_of(pid) + place)
        memory.write(word)
    with harness.within(2):
        os.kill(pid, signal.SIGKILL)
        _, dead = machine.wait_for_state(stick, "dead")
    assert "no other one could go on" in dead["Death"]["cause"], dead["Death"]
    assert machine.run_as(ALICE, ["ls", volume["MountPoint"]]).returncode != 0


def unmount_on_the_bus(machine, path, _):
    machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")


def unmount_lazily(machine, _, place):
    harness.run(["umount", "-l", place])


def unmount_with_umount(machine, _, place):
    """It looks at the place first, and so waits for the new driver."""
    harness.run(["umount", place], allowed=None)


@pytest.mark.parametrize("unmount", [unmount_on_the_bus, unmount_lazily, unmount_with_umount])
def test_an_unmount_while_there_is_no_driver_does_not_wait(scratch, source, unmount):
    with Machine(scratch, settings=MANY_TIMES, automount="off") as machine:
        machine.sit_down(ALICE)
        machine.allow("mount-removable")
        stick = machine.stick_of(iso_of(source, scratch)).plug(read_only=True)
        path, _ = machine.wait_for_state(stick, "available")
        for pause in (0, 0.001, 0.005, 0.02, 0.05):
            place = machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
            assert place.startswith(str(machine.base))
            os.kill(machine.volume_of(stick)[1]["DriverPid"], signal.SIGKILL)
            time.sleep(pause)
            with harness.within(2):
                unmount(machine, path, place)
            machine.wait_for_state(stick, "available")
            harness.wait_until(lambda: not machine.mounts() and not machine.children(), DEADLINE, "nothing to be left")


def test_a_medium_that_is_pulled_out_while_there_is_no_driver(machine, scratch, source):
    stick, volume = plugged(machine, iso_of(source, scratch))
    os.kill(volume["DriverPid"], signal.SIGKILL)
    stick.pull()
    with harness.within(3):
        machine.wait_gone(stick)
    harness.wait_until(lambda: not machine.mounts() and not machine.children(), DEADLINE, "nothing to be left")


def test_when_airlockd_dies_too_the_mount_is_dead_at_once(machine, scratch, source):
    """Nobody is left to start another driver, so nobody waits for one."""
    stick, volume = plugged(machine, iso_of(source, scratch))
    machine.stop_daemon(signal.SIGKILL)
    os.kill(volume["DriverPid"], signal.SIGKILL)
    with harness.within(1):
        assert machine.run_as(ALICE, ["ls", volume["MountPoint"]]).returncode != 0
    machine.start_daemon()
    machine.wait_for_state(stick, "dead")


def test_a_restart_of_airlockd_leaves_the_driver_alone_and_nobody_waiting(machine, scratch, source):
    """So far a restarted airlockd cannot replace the driver: the mount is dead as ever."""
    stick, volume = plugged(machine, iso_of(source, scratch))
    machine.stop_daemon()
    machine.start_daemon()
    _, again = machine.wait_for_state(stick, "mounted")
    assert again["DriverPid"] == volume["DriverPid"]
    with harness.within(1):
        os.kill(volume["DriverPid"], signal.SIGKILL)
        machine.wait_for_state(stick, "dead")


def test_the_image_of_a_user_is_healed_too(machine, scratch, source):
    """Its driver held the only claim on it; the file comes from the user's own descriptor."""
    machine.allow("mount-image")
    image = iso_of(source, scratch)
    os.chown(image, *[ALICE[0]] * 2)
    with machine.image_opener(ALICE, image, mode="r") as path:
        place = machine.call_as(ALICE, path, VOLUME, "Mount", "(@a{sv} {},)")
        before = machine.volumes()[path]
        os.kill(before["DriverPid"], signal.SIGKILL)
        assert machine.read_as(ALICE, f"{place}/many/9") == "small"
        healed = harness.wait_until(lambda: machine.volumes()[path]["Healed"], DEADLINE, "the news")
        assert healed["count"] == 1
        machine.call_as(ALICE, path, VOLUME, "Unmount", "(@a{sv} {},)")


def test_a_person_is_told(machine, scratch, source):
    stick, _ = plugged(machine, iso_of(source, scratch))
    kill_driver(machine, stick)
    done = machine.run_as(ALICE, [harness.built("cli/ctl/airlockctl"), "info", stick.device], env=machine.environment)
    assert "1 time: the driver was killed by SIGKILL; another one went on, nothing was lost" in done.stdout, done.stdout
    assert "another one went on after" in machine.log()
