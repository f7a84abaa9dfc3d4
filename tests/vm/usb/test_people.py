# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what, with the real polkit and the real logind."""
import pytest

from machine import DEADLINE, wait_until
from steps import AT_THE_MACHINE, expect_nothing_left, wait_for_mount, wait_for_state

NOT_ALLOWED = 4


@pytest.fixture
def stick(machine, make_image):
    """Plugged in and not mounted."""
    stick = machine.plug(make_image("ext4"))
    wait_for_state(machine, stick.device, "available")
    return stick


@pytest.fixture
def other(machine):
    """A second person, logged in at the second terminal, who has the screen."""
    machine.run("systemctl start getty@tty2")
    wait_until(lambda: machine.session_of("other"), DEADLINE, "the second one to log in")
    switch_to(machine, "other")
    return {"user": "other", "session": True}


def switch_to(machine, person):
    number = machine.session_of(person)
    machine.run(f"loginctl activate {number}")
    wait_until(lambda: machine.text(f"loginctl show-session -P Active {number}") == "yes", DEADLINE,
               f"{person} to be in front of the screen")


def ask(machine, verb, device, allowed=0, **who):
    return machine.run(f"airlockctl {verb} --no-ask {device}", allowed=allowed, **who)


def test_who_sits_there_may(machine, stick):
    ask(machine, "mount", stick.device, **AT_THE_MACHINE)
    place = machine.volume(stick.device)["MountPoint"]
    ask(machine, "unmount", stick.device, **AT_THE_MACHINE)
    expect_nothing_left(machine, place)
    ask(machine, "eject --power-off", stick.device, **AT_THE_MACHINE)


@pytest.mark.parametrize("person", ["user", "other"])
def test_who_came_over_the_network_may_not(machine, stick, person):
    # As over ssh: a session of logind's, without a seat. It gets no rights from the fact that a person of the same name
    # sits at the machine.
    session = ("XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user su -l {person} -c"
               " 'loginctl show-session $XDG_SESSION_ID; {command}'")
    for verb in ("mount", "eject"):
        command = f"airlockctl {verb} --no-ask {stick.device}"
        told = machine.run(session.format(person=person, command=command), allowed=NOT_ALLOWED).text
        assert "Class=user" in told and "Active=yes" in told and "Seat=" not in told
    assert machine.mounts(stick.device) == []


@pytest.mark.parametrize("person", ["user", "other"])
def test_who_has_no_session_may_not(machine, stick, person):
    ask(machine, "mount", stick.device, user=person, allowed=NOT_ALLOWED)
    assert machine.mounts(stick.device) == []


def test_who_sits_in_the_background_may_not(machine, stick, other):
    ask(machine, "mount", stick.device, **AT_THE_MACHINE, allowed=NOT_ALLOWED)
    ask(machine, "mount", stick.device, **other)
    switch_to(machine, "user")
    ask(machine, "unmount", stick.device, **other)


def test_what_one_mounted_is_not_another_s_to_unmount(machine, stick, other):
    switch_to(machine, "user")
    ask(machine, "mount", stick.device, **AT_THE_MACHINE)
    place = machine.volume(stick.device)["MountPoint"]
    switch_to(machine, "other")
    for verb in ("unmount", "eject", "unmount --force"):
        ask(machine, verb, stick.device, **other, allowed=NOT_ALLOWED)
    machine.run(f"ls {place}", **other, allowed=2)
    # Its owner may, even from the background.
    ask(machine, "unmount", stick.device, **AT_THE_MACHINE)


def test_a_new_stick_is_for_who_is_in_front_of_the_screen(machine, automount, make_image, other):
    stick = machine.plug(make_image("vfat"))
    assert wait_for_mount(machine, stick.device) == "/run/media/other/STICK"
    assert machine.volume(stick.device)["MountedFor"] == 1001


RULE = """
polkit.addRule(function(action, subject) {
  if (action.id == "org.airlock1.mount-removable" && subject.user == "user")
    return action.lookup("drive.serial") == "GOOD" ? polkit.Result.YES : polkit.Result.NO;
});
"""


def test_a_rule_by_serial_number(machine, make_image):
    good = machine.plug(make_image("ext4", label="GOOD"), serial="GOOD")
    bad = machine.plug(make_image("ext4", label="BAD"), serial="BAD")
    machine.write("/etc/polkit-1/rules.d/10-serial.rules", RULE.encode())
    machine.run("systemctl restart polkit")
    ask(machine, "mount", bad.device, **AT_THE_MACHINE, allowed=NOT_ALLOWED)
    ask(machine, "mount", good.device, **AT_THE_MACHINE)
    assert machine.mounts(bad.device) == [] and machine.mounts(good.device)


# logind does everything as for a sleeping and waking machine, but this one stays awake.
AWAKE = "[Service]\nExecStart=\nExecStart=/bin/true\n"
LOGIND = "org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager"
SLOWLY = "[Login]\nInhibitDelayMaxSec=600\n"


def test_on_the_way_to_sleep_sticks_wait(machine, automount, make_image):
    machine.write("/etc/systemd/system/systemd-suspend.service.d/awake.conf", AWAKE.encode())
    machine.write("/etc/systemd/logind.conf.d/slowly.conf", SLOWLY.encode())
    machine.run("systemctl daemon-reload; systemctl restart systemd-logind; systemctl start airlockd")
    holder = machine.start("echo $$ >/tmp/holder; exec systemd-inhibit --mode=delay --what=sleep sleep 600")
    wait_until(lambda: machine.succeeds("systemd-inhibit --list | grep -q delay"), DEADLINE, "sleep to be put off")
    machine.run(f"busctl call {LOGIND} Suspend b false")
    assert machine.text(f"busctl get-property {LOGIND} PreparingForSleep") == "b true"
    stick = machine.plug(make_image("ext4"))
    wait_for_state(machine, stick.device, "waiting")
    machine.run("kill $(cat /tmp/holder)")
    holder.wait(allowed=None)
    wait_for_mount(machine, stick.device)
