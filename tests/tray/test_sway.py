# SPDX-License-Identifier: GPL-2.0-or-later
"""The tray on sway, whose panel waybar shows tray icons; bus_demo stands in for airlockd."""
import harness
from desktop import DEADLINE, HERE, PYTHON
from machine import ALICE
from pictures import Picture
from sway import BAR_HEIGHT, Sway

DEAD = ("set sdb1 Death death 11", "set sdb1 State s dead")


def reddish(colour):
    red, green, blue = colour
    return red > 150 and red > 2 * green and red > 2 * blue


def test_icon_window_and_notifications(demo, scratch):
    with Sway(scratch, ALICE, demo.address, notifications=False, accessible=True) as desktop:
        desktop.start_tray()
        desktop.wait_for_tooltip("Nothing is plugged in")
        demo.plug("sdb1", "HOLIDAY", "mounted")
        desktop.wait_to_show("Unmount: HOLIDAY")
        demo.tell(*DEAD)
        desktop.wait_to_show("The ext4 driver crashed while it served this medium (SIGSEGV).")
        desktop.wait_for_tooltip("The driver of 1 medium died")
        [window] = desktop.windows()
        assert (window["app_id"], window["name"]) == ("org.airlock1.Tray", "Airlock")

        def bar_is_red():
            picture = Picture(desktop.screenshot("15-sway"))
            bar = (0, picture.height - BAR_HEIGHT, picture.width, BAR_HEIGHT)
            return any(reddish(colour) and count > 20 for colour, count in picture.colours(*bar))
        harness.wait_until(bar_is_red, DEADLINE, "the icon in the bar to be that of a dead mount")
        harness.wait_until(lambda: len(desktop.told()) == 2, DEADLINE, "both notifications")
        assert desktop.told()[1]["replaces"] == 1


def test_a_second_start_brings_the_window_to_the_front(demo, scratch):
    """From another workspace, for which a Wayland desktop requires the token of the clicked program. Newer versions of
    sway only mark the window if there was no click."""
    with Sway(scratch, ALICE, demo.address, panel=False, notifications=False) as desktop:
        desktop.start_tray()
        harness.wait_until(desktop.windows, DEADLINE, "the window")
        desktop.ask("workspace", "elsewhere")
        harness.wait_until(lambda: not desktop.windows()[0]["focused"], DEADLINE, "the window to lose the focus")
        token = desktop.run(PYTHON, HERE / "activation_token.py").strip()
        first, second = desktop.tray, desktop.start_tray(environment={"XDG_ACTIVATION_TOKEN": token})
        assert second.wait(DEADLINE) == 0 and first.poll() is None

        def called():
            [window] = desktop.windows()
            return window["focused"] or window["urgent"]
        harness.wait_until(called, DEADLINE, f"the window to come back\n{desktop.log()}")
