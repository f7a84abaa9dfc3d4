#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""./dev bench plug [ROUNDS]: the time from plugging in a stick until it is usable.

The same image on a loop device, in turn with airlockd (probe and driver contained) and with udisks
(the kernel's ext4), both driven by a real udevd, on a bus of their own; polkit and logind are mocks.
The clock starts when the kernel attaches the device and stops when the person's own process knows
of the mount and has listed its root. Prints each median and spread, and the ratio of each round.
"""
import contextlib
import fcntl
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/daemon"), str(ROOT / "tests/integration")]
INSIDE = "AIRLOCK_PLUG_INSIDE"

import harness  # noqa: E402
import machine as machines  # noqa: E402
import show  # noqa: E402
from machine import ALICE  # noqa: E402

UDISKSD = "/usr/libexec/udisks2/udisksd"
LOOP_CTL_GET_FREE, LOOP_CONFIGURE, LOOP_CLR_FD = 0x4C82, 0x4C0A, 0x4C01
LOOP_CONFIG_SIZE = 304


class Agent:
    def __init__(self, machine, kind):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", pathlib.Path(__file__).with_name("plug_agent.py"), machine.address, kind],
            user=ALICE[0], group=ALICE[0], extra_groups=[], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.expect("ready")

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def expect(self, word):
        words = self.process.stdout.readline().split()
        if not words or words[0] != word:
            raise SystemExit(f"bench plug: expected {word}, the agent said {words}")
        return words[1:]

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


def attach(image):
    """The device, and the moment it appeared."""
    with open("/dev/loop-control", "rb") as control:
        device = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
    with open(image, "r+b") as file, open(device, "r+b") as loop:
        config = bytearray(LOOP_CONFIG_SIZE)
        struct.pack_into("=II", config, 0, file.fileno(), 512)
        yield device
        start = time.monotonic()
        fcntl.ioctl(loop, LOOP_CONFIGURE, config)
        yield start


def one_plug(machine, agent, stick):
    moments = attach(stick.image)
    device = next(moments)
    agent.tell(device)
    agent.expect("waiting")
    start = next(moments)
    moments.close()
    stick.plugged_in(harness.LoopDevice.attached(device, stick.image))
    usable = float(agent.expect("usable")[0])
    agent.tell("leave")
    agent.expect("left")
    harness.run(["losetup", "--detach", device])
    harness.wait_until(lambda: not pathlib.Path(f"/sys/block/{device[5:]}/loop").exists(), 10, "the device to go")
    harness.run(["udevadm", "settle"])
    return (usable - start) * 1000


@contextlib.contextmanager
def only_airlock(machine):
    machine.start_daemon()
    agent = Agent(machine, "airlock")
    try:
        yield agent
    finally:
        agent.end()
        machine.stop_daemon()


@contextlib.contextmanager
def only_udisks(machine):
    daemon = subprocess.Popen([UDISKSD], env=machine.environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        harness.wait_until(lambda: machine.has_owner("org.freedesktop.UDisks2"), 20, "udisksd")
        agent = Agent(machine, "udisks")
        yield agent
        agent.end()
    finally:
        daemon.terminate()
        daemon.wait(10)


def measure(machine, rounds):
    machine.stop_daemon()
    stick = machine.make_stick("PLUGGED", size="64M")
    times = {"udisks": [], "airlock": []}
    for _ in range(rounds):
        for kind, alone in (("udisks", only_udisks), ("airlock", only_airlock)):
            with alone(machine) as agent:
                one_plug(machine, agent, stick)  # programs and rules are in memory then
                times[kind].append(one_plug(machine, agent, stick))
    return times


def spread(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def main():
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "yes"
        os.execvp(show.OWN_NAMESPACES[0], [*show.OWN_NAMESPACES, sys.executable, __file__, *sys.argv[1:]])
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    if not os.path.exists(UDISKSD):
        raise SystemExit("bench plug: udisks2 is not installed")
    # udisks uses the same places as the machine's own; here its mounts are invisible to others. It would
    # also tidy up the records of the machine's own udisks about mounts and loop devices.
    for folder in ("/run/media", "/run/udisks2", "/var/lib/udisks2"):
        os.makedirs(folder, exist_ok=True)
        harness.run(["mount", "-t", "tmpfs", "none", folder])
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(harness.scratch_directory())
        udevd = show.start_udevd_if_missing(scratch)
        if udevd:
            stack.callback(show.end, udevd)
        with machines.Machine(scratch) as machine:
            machine.sit_down(ALICE)
            machine.polkit("AllowUnknown", "(true,)")
            times = measure(machine, rounds)
    ratios = [ours / theirs for ours, theirs in zip(times["airlock"], times["udisks"])]
    print(f"plug to usable, ms, {rounds} rounds: udisks + kernel ext4 {spread(times['udisks'])}, "
          f"airlock {spread(times['airlock'])}")
    middle = statistics.median(ratios)
    words = "slower" if middle > 1 else "faster"
    print(f"airlock is ×{max(middle, 1 / middle):.2f} {words} "
          f"({min(ratios):.2f}-{max(ratios):.2f} of the time udisks takes)")


if __name__ == "__main__":
    main()
