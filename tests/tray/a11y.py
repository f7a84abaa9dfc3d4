# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to the tray in the way of a screen reader: a11y.py tree | press NAME | round | goto NAME

Answers with JSON. Runs as the person at the desktop.
"""
import json
import subprocess
import sys
import time

import pyatspi

PATIENCE = 3
CHOSEN = (pyatspi.ROLE_PAGE_TAB, pyatspi.ROLE_LIST_ITEM)
ACTIVE = (pyatspi.ROLE_PUSH_BUTTON, pyatspi.ROLE_CHECK_BOX, pyatspi.ROLE_COMBO_BOX, pyatspi.ROLE_MENU_ITEM,
          pyatspi.ROLE_TOGGLE_BUTTON, pyatspi.ROLE_PAGE_TAB, pyatspi.ROLE_LIST)


def trays():
    desktop = pyatspi.Registry.getDesktop(0)
    return [app for app in desktop if app is not None and "airlock" in app.name]


def walk(node, depth=0):
    if node is None or depth > 30:
        return
    yield node
    for child in node:
        yield from walk(child, depth + 1)


def text_of(node):
    try:
        return node.queryText().getText(0, -1)
    except NotImplementedError:
        return ""


def place_of(node):
    """Left, top, width and height on the screen."""
    try:
        return list(node.queryComponent().getExtents(pyatspi.DESKTOP_COORDS))
    except NotImplementedError:
        return [0, 0, 0, 0]


def actions_of(node):
    try:
        action = node.queryAction()
        return [action.getName(i) for i in range(action.nActions)]
    except NotImplementedError:
        return []


def describe(node):
    state = node.getState()
    return {"name": node.name, "role": node.getRoleName(), "text": text_of(node),
            "place": place_of(node), "active": node.getRole() in ACTIVE, "actions": actions_of(node),
            "front": state.contains(pyatspi.STATE_ACTIVE), "focusable": state.contains(pyatspi.STATE_FOCUSABLE),
            "showing": state.contains(pyatspi.STATE_SHOWING)}


def seen():
    for tray in trays():
        for node in walk(tray):
            try:
                entry = describe(node)
            except Exception:  # it went away meanwhile
                continue
            if entry["showing"]:
                yield node, entry


def press(wanted):
    for node, entry in seen():
        # "Unmount: HOLIDAY": the action, and its object.
        if entry["name"].split(":")[0] == wanted and entry["actions"]:
            return node.queryAction().doAction(0)
    return False


def focus():
    """The name of the control with the keyboard focus, without its object. The chosen tab and medium always claim
    to have the focus."""
    for tray in trays():
        for node in walk(tray):
            try:
                if node.getState().contains(pyatspi.STATE_FOCUSED) and node.getRole() not in CHOSEN and node.name:
                    return node.name.split(":")[0]
            except Exception:  # it went away meanwhile
                continue
    return ""


def next_focus():
    """The focus after the Tab key; the same again if it does not move."""
    before = focus()
    subprocess.run(["xdotool", "key", "Tab"], check=True)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        now = focus()
        if now and now != before:
            return now
        time.sleep(0.02)
    return before


def go_round():
    """The controls reached with the Tab key, until they repeat."""
    passed = []
    while (here := next_focus()) not in passed:
        passed.append(here)
    return passed


def go_to(wanted):
    begin = here = focus()
    while here != wanted:
        here = next_focus()
        if here == begin:
            return False
    return True


def main():
    if sys.argv[1] == "press":
        print(json.dumps(bool(press(sys.argv[2]))))
    elif sys.argv[1] == "round":
        print(json.dumps(go_round()))
    elif sys.argv[1] == "goto":
        print(json.dumps(go_to(sys.argv[2])))
    else:
        print(json.dumps([entry for _, entry in seen()]))


if __name__ == "__main__":
    main()
