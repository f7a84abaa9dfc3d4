# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick's life as the person at the machine sees it: the real airlockd, its driver and a loop
device; the tray, a panel and a notification daemon on a screen nobody sees. What is pressed is
pressed through the accessibility tree, and each state is left as a picture in the build folder.
"""
import os
import signal
import time

import harness
from desktop import DEADLINE, Desktop
from machine import ALICE


def test_the_life_of_a_stick(machine, scratch):
    with Desktop(scratch, ALICE, machine.address, accessible=True) as desktop:
        desktop.start_tray()
        desktop.wait_for_tooltip("Nothing is plugged in")
        desktop.wait_to_show("Nothing is plugged in.")
        desktop.screenshot("1-nothing")

        stick = machine.make_stick("HOLIDAY", {"hello.txt": "hello"}).plug()
        _, volume = machine.wait_for_state(stick, "mounted")
        desktop.wait_for_tooltip("1 medium mounted")
        harness.wait_until(lambda: desktop.notifications() == 1, DEADLINE, "a notification")
        desktop.wait_to_show("free")
        desktop.screenshot("2-mounted")
        every_action_is_named(desktop, {"open", "unmount"})

        desktop.press("open")
        harness.wait_until(desktop.opened, DEADLINE, "the file manager")
        assert desktop.opened() == [f"file://{volume['MountPoint']}"]

        os.kill(volume["DriverPid"], signal.SIGKILL)
        machine.wait_for_state(stick, "dead")
        desktop.wait_for_tooltip("The driver of 1 medium died")
        desktop.wait_to_show("The ext4 driver was killed (SIGKILL).")
        assert desktop.notifications() == 1, "notifications are replaced, not stacked"
        desktop.press("details")
        desktop.wait_to_show("airlock-ext")
        desktop.screenshot("3-dead")
        every_action_is_named(desktop, {"recover-read-only", "recover", "detach", "copy-details"})

        desktop.press("recover-read-only")
        _, volume = machine.wait_for_state(stick, "mounted")
        assert volume["MountedReadOnly"]
        desktop.wait_to_show("mounted, read-only")
        desktop.screenshot("4-recovered")

        with machine.reader(ALICE, f"{volume['MountPoint']}/hello.txt"):
            desktop.press("eject")
            desktop.wait_to_show("Could not eject HOLIDAY", "in use by")
            desktop.screenshot("5-in-use")
        desktop.press("eject")
        machine.wait_gone(stick)
        desktop.wait_for_tooltip("Nothing is plugged in")
        harness.wait_until(lambda: desktop.notifications() == 1, DEADLINE, "the farewell")
        desktop.screenshot("6-ejected")


def every_action_is_named(desktop, wanted):
    """A screen reader can say what each control does, reach it and press it."""
    tree = desktop.probe("tree")
    controls = [entry for entry in tree if entry["active"]]
    nameless = [entry for entry in controls if not entry["name"]]
    assert not nameless, nameless
    found = {entry["id"]: entry for entry in controls}
    assert wanted <= set(found), (wanted, sorted(found))
    for name in wanted:
        assert found[name]["focusable"] and found[name]["actions"], found[name]


def test_the_tray_comes_late_and_comes_back(machine, scratch):
    with Desktop(scratch, ALICE, machine.address, panel=False) as desktop:
        desktop.start_tray("--tray")
        desktop.wait_for_name("org.airlock1.Tray")
        panel = desktop.start_panel()
        desktop.wait_for_icon()
        desktop.stop(panel)
        harness.wait_until(lambda: not desktop.has_name("org.kde.StatusNotifierWatcher"), DEADLINE,
                           "the panel to go")
        desktop.start_panel()
        desktop.wait_for_icon()


def test_there_is_one_tray_per_session(machine, scratch):
    with Desktop(scratch, ALICE, machine.address, accessible=True) as desktop:
        first = desktop.start_tray("--tray")
        desktop.wait_for_icon()
        assert not desktop.shows("Nothing is plugged in.")
        assert desktop.start_tray().wait(DEADLINE) == 0
        desktop.wait_to_show("Nothing is plugged in.")
        assert first.poll() is None and len(desktop.items()) == 1


def test_it_goes_on_while_airlockd_is_stopped(machine, scratch):
    with Desktop(scratch, ALICE, machine.address, accessible=True) as desktop:
        desktop.start_tray()
        machine.make_stick().plug()
        desktop.wait_to_show("free")
        machine.daemon.send_signal(signal.SIGSTOP)
        try:
            desktop.press("unmount")
            desktop.wait_to_show("Working")
            begin = time.monotonic()
            desktop.probe("tree")
            assert time.monotonic() - begin < 5
        finally:
            machine.daemon.send_signal(signal.SIGCONT)
        desktop.wait_to_show("not mounted")


def test_it_is_quick_small_and_quiet(machine, scratch):
    """The quickest of a few starts, since other things run on this machine as well."""
    with Desktop(scratch, ALICE, machine.address) as desktop:
        machine.make_stick().plug()
        times = []
        for _ in range(5):
            begin = time.monotonic()
            tray = desktop.start_tray("--tray")
            desktop.wait_for_icon()
            times.append(time.monotonic() - begin)
            desktop.wait_for_tooltip("1 medium mounted")
            if len(times) < 5:
                desktop.stop(tray)
                harness.wait_until(lambda: not desktop.items(), DEADLINE, "the icon to go")
        print(f"icon after {min(times) * 1000:.0f} ms of {[round(t * 1000) for t in times]}")
        assert min(times) < 0.3, times
        resident = resident_kilobytes(tray.pid)
        print(f"resident {resident} KiB")
        assert resident < 60 * 1024
        assert wake_ups(tray.pid, seconds=4) == 0


def resident_kilobytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def wake_ups(pid, seconds):
    """How often any thread ran, once it had nothing to do any more."""
    def switches():
        total = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as status:
                total += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
        return total
    counts = []

    def quiet():
        begin = switches()
        time.sleep(seconds)
        counts.append(switches() - begin)
        return counts[-1] == 0
    for _ in range(3):
        if quiet():
            break
    return min(counts)
