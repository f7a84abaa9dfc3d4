# SPDX-License-Identifier: GPL-2.0-or-later
"""The tray on GNOME, with and without the extension that shows tray icons, and on KDE; bus_demo stands in for airlockd.
Screenshots stay in the build folder."""
import harness
import pytest
from machine import ALICE
from pictures import Picture, brightness
from sessions import APPLICATION, HEIGHT, PATIENCE, WIDTH, Gnome, GnomeWithTray, Kde

SESSIONS = pytest.mark.parametrize("session", (Gnome, GnomeWithTray, Kde), ids=("gnome", "gnome-tray", "kde"))


def brightness_of_the_window(desktop, name):
    """The window is in the middle."""
    picture = Picture(desktop.screenshot(f"desktop-{session_name(desktop)}-{name}"))
    return brightness(picture.colours(int(WIDTH) // 2, int(HEIGHT) // 2, 120, 120)[0][0])


def session_name(desktop):
    return type(desktop).__name__.lower()


@SESSIONS
def test_icon_window_and_notifications(session, demo, scratch):
    demo.plug("sdb1", "HOLIDAY", "mounted")
    with session(scratch, ALICE, demo.address) as desktop:
        first = desktop.start_tray("--tray")
        desktop.wait_for_name(APPLICATION)
        if desktop.with_panel:
            desktop.wait_for_icon()
        assert desktop.start_tray().wait(PATIENCE) == 0
        desktop.wait_to_show("Unmount: HOLIDAY")
        harness.wait_until(desktop.is_in_front, PATIENCE, "the window to come to the front")
        if session is Kde:  # GNOME does not list its windows; the picture shows this one
            assert desktop.windows() == [(APPLICATION, "Airlock")]
        assert len(desktop.items()) == desktop.with_panel
        demo.plug("sdc1", "BACKUP", "mounted")
        harness.wait_until(lambda: desktop.notified() == 1, PATIENCE, "a notification")
        assert brightness_of_the_window(desktop, "mounted") > 0.5
        demo.tell("set sdc1 Death death 11", "set sdc1 State s dead")
        desktop.wait_to_show("BACKUP", "crashed")
        harness.wait_until(lambda: desktop.notified() == 2, PATIENCE, "the second notification")
        desktop.screenshot(f"desktop-{session_name(desktop)}-dead")
        assert first.poll() is None and desktop.notified() == 2


@SESSIONS
def test_the_window_is_dark_where_the_desktop_is(session, demo, scratch):
    demo.plug("sdb1", "HOLIDAY", "dead", Death="death 11")
    with session(scratch, ALICE, demo.address, dark=True) as desktop:
        desktop.start_tray()
        desktop.wait_to_show("The ext4 driver crashed")
        harness.wait_until(lambda: brightness_of_the_window(desktop, "dark") < 0.1, PATIENCE, "the window to be dark")
