# SPDX-License-Identifier: GPL-2.0-or-later
"""The tray's words about media: in three languages, about refused ones, and about very many; bus_demo stands in for
airlockd."""
import re

import harness
import pytest
from desktop import DEADLINE, Desktop
from machine import ALICE

HOSTILE = "<img src=x>\u202e\n" + 200 * "long "


@pytest.mark.parametrize("language, one, two", [
    ("en", "1 medium mounted", "2 media mounted"),
    ("de", "1 Datenträger eingehängt", "2 Datenträger eingehängt"),
    ("fr", "1 support monté", "2 supports montés")])
def test_plurals_of_three_languages(demo, scratch, language, one, two):
    demo.plug("sdb1", "ONE", "mounted")
    with Desktop(scratch, ALICE, demo.address, notifications=False) as desktop:
        desktop.start_tray("--tray", environment={"LANGUAGE": language})
        desktop.wait_for_tooltip("Airlock: ")
        harness.wait_until(lambda: desktop.tooltip() == f"Airlock: {one}", DEADLINE, f"{one}; {desktop.tooltip()}")
        demo.plug("sdc1", "TWO", "mounted")
        harness.wait_until(lambda: desktop.tooltip() == f"Airlock: {two}", DEADLINE, f"{two}; {desktop.tooltip()}")


def test_a_refused_medium_is_told_once_with_the_reason(demo, scratch):
    with Desktop(scratch, ALICE, demo.address, notifications=False) as desktop:
        desktop.start_tray("--tray")
        desktop.wait_for_tooltip("Nothing is plugged in")
        demo.plug("sdb1", "TWINS", "refused", StateReason="more than one filesystem claims it: ext4, <vfat>")
        # The next news shows that the first was reported once.
        demo.plug("sdc1", "NEXT", "mounted")
        harness.wait_until(lambda: len(desktop.told()) == 2, DEADLINE, "both")
        refused = desktop.told()[0]
        assert refused["title"] == "TWINS is not mounted"
        assert refused["text"] == "More than one filesystem claims it: ext4, &lt;vfat&gt;."


def test_a_hundred_media_with_names_that_want_to_be_more(demo, scratch):
    with Desktop(scratch, ALICE, demo.address, notifications=False, accessible=True) as desktop:
        tray = desktop.start_tray()
        desktop.wait_for_tooltip("Nothing is plugged in")
        for number in range(100):
            demo.plug(f"sdb{number}", f"{number} {HOSTILE}", "mounted")
        desktop.wait_for_tooltip("100 media mounted")
        harness.wait_until(lambda: len(desktop.told()) >= 100, DEADLINE, "a notification for each")
        titles = [told["title"] for told in desktop.told()]
        shown = [re.fullmatch(r"(\d+) <img src=x>\\u\{202e\}\\nlong .{,60} is mounted", title) for title in titles]
        assert all(shown), titles
        assert sorted(int(match[1]) for match in shown) == list(range(100))
        desktop.wait_to_show("Unmount: 0 <img src=x>\\u{202e}\\nlong")
        for number in range(100):
            demo.remove(f"sdb{number}")
        desktop.wait_for_tooltip("Nothing is plugged in")
        assert tray.poll() is None
