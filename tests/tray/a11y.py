# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions about what the tray tells a screen reader: a11y.py tree | press NAME

Answers with JSON. Runs as the person on whose desktop the tray is.
"""
import json
import sys

import pyatspi

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


def actions_of(node):
    try:
        action = node.queryAction()
        return [action.getName(i) for i in range(action.nActions)]
    except NotImplementedError:
        return []


def describe(node):
    state = node.getState()
    return {"name": node.name, "role": node.getRoleName(), "text": text_of(node),
            "active": node.getRole() in ACTIVE, "actions": actions_of(node),
            "focusable": state.contains(pyatspi.STATE_FOCUSABLE),
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
        # "Unmount: HOLIDAY": what it does, and to what.
        if entry["name"].split(":")[0] == wanted and entry["actions"]:
            return node.queryAction().doAction(0)
    return False


def main():
    if sys.argv[1] == "press":
        print(json.dumps(bool(press(sys.argv[2]))))
    else:
        print(json.dumps([entry for _, entry in seen()]))


if __name__ == "__main__":
    main()
