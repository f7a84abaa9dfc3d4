# SPDX-License-Identifier: GPL-2.0-or-later
"""The tray on Wayland: an invisible compositor, without a tray, and bus_demo in the place of airlockd."""
import contextlib

import harness
from desktop import DEADLINE, Desktop
from machine import ALICE
from pictures import Picture


def test_the_window_is_complete_where_there_is_no_tray(demo, scratch):
    demo.plug("sdb1", "HOLIDAY", "mounted")
    demo.plug("sdc1", "BACKUP", "dead", Death="death 11")
    with Desktop(scratch, ALICE, demo.address, panel=False, accessible=True, wayland=True, notifications=False) as desktop:
        tray = desktop.start_tray()
        desktop.wait_for_name("org.airlock1.Tray")
        desktop.wait_to_show("HOLIDAY")
        desktop.wait_to_show("The ext4 driver crashed while it served this medium (SIGSEGV).")
        picture = Picture(desktop.screenshot("9-wayland"))
        assert picture.share_of_other_colours() > 0.02, "there is nothing to see"
        # A pressed button reaches airlockd, and the result comes back.
        desktop.press("Mount again read-only")
        desktop.wait_to_show("Unmount: BACKUP")
        assert tray.poll() is None, desktop.log()


def plug_until_it_is_told(demo, desktop):
    """Media from before the tray's start are not news, and nothing shows when the tray is ready."""
    for letter in "bcdefgh":
        demo.plug(f"sd{letter}1", "HOLIDAY", "mounted")
        with contextlib.suppress(harness.HarnessError):
            return harness.wait_until(desktop.told, DEADLINE / 4, "a notification")
    raise AssertionError(f"nothing was told of seven media\n{desktop.log()}")


def test_without_a_tray_it_lives_on_when_it_is_started_for_one(demo, scratch):
    """As started by a session: no window, nothing to show the icon, and then a request for the window."""
    with Desktop(scratch, ALICE, demo.address, panel=False, accessible=True, wayland=True, notifications=False) as desktop:
        tray = desktop.start_tray("--tray")
        desktop.wait_for_name("org.airlock1.Tray")
        plug_until_it_is_told(demo, desktop)
        assert desktop.told()[0]["title"] == "HOLIDAY is mounted"
        assert desktop.start_tray().wait(DEADLINE) == 0
        desktop.wait_to_show("HOLIDAY")
        assert tray.poll() is None, desktop.log()
