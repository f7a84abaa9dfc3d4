# SPDX-License-Identifier: GPL-2.0-or-later
"""./dev run on a machine with a system bus: the show has a bus of its own, and leaves the machine's alone."""
import contextlib
import os
import pathlib
import subprocess

import bus_peers
import caller
import harness

SHOW = pathlib.Path(__file__).resolve().parents[1] / "show.py"
# In a mount namespace of its own, where the machine's bus, if there is one, is invisible.
STAGE = """
mkdir -p /run/dbus && mount -t tmpfs none /run/dbus || exit 90
dbus-daemon --config-file="$1" --nofork --nopidfile --nosyslog 2>/dev/null &
bus=$!
until [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
echo ready
read -r _
"$2" "$3"
echo "ended with $?"
read -r _
kill $bus
"""
CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <listen>unix:path={scratch}/system_bus</listen>
  <auth>EXTERNAL</auth>
  {policy}
</busconfig>
"""


def connections_so_far(address):
    """Buses count their connections, including this one."""
    connection = caller.connect(address)
    number = connection.get_unique_name().partition(".")[2]
    connection.close_sync(None)
    return int(number)


@contextlib.contextmanager
def machine_with_a_system_bus(scratch, *command):
    """Yields the bus's address and a function that runs the command there and returns its output."""
    configuration = scratch / "system.conf"
    configuration.write_text(CONFIGURATION.format(scratch=scratch, policy=bus_peers.NO_POLICY))
    environment = {name: value for name, value in os.environ.items() if name != "DBUS_SYSTEM_BUS_ADDRESS"}
    stage = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", STAGE, "stage", configuration, *command],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert stage.stdout.readline() == "ready\n"

    def run():
        stage.stdin.write("go\n")
        stage.stdin.flush()
        said = ""
        while not (line := stage.stdout.readline()).startswith("ended with "):
            assert line, said
            said += line
        return said + line
    try:
        yield f"unix:path={scratch}/system_bus", run
    finally:
        stage.communicate("", timeout=harness.PATIENCE)


def test_the_show_leaves_the_system_bus_of_the_machine_alone(scratch):
    with machine_with_a_system_bus(scratch, "/usr/bin/python3", SHOW) as (address, run):
        before = connections_so_far(address)
        said = run()
        assert said.endswith("ended with 0\n") and "safe to remove" in said, said[-3000:]
        assert connections_so_far(address) == before + 1, "somebody else was there meanwhile"
