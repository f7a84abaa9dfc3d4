# SPDX-License-Identifier: GPL-2.0-or-later
"""The tray as a program: panels that come and go, a second start, an airlockd that does not answer,
and its costs. bus_demo stands in for airlockd.
"""
import os
import signal
import subprocess
import time

import harness
import pytest
from desktop import DEADLINE, Desktop
from machine import ALICE
from pictures import Picture, brightness


def test_the_tray_comes_late_and_comes_back(demo, scratch):
    with Desktop(scratch, ALICE, demo.address, panel=False) as desktop:
        desktop.start_tray("--tray")
        desktop.wait_for_name("org.airlock1.Tray")
        panel = desktop.start_panel()
        desktop.wait_for_icon()
        desktop.stop(panel)
        harness.wait_until(lambda: not desktop.has_name("org.kde.StatusNotifierWatcher"), DEADLINE,
                           "the panel to go")
        desktop.start_panel()
        desktop.wait_for_icon()


def test_there_is_one_tray_per_session(demo, scratch):
    with Desktop(scratch, ALICE, demo.address, accessible=True) as desktop:
        first = desktop.start_tray("--tray")
        desktop.wait_for_icon()
        assert not desktop.shows("Nothing is plugged in.")
        assert desktop.start_tray().wait(DEADLINE) == 0
        desktop.wait_to_show("Nothing is plugged in.")
        assert first.poll() is None and len(desktop.items()) == 1


def test_it_goes_on_while_airlockd_is_stopped(demo, scratch):
    with Desktop(scratch, ALICE, demo.address, accessible=True) as desktop:
        desktop.start_tray()
        demo.plug("sdb1", "HOLIDAY", "mounted")
        desktop.wait_to_show("HOLIDAY")
        demo.process.send_signal(signal.SIGSTOP)
        try:
            desktop.press("Unmount")
            desktop.wait_to_show("Working")
            with harness.within(5):
                desktop.probe("tree")
        finally:
            demo.process.send_signal(signal.SIGCONT)
        desktop.wait_to_show("not mounted")


def test_how_it_is_started_wrongly_is_said(scratch):
    def start(*words, **more):
        return subprocess.run([harness.built("ui/airlock-tray"), *words], env=environment | more,
                              capture_output=True, text=True, timeout=DEADLINE, check=False)
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(scratch), "HOME": str(scratch)}
    dark = start()
    assert (dark.returncode, dark.stderr) == (1, "airlock-tray: there is no display here; airlockctl needs none\n")
    # Qt itself reports a named display that does not exist.
    for named in ({"WAYLAND_SOCKET": "3"}, {"DISPLAY": ":77"}):
        assert "no display here" not in start(**named).stderr
    assert "no display here" not in start("-display", ":77").stderr
    environment["QT_QPA_PLATFORM"] = "offscreen"
    more = start("sdb1")
    assert more.returncode == 1 and "Usage: " in more.stdout, vars(more)


def test_it_is_quick_small_and_quiet(demo, scratch):
    """The fastest of a few starts, because other programs run on this machine as well."""
    with Desktop(scratch, ALICE, demo.address) as desktop:
        demo.plug("sdb1", "HOLIDAY", "mounted")
        watches = []
        for _ in range(5):
            with harness.watching() as watch:
                tray = desktop.start_tray("--tray")
                desktop.wait_for_icon()
            watches.append(watch)
            desktop.wait_for_tooltip("1 medium mounted")
            if len(watches) < 5:
                desktop.stop(tray)
                harness.wait_until(lambda: not desktop.items(), DEADLINE, "the icon to go")
        times = [str(watch) for watch in watches]
        print(f"icon after {times}")
        assert any(watch.keeps(0.3) for watch in watches), times
        resident = resident_kilobytes(tray.pid)
        print(f"resident {resident} KiB")
        assert resident < 60 * 1024
        assert wake_ups(tray.pid, seconds=4) == 0


def resident_kilobytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def wake_ups(pid, seconds):
    """How often any thread ran, once it was idle."""
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


@pytest.mark.parametrize("language, code, died, crashed, wait", [
    ("german", "de", "ausgefallen", "abgestürzt", "noch nicht abziehen"),
    ("english", "en", "died", "crashed", "do not unplug it yet")])
def test_every_state_can_be_seen(demo, scratch, language, code, died, crashed, wait):
    """Also in a dark panel, in two languages, and with a label that tries to be something else."""
    demo.plug("sdb1", "HOLIDAY", "mounted")
    demo.plug("sdc1", "Backup <b>bold</b> \u202egnp.exe", "dead", Death="death 11")
    demo.plug("sdd1", "Fotos & Filme", "unmounting")
    demo.plug("sde1", "KAMERA", "waiting")
    demo.plug("sdf1", "TWINS", "refused", StateReason="more than one filesystem claims it: ext4, vfat")
    demo.tell("addjob 1", "setjob 1 Operation s unmount", "setjob 1 BytesLeft t 312000000")
    with Desktop(scratch, ALICE, demo.address, accessible=True, dark=True) as desktop:
        desktop.start_tray("-style", "fusion", environment={"LC_ALL": "C.UTF-8", "LANGUAGE": code})
        desktop.wait_for_tooltip(died)
        desktop.wait_to_show(crashed, "SIGSEGV")
        desktop.wait_to_show("Backup <b>bold</b> \\u{202e}gnp.exe")
        desktop.wait_to_show("Fotos & Filme", wait)
        desktop.screenshot(f"7-all-states-{language}")
        demo.remove("sdc1")
        desktop.wait_to_show("312")
        desktop.screenshot(f"8-writing-{language}")


def test_the_menu_of_a_panel_mounts(demo, scratch):
    demo.plug("sdb1", "HOLIDAY", "available")
    with Desktop(scratch, ALICE, demo.address) as desktop:
        desktop.start_tray("--tray")
        desktop.wait_for_tooltip("1 medium plugged in")
        harness.wait_until(lambda: desktop.choose_in_menu("HOLIDAY", "Mount"), DEADLINE, "the menu to have it")
        desktop.wait_for_tooltip("1 medium mounted")


def test_notifications_are_replaced_and_their_buttons_work(demo, scratch):
    with Desktop(scratch, ALICE, demo.address, notifications=False) as desktop:
        desktop.start_tray("--tray")
        desktop.wait_for_tooltip("Nothing is plugged in")
        demo.plug("sdb1", "A <b>& B", "mounted")
        harness.wait_until(lambda: len(desktop.told()) == 1, DEADLINE, "the first notification")
        demo.tell("set sdb1 Death death 11", "set sdb1 State s dead")
        harness.wait_until(lambda: len(desktop.told()) == 2, DEADLINE, "the second")
        first, second = desktop.told()
        assert first["title"] == "A <b>& B is mounted" and first["replaces"] == 0
        assert second["replaces"] == 1 and "SIGSEGV" in second["text"]
        assert "recover-read-only" in second["actions"]
        desktop.choose(1, "recover-read-only")
        harness.wait_until(lambda: len(desktop.told()) == 3, DEADLINE, "the third")
        assert desktop.told()[2]["replaces"] == 1 and "is mounted" in desktop.told()[2]["title"]


TEXT, SHAPES = 4.5, 3  # from the contrast rules for web pages
WRITTEN_ON = ("label", "push button", "page tab", "menu item")


@pytest.mark.parametrize("name, state, sentence", [
    ("10-dark-writing", ("set sdb1 State s unmounting", "addjob 1", "setjob 1 Operation s unmount",
                         "setjob 1 BytesLeft t 312000000", "setjob 1 Progress d 0.4"), "312.0 MB still to be written"),
    ("11-dark-dead", ("set sdb1 Death death 11", "set sdb1 State s dead"), "The ext4 driver crashed")])
def test_windows_can_be_read_on_a_dark_desktop(demo, scratch, name, state, sentence):
    demo.plug("sdb1", "HOLIDAY", "mounted")
    demo.tell(*state)
    with Desktop(scratch, ALICE, demo.address, panel=False, accessible=True, dark_windows=True) as desktop:
        desktop.start_tray("-style", "fusion")
        desktop.wait_to_show(sentence)
        window = Picture(desktop.screenshot(name))
        entries = desktop.probe("tree")
        frame = next(entry["place"] for entry in entries if entry["role"] == "frame")
        assert brightness(window.colours(*frame)[0][0]) < 0.1, "the window is not dark"
        words = [entry for entry in entries if entry["role"] in WRITTEN_ON and entry["name"]]
        assert len(words) > 8
        for entry in words:
            assert window.contrast(entry["place"]) >= TEXT, entry
        media = [entry["place"] for entry in entries if entry["role"] == "list item"]
        bars = [entry["place"] for entry in entries if entry["role"] == "progress bar"]
        assert len(media) == 1 and len(bars) == ("writing" in name)
        for left, top, width, height in media + bars:
            icon_or_bar = (left, top, min(width, 44), height)
            assert window.contrast(icon_or_bar) >= SHAPES, (left, top)


def test_windows_become_dark_when_the_desktop_does(demo, scratch):
    """According to its portal, at the start of the tray and later."""
    demo.plug("sdb1", "HOLIDAY", "dead", Death="death 11")
    with Desktop(scratch, ALICE, demo.address, panel=False, accessible=True) as desktop:
        portal = desktop.start_portal()
        desktop.start_tray("-style", "fusion")
        desktop.wait_to_show("The ext4 driver crashed")

        def is_dark():
            window = Picture(desktop.screenshot("12-told-to-be-dark"))
            return brightness(window.colours(*menu_bar)[0][0]) < 0.1
        menu_bar = next(entry["place"] for entry in desktop.probe("tree") if entry["role"] == "menu bar")
        harness.wait_until(is_dark, DEADLINE, "the window to be dark")
        portal.say_colour_scheme("default")
        harness.wait_until(lambda: not is_dark(), DEADLINE, "the window to be light again")
        portal.say_colour_scheme("dark")
        harness.wait_until(is_dark, DEADLINE, "the window to be dark again")
