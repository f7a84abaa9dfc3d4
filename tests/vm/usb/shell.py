# SPDX-License-Identifier: GPL-2.0-or-later
"""./dev vm usb shell: the console of a machine, as root; `user` is logged in at its screen. Ctrl-] opens a prompt for
commands that plug a stick in or pull it out."""
import os
import pathlib
import select
import socket
import sys
import tempfile
import termios
import tty

import images
from machine import SHORT, Image, Machine, wait_until

KEY = b"\x1d"
HELP = """plug KIND|FILE [usb-uas|usb-bot] [ro]   KIND: ext4, vfat, exfat; what is written to FILE stays
unplug NUMBER                           quit
"""


class Shell:
    def __init__(self, machine, folder):
        self.machine, self.folder = machine, folder
        self.sticks = {}

    def obey(self, line):
        """Returns whether to go on."""
        match line.split():
            case ["quit"]:
                return False
            case []:
                pass
            case ["plug", what, *how]:
                self.plug(what, how)
            case ["unplug", number] if number in self.sticks:
                self.machine.unplug(self.sticks.pop(number))
            case _:
                print(HELP + "\n".join(f"{number}: {stick.image}" for number, stick in self.sticks.items()))
        return True

    def plug(self, what, how):
        number = str(self.machine.plugged + 1)
        image = pathlib.Path(what)
        if what in images.MAKERS:
            image = images.filesystem(self.folder / f"image{number}", what, f"STICK{number}")
        adapter = next((word for word in how if word != "ro"), "usb-storage")
        stick = self.machine.plug(image, adapter, read_only="ro" in how, wait=False)
        self.sticks[number] = stick
        print(f"stick {number}, serial number {stick.serial}")


def ask(shell, before):
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
    try:
        return shell.obey(input("\n(plug, unplug, quit) "))
    except (AssertionError, OSError, EOFError) as problem:
        print(problem)
        return not isinstance(problem, EOFError)
    finally:
        tty.setraw(sys.stdin)


def relay(console, shell):
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        console.sendall(b"\n")
        while True:
            ready, _, _ = select.select([console, sys.stdin], [], [])
            if console in ready:
                told = console.recv(4096)
                if not told:
                    return
                os.write(sys.stdout.fileno(), told)
            if sys.stdin in ready:
                typed = os.read(sys.stdin.fileno(), 4096)
                if KEY in typed and not ask(shell, before):
                    return
                console.sendall(typed.replace(KEY, b"\n"))
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def main():
    with tempfile.TemporaryDirectory(prefix="airlock-usb-") as name:
        folder = pathlib.Path(name)
        image = Image()
        with Machine(image, image.saved(), console=folder / "console") as machine:
            console = socket.socket(socket.AF_UNIX)
            wait_until(lambda: console.connect_ex(str(folder / "console")) == 0, SHORT, "the console")
            print("Ctrl-] to plug in and pull out sticks, or to leave. Try `airlockctl monitor &` first.")
            relay(console, Shell(machine, folder))
            print()


if __name__ == "__main__":
    main()
