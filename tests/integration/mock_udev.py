# SPDX-License-Identifier: GPL-2.0-or-later
"""Shows udev's view of made-up hardware: run under umockdev-wrapper, in a mount namespace of
its own in which /run/udev and the folder of rules may be written.

Standard input: a JSON list of chains; a chain lists devices from the bus to the one examined, each
{"subsystem", "name", "attributes", "properties"}. Standard output: for each chain the final
properties in udev and its complaints, as a JSON list.
"""

import json
import os
import shutil
import subprocess
import sys

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402


RULES = "/usr/lib/udev/rules.d"


def flat(words):
    return [part for pair in words.items() for part in pair]


def add_chain(testbed, chain, action):
    path = None
    for device in chain:
        path = testbed.add_device(device["subsystem"], device["name"], path,
                                  flat(device["attributes"]), flat(device["properties"]))
    shown = subprocess.run(["udevadm", "test", f"--action={action}", path], capture_output=True,
                           text=True, check=False)
    # Indented since systemd 257.
    lines = [line.strip() for line in shown.stdout.splitlines()]
    properties = dict(line.split("=", 1) for line in lines
                      if "=" in line and line.split("=", 1)[0].isidentifier())
    complaints = [line for line in shown.stderr.splitlines() if ".rules:" in line]
    return {"properties": properties, "complaints": complaints}


def in_new_machine(case):
    """umockdev simulates one machine per process; it does not contain udev's database."""
    shutil.rmtree("/run/udev/data", ignore_errors=True)
    return json.loads(subprocess.run([sys.executable, __file__, json.dumps(case)], check=True,
                                     capture_output=True, text=True).stdout)


def main():
    if len(sys.argv) == 2:
        case = json.loads(sys.argv[1])
        json.dump(add_chain(UMockdev.Testbed.new(), case["chain"], case["action"]), sys.stdout)
        return
    if not os.path.ismount(RULES):
        sys.exit(f"{RULES} is the machine's own")
    json.dump([in_new_machine(case) for case in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
