#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""./dev run: the main job, live on this machine.

A bus of its own with airlockd on it, somebody at the machine (played by mocks of logind and polkit),
udevd if none runs, and an ext4 stick made of a file on a loop device: plugged in, mounted by itself,
used, its driver killed, found dead, recovered, unmounted, checked, repaired and ejected. Everything is taken away again.
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/daemon"), str(ROOT / "tests/integration")]
INSIDE = "AIRLOCK_SHOW_INSIDE"
# Nothing of this run reaches the machine's own mounts, and udevd's messages stay with us.
OWN_NAMESPACES = ["unshare", "--mount", "--propagation", "private"]

import harness  # noqa: E402
import machine as machines  # noqa: E402
from machine import ALICE  # noqa: E402


def say(text):
    print(f"\n==> {text}", flush=True)


class Show:
    def __init__(self, machine):
        self.machine = machine
        self.build = pathlib.Path(os.environ["AIRLOCK_BUILD"])

    def run(self, *words, person=None, check=True):
        """Shows a command and what it prints; airlockctl is the one just built."""
        shown = [str(word) for word in words]
        print(("# " if person is None else "$ ") + " ".join(shown), flush=True)
        command = [str(self.build / "cli/ctl/airlockctl") if shown[0] == "airlockctl" else shown[0],
                   *shown[1:]]
        identity = {} if person is None else {"user": person[0], "group": person[0], "extra_groups": []}
        done = subprocess.run(command, env={**self.machine.environment, "TERM": "dumb"}, check=False,
                              timeout=60, **identity)
        if check and done.returncode != 0:
            raise SystemExit(f"./dev run: that ended with {done.returncode}\n{self.machine.log()[-3000:]}")
        return done

    def by_person(self, *words, check=True):
        return self.run(*words, person=ALICE, check=check)

    def plug(self):
        say("a stick: an ext4 image with files in it, on a loop device")
        stick = self.machine.make_stick("HOLIDAY", {"hello.txt": "Hello from an ext4 stick.\n",
                                                    "numbers.txt": "\n".join(map(str, range(50000)))},
                                        size="128M")
        stick.plug()
        print(f"plugged in as {stick.device}")
        _, volume = self.machine.wait_for_state(stick, "mounted")
        return stick, volume["MountPoint"]

    def use(self, stick, place):
        say(f"airlockd has mounted it for the person at the machine ({ALICE[1]}), contained")
        self.by_person("airlockctl", "list")
        self.by_person("ls", "-la", place)
        self.by_person("cat", f"{place}/hello.txt")
        self.by_person("cp", f"{place}/numbers.txt", f"{place}/copy.txt")
        self.by_person("cmp", f"{place}/numbers.txt", f"{place}/copy.txt")
        say("everything about it, and what holds its driver, as the kernel tells")
        self.by_person("airlockctl", "info", stick.name)
        say("why it was mounted")
        self.by_person("airlockctl", "explain", stick.name)

    def crash(self, stick, place):
        say("the driver dies: a dead mount, its cause, and what to do; nothing else notices")
        driver = self.machine.volume_of(stick)[1]["DriverPid"]
        print(f"# kill -KILL {driver}")
        os.kill(driver, signal.SIGKILL)
        self.machine.wait_for_state(stick, "dead")
        self.by_person("airlockctl", "list")
        self.by_person("ls", place, check=False)
        say("recovering it: its journal is replayed by a contained e2fsck, and it can be written to again")
        self.by_person("airlockctl", "recover", stick.name)
        self.by_person("airlockctl", "list")
        self.by_person("cmp", f"{place}/numbers.txt", f"{place}/copy.txt", check=False)
        self.by_person("cp", f"{place}/numbers.txt", f"{place}/again.txt")

    def leave(self, stick):
        say("unmounting: the answer comes when everything is on the medium")
        self.by_person("airlockctl", "unmount", stick.name)
        say("is it clean? A contained checker examines the medium, which nobody else can use meanwhile")
        self.by_person("airlockctl", "check", stick.name)
        self.run("e2fsck", "-fn", stick.device)
        say("and damaged, by writing over a part of it: what is wrong, and repairing it")
        self.run("debugfs", "-w", "-R", "clri /hello.txt", stick.device)
        self.by_person("airlockctl", "check", stick.name, check=False)
        self.by_person("airlockctl", "repair", "--yes", "--quiet", stick.name)
        say("ejecting; of a loop device that detaches the file")
        self.by_person("airlockctl", "eject", stick.name)
        self.by_person("airlockctl", "list")


OURS_ONLY = """SUBSYSTEM=="block", ATTRS{{loop/backing_file}}=="{scratch}/*", GOTO="of_this_run"
GOTO="end_of_this_run"
LABEL="of_this_run"
{rules}
LABEL="end_of_this_run"
"""


def confine_rules(scratch):
    """udevd is told of every device there is, and its rules read what is on them: here only those of this run."""
    folders = {pathlib.Path(folder).resolve() for folder in ("/usr/lib/udev/rules.d", "/lib/udev/rules.d", "/etc/udev/rules.d")}
    for folder in filter(pathlib.Path.is_dir, folders):
        rules = {path.name: path.read_text() for path in folder.glob("*.rules") if path.exists()}
        harness.run(["mount", "-t", "tmpfs", "none", folder])
        for name, text in rules.items():
            (folder / name).write_text(OURS_ONLY.format(scratch=scratch.resolve(), rules=text))


def start_udevd_if_missing(scratch):
    """A udevd of our own, with its state and its messages to itself; None if one runs already."""
    if os.path.exists("/run/udev/control"):
        return None
    os.makedirs("/run/udev", exist_ok=True)
    harness.run(["mount", "-t", "tmpfs", "none", "/run/udev"])
    confine_rules(scratch)
    udevd = next((path for path in ("/usr/lib/systemd/systemd-udevd", "/lib/systemd/systemd-udevd")
                  if os.path.exists(path)), None)
    if udevd is None:
        return None
    process = subprocess.Popen([udevd], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    harness.wait_until(lambda: harness.run(["udevadm", "control", "--ping"], allowed=None).returncode == 0,
                       10, "udevd to answer")
    return process


def end(process):
    process.terminate()
    process.wait()


def main():
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "yes"
        os.execvp(OWN_NAMESPACES[0], [*OWN_NAMESPACES, sys.executable, __file__])
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(harness.scratch_directory())
        udevd = start_udevd_if_missing(scratch)
        if udevd:
            stack.callback(end, udevd)
        with machines.Machine(scratch) as machine:
            say("airlockd is up, on a bus of its own" + (", with a udevd of its own" if udevd else ""))
            machine.sit_down(ALICE)
            machine.polkit("AllowUnknown", "(true,)")
            show = Show(machine)
            stick, place = show.plug()
            show.use(stick, place)
            show.crash(stick, place)
            show.leave(stick)
    say("it works. What to try next")
    print("""  ./dev test               every test on this machine
  ./dev shell              a shell with the built programs in PATH; then, with a stick of yours:
                             mount.airlock /dev/sdX1 /mnt -t airlock.ext4 -v
  ./dev bench              speed against the kernel's ext4 and fuse2fs
  meson install            puts it into the system: systemctl daemon-reload, plug in a stick""")


if __name__ == "__main__":
    main()
