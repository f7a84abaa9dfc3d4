# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick is pulled out while something is going on. Whatever it was ends, and nothing stays behind."""
import pytest

from machine import DEADLINE, MIB, wait_until
from steps import (AT_THE_MACHINE, KINDS, STICKS, expect_nothing_left, wait_for_mount,
                   wait_until_forgotten)

# So slow that what goes on has not ended when the stick is pulled.
SLOW = MIB // 8


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def expect_gone(machine, stick, place):
    wait_until_forgotten(machine, stick.device)
    assert machine.mounts(stick.device) == []
    expect_nothing_left(machine, place)


def expect_another_works(machine, make_image):
    stick = machine.plug(make_image("ext4", label="ANOTHER"))
    machine.run(f"touch {wait_for_mount(machine, stick.device)}/file", **AT_THE_MACHINE)


@pytest.mark.parametrize("kind, how", STICKS)
def test_idle(machine, automount, make_image, kind, how):
    stick = machine.plug(make_image(kind), how)
    place = wait_for_mount(machine, stick.device)
    machine.unplug(stick)
    expect_gone(machine, stick, place)
    expect_another_works(machine, make_image)


def test_with_an_open_file(machine, automount, make_image, kind):
    stick = machine.plug(make_image(kind))
    place = wait_for_mount(machine, stick.device)
    machine.run(f"echo text >{place}/file; sync -f {place}/file", **AT_THE_MACHINE)
    holder = machine.start(f"cd {place}; exec 3<file; echo $$ >/tmp/holder; sleep 600; cat <&3", **AT_THE_MACHINE)
    wait_until(lambda: machine.succeeds("test -s /tmp/holder"), DEADLINE, "somebody to use it")
    machine.unplug(stick)
    expect_gone(machine, stick, place)
    machine.run("pkill -P $(cat /tmp/holder)")
    # What it had read before may come from memory; that it comes to an end is what counts.
    holder.wait(allowed=None)


def test_while_writing(machine, automount, make_image, kind):
    stick = machine.plug(make_image(kind), speed=SLOW)
    place = wait_for_mount(machine, stick.device)
    writer = machine.start(f"exec dd if=/dev/zero of={place}/file bs=64k conv=fsync", **AT_THE_MACHINE)
    wait_until(lambda: machine.text(f"stat -c %s {place}/file || :", **AT_THE_MACHINE) not in ("", "0"), DEADLINE,
               "something to be written")
    machine.unplug(stick)
    assert writer.wait(allowed=1).code == 1
    expect_gone(machine, stick, place)
    expect_another_works(machine, make_image)


ROUNDS = 50


def newest_disk(machine):
    return wait_until(lambda: machine.text("lsblk -dno NAME | grep ^sd | tail -n 1 || :"), DEADLINE, "the disk")
