# SPDX-License-Identifier: GPL-2.0-or-later
"""Events of a person's sticks without any action, with the real airlockd: pulled out early, waiting for the screen to
be unlocked, still being written."""
import sys

import harness
from desktop import DEADLINE, Desktop
from machine import ALICE, HERE, Asking

sys.path.insert(0, str(HERE.parent / "check"))
from odd_media import odd_medium  # noqa: E402

SIZE = 37 << 20


def titles(desktop):
    return [told["title"] for told in desktop.told()]


def test_pulled_out_early_it_says_what_may_be_lost(machine, scratch):
    with Desktop(scratch, ALICE, machine.address, notifications=False) as desktop:
        desktop.start_tray("--tray")
        desktop.wait_for_icon()
        stick = machine.make_stick("HOLIDAY", size="37M").plug()
        _, volume = machine.wait_for_state(stick, "mounted")
        harness.wait_until(lambda: titles(desktop) == ["HOLIDAY is mounted"], DEADLINE, "the first notification")
        assert machine.run_as(ALICE, ["sh", "-c", f"echo unsaved > {volume['MountPoint']}/note"]).returncode == 0
        stick.pull()
        harness.wait_until(lambda: "HOLIDAY was pulled out too early" in titles(desktop), DEADLINE, "the bad news")
        last = desktop.told()[-1]
        assert "the latest changes may be lost" in last["text"].lower() and last["replaces"] == 1, last
        machine.wait_gone(stick)


def test_pulled_out_when_nothing_could_be_lost_it_says_that(machine, scratch):
    with Desktop(scratch, ALICE, machine.address, notifications=False) as desktop:
        desktop.start_tray("--tray")
        desktop.wait_for_icon()
        stick = machine.make_stick("HOLIDAY", size="37M").plug(read_only=True)
        _, volume = machine.wait_for_state(stick, "mounted")
        assert volume["MountedReadOnly"]
        stick.pull()
        harness.wait_until(lambda: "HOLIDAY was pulled out too early" in titles(desktop), DEADLINE, "the news")
        assert "nothing is lost" in desktop.told()[-1]["text"]


def test_what_waits_for_the_screen_to_be_unlocked_is_counted_and_then_mounted(machine, scratch):
    with Desktop(scratch, ALICE, machine.address, notifications=False, accessible=True) as desktop:
        desktop.start_tray()
        desktop.wait_for_icon()
        machine.set_session("1", LockedHint=True)
        sticks = [machine.make_stick(label, size="37M").plug() for label in ("ONE", "TWO")]
        for stick in sticks:
            machine.wait_for_state(stick, "waiting")
        desktop.wait_for_tooltip("2 media wait for you")
        desktop.wait_to_show("session is locked")
        assert not machine.mounts()
        machine.set_session("1", LockedHint=False)
        for stick in sticks:
            machine.wait_for_state(stick, "mounted")
        desktop.wait_for_tooltip("2 media mounted")
        harness.wait_until(lambda: {"ONE is mounted", "TWO is mounted"} <= set(titles(desktop)), DEADLINE, "the news")


def test_while_it_writes_the_window_says_how_much_is_left(machine, scratch):
    image = harness.make_image(scratch / "slow.img", ["-L", "SLOW"], "37M")
    with odd_medium(image, scratch / "odd") as medium, \
            Desktop(scratch, ALICE, machine.address, notifications=False, accessible=True) as desktop:
        desktop.start_tray()
        stick = machine.stick_of(medium.medium).plug()
        path, volume = machine.wait_for_state(stick, "mounted")
        desktop.wait_to_show("Unmount: SLOW")
        write = f"cd {volume['MountPoint']} && for i in $(seq 100); do head -c 120000 /dev/urandom > $i; done"
        assert machine.run_as(ALICE, ["sh", "-c", write]).returncode == 0
        medium.slow(0, SIZE, 1000)  # until the tray has shown it
        asking = Asking(machine, path, "Unmount")
        desktop.wait_to_show("still to be written: do not unplug it yet.")
        assert asking.is_alive()
        medium.well()
        desktop.wait_to_show("not mounted: unmounted; it can be removed safely")
        harness.wait_until(lambda: titles(desktop)[-1] == "SLOW can be unplugged", DEADLINE, "the good news")
        asking.join(DEADLINE)
        assert asking.outcome == []
        stick.unplug()
