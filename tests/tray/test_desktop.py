# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick's life from the view of the person at the machine: the real airlockd, its driver and a loop
device; the tray, a panel and a notification daemon on an invisible screen. The test presses buttons
through the accessibility tree, and leaves a picture of each state in the build folder.
"""
import os
import signal

import harness
from desktop import DEADLINE, Desktop
from machine import ALICE


def test_the_life_of_a_stick(machine, scratch):
    with Desktop(scratch, ALICE, machine.address, accessible=True) as desktop:
        desktop.start_tray()
        desktop.wait_for_tooltip("plugged in")  # nothing, or other media of this machine
        desktop.screenshot("1-nothing")

        stick = machine.make_stick("HOLIDAY", {"hello.txt": "hello"}, size="37M").plug()
        _, volume = machine.wait_for_state(stick, "mounted")
        desktop.wait_for_tooltip("1 medium mounted")
        harness.wait_until(lambda: desktop.notifications() == 1, DEADLINE, "a notification")
        harness.wait_until(lambda: desktop.choose_in_menu("HOLIDAY", "Details"), DEADLINE, "the menu to have it")
        desktop.wait_to_show("free")
        desktop.screenshot("2-mounted")
        every_action_is_named(desktop, {"Open", "Unmount", "Eject"})

        desktop.press("Open")
        harness.wait_until(desktop.opened, DEADLINE, "the file manager")
        assert desktop.opened() == [f"file://{volume['MountPoint']}"]

        os.kill(volume["DriverPid"], signal.SIGKILL)
        machine.wait_for_state(stick, "dead")
        desktop.wait_for_tooltip("The driver of 1 medium died")
        desktop.wait_to_show("The ext4 driver was killed (SIGKILL).")
        assert desktop.notifications() == 1, "notifications are replaced, not stacked"
        desktop.press("Details")
        desktop.wait_to_show("airlock-ext")
        desktop.screenshot("3-dead")
        every_action_is_named(desktop, {"Mount again read-only", "Mount again", "Detach", "Copy the details"})

        desktop.press("Mount again read-only")
        _, volume = machine.wait_for_state(stick, "mounted")
        assert volume["MountedReadOnly"]
        desktop.wait_to_show("mounted, read-only")
        desktop.screenshot("4-recovered")

        with machine.reader(ALICE, f"{volume['MountPoint']}/hello.txt"):
            desktop.press("Eject")
            desktop.wait_to_show("Could not eject HOLIDAY", "in use by")
            desktop.screenshot("5-in-use")
        desktop.press("Eject")
        machine.wait_gone(stick)
        harness.wait_until(lambda: not desktop.shows("HOLIDAY"), DEADLINE, "the window to forget it")
        harness.wait_until(lambda: desktop.notifications() == 1, DEADLINE, "the farewell")
        desktop.screenshot("6-ejected")


def test_a_damaged_stick_is_looked_at_and_mended(machine, scratch):
    stick = machine.make_stick("HURT", {"kept.txt": "gone", "other.txt": "still here"}, size="37M")
    for damage in ("unlink kept.txt", "ssv state 0"):
        harness.run(["debugfs", "-w", "-R", damage, stick.image])
    with Desktop(scratch, ALICE, machine.address, accessible=True) as desktop:
        desktop.start_tray()
        stick.plug()
        _, volume = machine.wait_for_state(stick, "mounted")
        assert volume["MountedReadOnly"], volume
        harness.wait_until(lambda: desktop.choose_in_menu("HURT", "Details"), DEADLINE, "the menu to have it")
        desktop.wait_to_show("Read-only. The check before mounting says: 1 problem found")
        desktop.screenshot("7-damaged")

        desktop.press("Unmount")
        machine.wait_for_state(stick, "available")
        desktop.press("Check")
        desktop.wait_until(lambda: machine.volume_of(stick)[1]["LastCheck"]["operation"] == "check", "a new check")
        desktop.wait_to_show("Last check: 1 problem found; the first: Unattached inode")
        desktop.press("Repair")
        desktop.wait_until(lambda: machine.volume_of(stick)[1]["LastCheck"].get("verdict") == "clean", "the repair")
        desktop.wait_to_show("Last check: 2 problems corrected; the first: Unattached inode")
        desktop.wait_to_show("not mounted: unmounted; it can be removed safely")
        desktop.screenshot("8-mended")
        desktop.press("Mount")
        _, volume = machine.wait_for_state(stick, "mounted")
        assert not volume["MountedReadOnly"]
        assert machine.read_as(ALICE, f"{volume['MountPoint']}/other.txt") == "still here"


def test_it_stays_awake_while_airlockd_sleeps(machine, scratch):
    with Desktop(scratch, ALICE, machine.address, accessible=True) as desktop:
        desktop.start_tray()
        stick = machine.make_stick("HOLIDAY", size="37M").plug()
        machine.wait_for_state(stick, "mounted")
        desktop.wait_to_show("HOLIDAY")
        machine.daemon.send_signal(signal.SIGSTOP)
        try:
            desktop.press("Unmount")
            desktop.wait_to_show("Working")
        finally:
            machine.daemon.send_signal(signal.SIGCONT)
        machine.wait_for_state(stick, "available")
        desktop.wait_to_show("not mounted")


def every_action_is_named(desktop, wanted):
    """A screen reader can say what each control does, reach it and press it."""
    tree = desktop.probe("tree")
    controls = [entry for entry in tree if entry["active"]]
    nameless = [entry for entry in controls if not entry["name"]]
    assert not nameless, nameless
    found = {entry["name"].split(":")[0]: entry for entry in controls}
    assert wanted <= set(found), (wanted, sorted(found))
    for name in wanted:
        assert found[name]["focusable"] and found[name]["actions"], found[name]
