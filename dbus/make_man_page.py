#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes airlock-dbus(7) as reStructuredText from the comments in the interface XML.

Usage: make_man_page.py OUTPUT XML...

The comment before an entry is its documentation. In the comment of a method a line that begins with
"word:" starts the text about that argument, or about Errors, Needs or Since; deeper lines go on
with it. A method or property without a comment is an error.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

HEAD = """\
.. SPDX-License-Identifier: GPL-2.0-or-later

============
airlock-dbus
============

------------------------
the D-Bus API of Airlock
------------------------

:Manual section: 7
:Manual group: Airlock

DESCRIPTION
===========

**airlockd**\\ (8) offers what **airlockctl**\\ (1) and the desktop use on the system bus, under the name
*org.airlock1*. The bus starts it when it is called. The XML this page is made of is installed in
*/usr/share/dbus-1/interfaces*.
"""

TAIL = """
SEE ALSO
========

**airlockd**\\ (8), **airlockctl**\\ (1), **polkit**\\ (8), **busctl**\\ (1)
"""


class Undocumented(Exception):
    pass


def escape(text):
    """Plain text that reStructuredText would take for markup."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def entries(path):
    """The interface with its comment, then each method and property with its own."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.parse(path, parser).getroot()

    def walk(parent):
        comment = None
        for child in parent:
            if child.tag is ElementTree.Comment:
                comment = child.text
            elif child.tag in ("interface", "method", "signal", "property"):
                if comment is None:
                    raise Undocumented(f"{path}: {child.tag} {child.get('name')} has no comment")
                yield child, comment
                comment = None
                if child.tag == "interface":
                    yield from walk(child)
    return list(walk(root))


def sections(comment, names):
    """The text before the first named part, and the parts by their names in their order."""
    plain, parts, current = [], {}, None
    for line in comment.strip("\n").splitlines():
        words = line.strip()
        start = re.match(r"([\w-]+):\s+(.*)", words)
        if start and start[1] in names:
            current = parts.setdefault(start[1], [])
            words = start[2]
        elif re.match(r"Since \d", words) and line.startswith(" "):
            current = plain
        (plain if current is None else current).append(words)
    return " ".join(plain).strip(), {name: " ".join(text) for name, text in parts.items()}


def signature(method):
    def side(direction):
        return ", ".join(f"{arg.get('name')} {arg.get('type')}" for arg in method.findall("arg")
                         if arg.get("direction", "in") == direction)
    given, answered = side("in"), side("out")
    return f"{method.get('name')}({given})" + (f" → ({answered})" if answered else "")


def method_text(method, comment):
    names = [arg.get("name") for arg in method.findall("arg")]
    about, parts = sections(comment, names + ["Errors", "Needs"])
    lines = [f"**{escape(signature(method))}**", f"    {escape(about)}", ""]
    for name, text in parts.items():
        title = f"*{escape(name)}*" if name in names else name
        lines += [f"    {title}: {escape(text)}", ""]
    return lines


def property_text(prop, comment):
    return [f"**{prop.get('name')}** ({prop.get('type')})",
            f"    {escape(' '.join(comment.split()))}", ""]


def heading(text, line):
    return [text, line * len(text), ""]


def interface_text(path):
    (interface, about), *rest = entries(path)
    lines = heading(interface.get("name"), "=")
    lines += [escape(" ".join(about.split())), ""]
    for tag, title, write in (("method", "Methods", method_text),
                              ("property", "Properties", property_text)):
        members = [(entry, comment) for entry, comment in rest if entry.tag == tag]
        if members:
            lines += heading(title, "-")
        for entry, comment in members:
            lines += write(entry, comment)
    return "\n".join(lines)


def main(output, *paths):
    try:
        body = "\n".join(interface_text(path) for path in paths)
    except (Undocumented, ElementTree.ParseError) as problem:
        sys.exit(str(problem))
    with open(output, "w", encoding="utf-8") as page:
        page.write(HEAD + "\n" + body + TAIL)


if __name__ == "__main__":
    main(*sys.argv[1:])
