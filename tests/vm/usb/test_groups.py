# SPDX-License-Identifier: GPL-2.0-or-later
"""Control groups of the drivers that airlockd starts itself, where systemd delegates them (254 and later)."""
import re

import pytest

from machine import wait_until

WORKERS = "/sys/fs/cgroup/system.slice/airlockd.service/workers"


@pytest.fixture
def own_sandbox(machine, automount):
    """Without the sockets of services, drivers run in Airlock's own sandbox."""
    machine.run("systemctl disable --now airlock-ext.socket airlock-fat.socket")
    machine.run("systemctl restart airlockd")
    return machine


def groups_of(machine):
    return machine.run(f"ls {WORKERS} | grep ^worker-", allowed=None).text.split()


def mounted(machine, stick):
    return wait_until(lambda: (machine.volume(stick.device) or {}).get("State") == "mounted" and machine.drivers(), 120,
                      "the stick to be mounted")


def test_a_driver_keeps_its_group_and_limits_while_airlockd_is_exchanged(own_sandbox, make_image):
    machine = own_sandbox
    stick = machine.plug(make_image("ext4"))
    (driver,) = mounted(machine, stick)
    told = machine.text("airlockctl info " + stick.device)
    if not machine.succeeds("systemctl show -p Delegate airlockd | grep -q yes"):
        # An older systemd could not start airlockd again.
        assert not machine.succeeds(f"test -e {WORKERS}") and "control group      own, memory.max 1" not in told
        return
    (group,) = groups_of(machine)
    limits = re.search(r"control group +own, memory.max \d+, memory.swap.max 0, memory.oom.group 1, pids.max \d+.*", told)[0]
    for command in ("systemctl restart airlockd", "systemctl kill --kill-whom=main -s KILL airlockd"):
        before = machine.text("systemctl show -p MainPID airlockd")
        machine.run(command)
        wait_until(lambda: machine.succeeds("airlockctl list >/dev/null") and
                   machine.text("systemctl show -p MainPID airlockd") != before, 120, "another airlockd")
        assert mounted(machine, stick) == [driver] and group in groups_of(machine)
        assert limits in machine.text("airlockctl info " + stick.device)
    # Since 6.15 the kernel reports how a driver of an earlier airlockd ended.
    machine.run("airlockctl unmount " + stick.device, allowed=None)
    assert not machine.mounts(stick.device)
    wait_until(lambda: group not in groups_of(machine), 60, "the driver's group to go")
