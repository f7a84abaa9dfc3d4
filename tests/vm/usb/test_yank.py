# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick is pulled out during an operation. The operation ends, and nothing is left."""
import pytest

from machine import DEADLINE, MIB, wait_until
from steps import (AT_THE_MACHINE, KINDS, STICKS, expect_nothing_left, wait_for_mount, wait_for_state,
                   wait_until_forgotten)

# So slow that the operation has not ended when the stick is pulled.
SLOW = MIB // 8
MAY_BE_LOST = " before it was unmounted: the latest changes may be lost"


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def expect_gone(machine, stick, place):
    wait_until_forgotten(machine, stick.device)
    assert machine.mounts(stick.device) == []
    expect_nothing_left(machine, place)


def expect_told(machine, stick, words):
    name = stick.device.removeprefix("/dev/")
    wait_until(lambda: f"{name}: the medium was pulled out{words}" in machine.text("journalctl -o cat -u airlockd"),
               DEADLINE, f"airlockd to tell that {name} was pulled out{words}")


def expect_another_works(machine, make_image):
    stick = machine.plug(make_image("ext4", label="ANOTHER"))
    machine.run(f"touch {wait_for_mount(machine, stick.device)}/file", **AT_THE_MACHINE)


@pytest.mark.parametrize("kind, how", [STICKS[0], pytest.param(*STICKS[1], marks=pytest.mark.every_time), STICKS[2]])
def test_idle(machine, automount, make_image, kind, how):
    stick = machine.plug(make_image(kind), how)
    place = wait_for_mount(machine, stick.device)
    machine.unplug(stick)
    expect_gone(machine, stick, place)
    expect_told(machine, stick, MAY_BE_LOST)
    expect_another_works(machine, make_image)


@pytest.mark.every_time
def test_what_became_of_it_is_told(machine, automount, make_image):
    protected = machine.plug(make_image("ext4", label="PROTECTED"), read_only=True)
    died = machine.plug(make_image("vfat", label="DIED"))
    places = [wait_for_mount(machine, stick.device) for stick in (protected, died)]
    machine.run(f"kill -KILL {machine.volume(died.device, 'DriverPid')}")
    wait_for_state(machine, died.device, "dead")
    for stick, words in ((protected, "; it was mounted read-only, nothing is lost"),
                         (died, " after its driver had died")):
        machine.unplug(stick)
        wait_until_forgotten(machine, stick.device)
        expect_told(machine, stick, words)
    for place in places:
        expect_nothing_left(machine, place)


def test_with_an_open_file(machine, automount, make_image, kind):
    stick = machine.plug(make_image(kind))
    place = wait_for_mount(machine, stick.device)
    machine.run(f"echo text >{place}/file; sync -f {place}/file", **AT_THE_MACHINE)
    holder = machine.start(f"cd {place}; exec 3<file; echo $$ >/tmp/holder; sleep 600; cat <&3", **AT_THE_MACHINE)
    wait_until(lambda: machine.succeeds("test -s /tmp/holder"), DEADLINE, "somebody to use it")
    machine.unplug(stick)
    expect_gone(machine, stick, place)
    machine.run("pkill -P $(cat /tmp/holder)")
    # Earlier data may come from memory; what matters is that the command ends.
    holder.wait(allowed=None)


def test_while_reading(machine, automount, make_image, kind):
    image = make_image(kind)
    stick = machine.plug(image)
    place = wait_for_mount(machine, stick.device)
    machine.run(f"head -c 10000000 /dev/urandom >{place}/file", **AT_THE_MACHINE)
    machine.run(f"airlockctl unmount {stick.device}", **AT_THE_MACHINE)
    machine.unplug(stick)
    wait_until_forgotten(machine, stick.device)
    stick = machine.plug(image, speed=SLOW)
    place = wait_for_mount(machine, stick.device)
    reader = machine.start(f"exec cat {place}/file >/tmp/copy", **AT_THE_MACHINE)
    wait_until(lambda: machine.succeeds("test -s /tmp/copy"), DEADLINE, "somebody to read")
    machine.unplug(stick)
    assert reader.wait(allowed=1).code == 1
    expect_gone(machine, stick, place)


@pytest.mark.every_time
def test_while_writing(machine, automount, make_image, kind):
    stick = machine.plug(make_image(kind), speed=SLOW)
    place = wait_for_mount(machine, stick.device)
    writer = machine.start(f"exec dd if=/dev/zero of={place}/file bs=64k conv=fsync", **AT_THE_MACHINE)
    wait_until(lambda: machine.text(f"stat -c %s {place}/file || :", **AT_THE_MACHINE) not in ("", "0"), DEADLINE,
               "something to be written")
    machine.unplug(stick)
    assert writer.wait(allowed=1).code == 1
    expect_gone(machine, stick, place)
    expect_told(machine, stick, MAY_BE_LOST)
    expect_another_works(machine, make_image)


def test_during_a_check(machine, settings, make_image, kind):
    settings('automount = "on"\ncheck = "always"\n')
    # A program started to look for it would come too late.
    check = machine.start("while :; do for file in /proc/[0-9]*/comm; do read -r name <$file;"
                          " [ \"$name\" != airlock-check ] || exit 0; done; done 2>/dev/null", timeout=DEADLINE)
    stick = machine.plug(make_image(kind), speed=SLOW)
    check.wait()
    assert wait_for_state(machine, stick.device, "mounting")
    machine.unplug(stick)
    expect_gone(machine, stick, "/run/media/user/STICK")
    wait_until(lambda: not machine.succeeds("pgrep 'lock-check|fsck'"), DEADLINE, "the check to end")
    expect_another_works(machine, make_image)


# udisks unmounts only its own mounts for a person.
@pytest.mark.parametrize("how, who", [("airlockctl unmount {device}", AT_THE_MACHINE),
                                      ("umount {place}", AT_THE_MACHINE),
                                      ("udisksctl unmount -b {device}", {})])
def test_during_unmount(machine, automount, make_image, how, who):
    stick = machine.plug(make_image("ext4"), speed=SLOW)
    place = wait_for_mount(machine, stick.device)
    machine.run(f"head -c 4000000 /dev/urandom >{place}/file", **AT_THE_MACHINE)
    leaving = machine.start(how.format(device=stick.device, place=place), **who)
    wait_until(lambda: machine.mounts(stick.device) == [] or machine.volume(stick.device, "State") == "unmounting",
               DEADLINE, "the unmount to begin")
    machine.unplug(stick)
    leaving.wait(allowed=None)
    expect_gone(machine, stick, place)
    expect_another_works(machine, make_image)


def test_what_udisks_mounted(machine, make_image, kind):
    stick = machine.plug(make_image(kind))
    machine.run(f"udisksctl mount -b {stick.device}", **AT_THE_MACHINE)
    (place, *_), = machine.mounts(stick.device)
    machine.unplug(stick)
    expect_gone(machine, stick, place)


ROUNDS = 50


def test_fifty_times_in_a_row(machine, automount, make_image):
    images = [make_image(kind, label=kind.upper()) for kind in KINDS]
    moments = [lambda stick: None,
               lambda stick: machine.run("udevadm settle"),
               machine.find,
               lambda stick: wait_for_mount(machine, machine.find(stick))]
    for number in range(ROUNDS):
        stick = machine.plug(images[number % len(images)], ("usb-storage", "usb-uas")[number % 2], wait=False)
        moments[number % len(moments)](stick)
        machine.unplug(stick)
    wait_until(lambda: machine.text("airlockctl list --quiet") == "", DEADLINE, "every volume to go")
    for kind in KINDS:
        expect_nothing_left(machine, f"/run/media/user/{kind.upper()}")
    assert machine.text("ls /run/media/user 2>/dev/null || :") == ""
    wait_until(lambda: not machine.succeeds("pgrep airlock-"), DEADLINE, "every process to end")
    assert machine.text("systemctl show -P NRestarts airlockd") == "0"
    expect_another_works(machine, make_image)
