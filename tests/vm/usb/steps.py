# SPDX-License-Identifier: GPL-2.0-or-later
"""Common steps and questions of several scenarios."""
import json

from machine import DEADLINE, wait_until

KINDS = ("ext4", "vfat", "exfat")
# Every filesystem and both kinds of adapter: the two are independent.
STICKS = (("ext4", "usb-uas"), ("vfat", "usb-storage"), ("exfat", "usb-uas"))
AT_THE_MACHINE = {"user": "user", "session": True}


def wait_for_state(machine, device, *states):
    def there():
        volume = machine.volume(device)
        return volume if volume and volume["State"] in states else None
    return wait_until(there, DEADLINE, f"{device} to be {states}: {machine.volume(device)}")


def wait_for_mount(machine, device):
    """Returns the folder of the mount."""
    return wait_for_state(machine, device, "mounted")["MountPoint"]


def wait_until_forgotten(machine, device):
    wait_until(lambda: machine.volume(device) is None, DEADLINE, "the volume to go")


def expect_nothing_left(machine, place):
    """No driver, mount, folder, unit or record is left."""
    wait_until(lambda: not machine.drivers(), DEADLINE, "the driver to end")
    wait_until(lambda: not machine.succeeds(f"test -e '{place}'"), DEADLINE, "the folder to go")
    wait_until(lambda: not running_units(machine), DEADLINE, "the driver's unit to go")
    assert machine.run("findmnt -rno TARGET,FSTYPE | grep fuseblk", allowed=None).text == ""
    wait_until(lambda: machine.text("find /run/airlock/mounts -type f") == "", DEADLINE, "the record to go")


def running_units(machine):
    """Units of drivers, and failed units of Airlock."""
    return machine.text("systemctl list-units --all --plain --no-legend 'airlock-*@*.service';"
                        " systemctl list-units --failed --plain --no-legend 'airlock*'")


def fill(machine, place):
    machine.run(f"mkdir '{place}/folder'; head -c 3000000 /dev/urandom >'{place}/folder/data';"
                f" printf greeting >'{place}/grüße'", **AT_THE_MACHINE)


def listing(machine, place):
    """Names and content of everything there."""
    return machine.text(f"cd '{place}' && find . -type f | sort | xargs -d '\\n' sha256sum", **AT_THE_MACHINE)


def explained(machine, device):
    return json.loads(machine.text(f"airlockctl explain --json {device}"))
