# SPDX-License-Identifier: GPL-2.0-or-later
"""The window for a person with only a keyboard; bus_demo stands in for airlockd."""
import harness
from desktop import DEADLINE, Desktop
from machine import ALICE


def test_tab_gets_to_every_action_of_every_state(demo, scratch):
    demo.plug("sdb1", "HOLIDAY", "available")
    with Desktop(scratch, ALICE, demo.address, panel=False, accessible=True) as desktop:
        desktop.start_tray()
        desktop.wait_to_show("Mount: HOLIDAY")
        everywhere = {"Media", "More about the medium"}
        assert everywhere | {"Mount", "Mount read-only", "Eject"} <= desktop.go_round()
        demo.tell(f"set sdb1 MountedFor u {ALICE[0]}", "set sdb1 State s mounted")
        desktop.wait_to_show("Unmount: HOLIDAY")
        assert everywhere | {"Open", "Unmount", "Eject"} <= desktop.go_round()
        demo.tell("set sdb1 Death death 11", "set sdb1 State s dead")
        desktop.wait_to_show("Mount again: HOLIDAY")
        assert everywhere | {"Mount again read-only", "Mount again", "Detach", "Details"} <= desktop.go_round()
        demo.tell("set sdb1 State s unmounting", "addjob 1", "setjob 1 Operation s unmount", "setjob 1 BytesLeft t 312000000")
        desktop.wait_to_show("312.0 MB still to be written")
        assert everywhere | {"Cancel"} <= desktop.go_round()


def test_space_and_marked_letters_do_what_buttons_say(demo, scratch):
    demo.plug("sdb1", "HOLIDAY", "available")
    demo.tell(f"set sdb1 MountedFor u {ALICE[0]}")
    with Desktop(scratch, ALICE, demo.address, panel=False, accessible=True) as desktop:
        desktop.start_tray()
        desktop.wait_to_show("Mount: HOLIDAY")
        desktop.go_to("Mount")
        desktop.keys("space")
        desktop.wait_to_show("Unmount: HOLIDAY")
        desktop.go_to("Open")
        desktop.keys("space")
        harness.wait_until(desktop.opened, DEADLINE, "the file manager")
        desktop.keys("alt+u")
        desktop.wait_to_show("Mount: HOLIDAY")
        desktop.keys("alt+r")
        desktop.wait_to_show("Unmount: HOLIDAY")
        demo.tell("set sdb1 Death death 11", "set sdb1 State s dead")
        desktop.wait_to_show("Mount again: HOLIDAY")
        desktop.keys("alt+i")
        desktop.wait_to_show("How it ended")
        desktop.go_to("Copy the details")
        desktop.keys("space")
        desktop.go_to("Detach")
        desktop.keys("Return")
        desktop.wait_to_show("Mount: HOLIDAY")


def test_the_list_is_walked_with_arrows(demo, scratch):
    demo.plug("sdb1", "FIRST", "mounted")
    demo.plug("sdc1", "SECOND", "mounted")
    with Desktop(scratch, ALICE, demo.address, panel=False, accessible=True) as desktop:
        desktop.start_tray()
        desktop.wait_to_show("Unmount: FIRST")
        desktop.go_to("Media")
        desktop.keys("Down")
        desktop.wait_to_show("Unmount: SECOND")
        for letter, page in (("alt+t", "What the driver can and cannot do"), ("alt+l", "What the driver said"),
                             ("alt+b", "/dev/sdc1")):
            desktop.keys(letter)
            desktop.wait_to_show(page)


def test_the_menus_open_and_choose(demo, scratch):
    with Desktop(scratch, ALICE, demo.address, panel=False, accessible=True) as desktop:
        tray = desktop.start_tray()
        desktop.wait_to_show("Nothing is plugged in.")
        demo.plug("sdb1", "LEFT", "ignored", StateReason="a rule says to ignore it")
        for menu, entry, result in (("alt+v", "Also show media that Airlock leaves alone", "LEFT"),
                                    ("alt+a", "Settings", "Start with the session")):
            desktop.keys(menu)
            desktop.wait_to_show(entry)
            desktop.keys("Return")
            desktop.wait_to_show(result)
        passed = desktop.go_round()
        assert {"Open newly mounted media", "Show notifications", "Start with the session", "Close"} <= passed, passed
        desktop.keys("Escape")
        harness.wait_until(lambda: not desktop.shows("Start with the session"), DEADLINE, "the settings to close")
        desktop.keys("alt+h")
        desktop.wait_to_show("About Airlock")
        desktop.keys("Return")
        desktop.wait_to_show("Mounts removable media without")
        desktop.keys("Escape")
        harness.wait_until(lambda: not desktop.shows("Mounts removable media without"), DEADLINE, "the words to go")
        desktop.keys("ctrl+q")
        assert tray.wait(DEADLINE) == 0
