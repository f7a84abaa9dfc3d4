# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick mounted by the kernel's own driver or by Airlock's, and where the two may differ.

    pair = Pair(machine, "fat32", tmp_path)    # two sticks, equal to the byte
    pair.mount(); pair.run(script); pair.unmount()
    tree(machine, stick, "kernel")             # the files a driver finds on a stick
"""
import errno
import pathlib
import re
import shutil
import subprocess
import sys

import images
from machine import DEADLINE, wait_until

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "integration"))

import differential  # noqa: E402

KINDS = {"fat16": (["mkfs.fat", "-F16", "-s4"], 32),
         "fat32": (["mkfs.fat", "-F32", "-s1"], 40),
         "exfat": (["mkfs.exfat", "-c4K"], 40)}
DRIVERS = ("kernel", "airlock")
COMMON = "umask=022,noatime"
UTC = "time_offset=0"

# On exFAT the kernel reports an impossible name as invalid even for a look-up; Airlock reports that there is no such
# file, as both do on FAT.
LOOKED_FOR = {(operation, reason, errno.ENOENT) for reason in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
              for operation in ("stat", "unlink", "rmdir", "rename", "open", "truncate", "utimens", "chmod")}


def make_stick(kind, path):
    command, size = KINDS[kind]
    images.empty(path, size)
    subprocess.run([*command, path], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


def type_of(kind):
    return "exfat" if kind == "exfat" else "vfat"


def fsck(kind, image):
    command = ["fsck.exfat" if kind == "exfat" else "fsck.fat", "-n", image]
    done = subprocess.run(command, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    assert done.returncode == 0 and "ree cluster summary" not in done.stdout, done.stdout


def mount(machine, kind, stick, driver, options=f"rw,{UTC}"):
    """Returns the folder of the mount."""
    place = f"/mnt/{driver}"
    types = {"kernel": type_of(kind), "airlock": f"airlock.{type_of(kind)}"}
    # The kernel uses UTF-8 on FAT only with this option.
    own = "utf8," if driver == "kernel" and kind != "exfat" else ""
    command = f"mkdir -p {place} && mount -t {types[driver]} -o {own}{COMMON},{options} {stick.device} {place}"
    # With an emulated processor, a driver may take longer to start than its time limit.
    wait_until(lambda: started(machine, command), DEADLINE, "the driver to start in time")
    return place


def started(machine, command):
    outcome = machine.run(command, allowed=None)
    assert outcome.code == 0 or "took too long" in outcome.text, outcome.text
    return outcome.code == 0


def unmount(machine, place):
    machine.run(f"umount {place}")


def do(machine, place, script):
    """Runs a script of oprunner and returns its output."""
    machine.write("/root/script", ("\n".join(script) + "\n").encode())
    return machine.run(f"/usr/local/bin/oprunner {place} </root/script", timeout=DEADLINE * 3).text.splitlines()


def comparable(line):
    """The line without the parts that two correct drivers may see differently."""
    # The DOS attributes have a test of their own.
    line = re.sub(r"attributes:\S*|listxattr:\d+", "", line)
    # The kernel counts the directories in a directory by reading it; Airlock reports 1, which means "not counted".
    line = re.sub(r"(mode=4\d+(?:%20| )links=)\d+", r"\1n", line)
    # The medium does not store when the root was changed.
    if line.startswith("T . "):
        line = re.sub(r"(modified|accessed)=\S+", "", line)
    return line


def without_access(line):
    return re.sub(r"accessed=[^ %]+", "", line)


def agree(wanted, found):
    """Whether both mean the same in different words."""
    # By FAT's specification a write sets the time of access as well. The kernel does not do that.
    if "modified=now" in found and "accessed=now" in found:
        return without_access(wanted) == without_access(found)
    return bool(answer(wanted)) and bool(answer(found)) and (*answer(wanted), answer(found)[1]) in LOOKED_FOR


def compare(expected, got, script, kind):
    expected, got = [comparable(line) for line in expected], [comparable(line) for line in got]
    got = [wanted if agree(wanted, found) else found for wanted, found in zip(expected, got)] + got[len(expected):]
    # The kernel reports all of a file as data, even unwritten parts on exFAT.
    differential.compare(expected, got, script, maps=kind != "exfat")


def answer(line):
    words = line.split()
    return (words[1], int(words[2])) if len(words) > 2 and words[0].isdigit() else None


def tree(machine, kind, stick, driver, options=f"ro,{UTC}"):
    place = mount(machine, kind, stick, driver, options)
    found = do(machine, place, ["tree"])
    unmount(machine, place)
    return found


def attributes(machine, kind, stick, driver):
    """The DOS attributes of everything on the stick."""
    place = mount(machine, kind, stick, driver, "ro")
    found = machine.text(f"{attribute_tool(machine)} {place}").splitlines()
    unmount(machine, place)
    return sorted(found)


def set_attributes(machine, place, name, bits):
    machine.run(f"{attribute_tool(machine)} {place} {name} {bits}")


def attribute_tool(machine):
    machine.write("/root/fat_attributes.py", pathlib.Path(__file__).with_name("fat_attributes.py").read_bytes())
    return "python3 /root/fat_attributes.py"


class Pair:
    def __init__(self, machine, kind, folder):
        self.machine, self.kind = machine, kind
        first = make_stick(kind, folder / "kernel.img")
        shutil.copyfile(first, folder / "airlock.img")
        self.sticks = {driver: machine.plug(folder / f"{driver}.img") for driver in DRIVERS}

    def run(self, script):
        places = {driver: mount(self.machine, self.kind, self.sticks[driver], driver) for driver in DRIVERS}
        told = {driver: do(self.machine, places[driver], script) for driver in DRIVERS}
        for place in places.values():
            unmount(self.machine, place)
        compare(told["kernel"], told["airlock"], script, self.kind)

    def check(self):
        """Both are sound, and both drivers find the same files on each."""
        trees = [tree(self.machine, self.kind, stick, driver)
                 for stick in self.sticks.values() for driver in DRIVERS]
        for found in trees[1:]:
            compare(trees[0], found, ["tree"], self.kind)
        for stick in self.sticks.values():
            self.machine.unplug(stick)
            fsck(self.kind, stick.image)
