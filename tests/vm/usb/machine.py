# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian (13, or the one named by AIRLOCK_GUEST) on a machine of its own: the distribution's kernel, a USB bus, a
user logged in.

    image = Image(FOLDER)                           # the output of make_image.sh
    with Machine(image) as machine: ...             # boots it (half a minute without KVM)
    with Machine(image, image.saved()) as machine:  # an already booted one: below a second

    machine.run("lsblk")                            # as root -> Outcome(code, text); fails unless code is 0
    machine.text("id", user="user")                 # as a user without a session
    machine.text("id", user="user", session=True)   # in that person's session (user has one on tty1)
    machine.start("cat /dev/zero >file")            # -> Running: wait(), which takes what run() takes
    machine.write(path, b"..."); machine.read(path) # files of the guest

    stick = machine.plug(image_file)                # -> Stick; .device, .partition(1)
    machine.plug(file, how="usb-uas", read_only=True, serial="X", speed=MIB, wait=False)
    machine.unplug(stick)                           # pulled, in use or not; it can be plugged again

The changes of a test end with its machine, except for those on sticks.
"""
import base64
import collections
import dataclasses
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import time

from json_lines import JsonLines

GUEST = pathlib.Path(os.environ.get("AIRLOCK_GUEST", pathlib.Path(__file__).resolve().parents[3] / "build-debian/vm"))
FOLDER = GUEST / "usb"
# Without hardware for it, everything in the machine takes twenty times as long.
BOOT_TIME = 600
DEADLINE = 120
SHORT = 30
HOW = ("usb-storage", "usb-uas", "usb-bot")
MIB = 1 << 20
KERNEL_OPTIONS = ("root=/dev/vda rw rootfstype=ext4 console=ttyS0 quiet panic=-1 net.ifnames=0 audit=0"
                  " mitigations=off usb-storage.delay_use=0 modprobe.blacklist=iTCO_wdt,i2c_i801,pcspkr")
# Otherwise every test would wait for this again. A udisksd started before polkit refuses everything.
WARM_UP = ("modprobe -a usb-storage uas dm-crypt; systemctl start polkit; systemctl restart udisks2; udisksctl status;"
           " cat /usr/bin/airlockctl /usr/sbin/mount.airlock /usr/libexec/airlock/* >/dev/null")

Outcome = collections.namedtuple("Outcome", "code text")


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        # On an emulated machine a question costs more than the work itself.
        time.sleep(0.2)
    return value


def has_kvm():
    """Whether KVM can run a stock kernel; /dev/kvm alone does not show that."""
    modules = (f"/sys/module/kvm_{maker}" for maker in ("intel", "amd"))
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and any(map(os.path.exists, modules))


@dataclasses.dataclass
class Saved:
    memory: pathlib.Path
    disk: pathlib.Path


class Image:
    """The output of make_image.sh: kernel, initrd and disk, and a machine booted from them."""

    def __init__(self, folder=FOLDER):
        self.folder = pathlib.Path(folder)
        self.kernel, self.initrd, self.disk = (self.folder / name for name in ("vmlinuz", "initrd", "root.ext4"))

    def saved(self):
        """A saved machine fits only the same disk and the same qemu."""
        emulator = subprocess.run([*qemu(), "-version"], check=True, capture_output=True, text=True).stdout
        made_of = [emulator, *qemu(), *devices(), KERNEL_OPTIONS, WARM_UP, (self.folder / "ready").read_text()]
        name = "saved-" + hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
        saved = Saved(self.folder / name, self.folder / (name + ".qcow2"))
        if not saved.memory.exists():
            for old in self.folder.glob("saved-*"):
                old.unlink()
            with Machine(self) as machine:
                machine.run(WARM_UP)
                machine.save(saved)
        return saved


def qemu():
    # "max" as it is: with features taken off it, mounting fails in the guest.
    if has_kvm():
        return ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host"]
    return ["qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"]


def devices():
    return ["-machine", "q35", "-smp", "2", "-m", "1024", "-nodefaults", "-no-user-config", "-display", "none",
            "-no-reboot", "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-device", "virtserialport,chardev=agent,name=test-agent",
            "-device", "virtio-blk-pci,drive=root", "-device", "qemu-xhci,id=xhci,p2=8,p3=8"]


class Stick:
    def __init__(self, name, serial, image, device):
        self.name, self.serial, self.image, self.device = name, serial, image, device

    def partition(self, number):
        return f"{self.device}{number}"


class Running:
    """A command that runs while the test does something else."""

    def __init__(self, machine, question):
        self.machine, self.question = machine, question

    def wait(self, allowed=0, timeout=DEADLINE):
        answer = self.machine.agent.wait(self.question, timeout)
        assert "error" not in answer, answer["error"]
        outcome = Outcome(answer["code"], answer["text"])
        assert allowed is None or outcome.code == allowed, f"it ended with {outcome.code}\n{outcome.text}"
        return outcome


class Machine:
    def __init__(self, image, saved=None, console=None):
        """`console`: a path for a socket of the serial line, which otherwise goes to a file."""
        self.image, self.saved, self.console = image, saved, console
        self.plugged = 0
        self.sessions = {}
        self.process = self.control = self.agent = None

    # Starting and ending

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="airlock-usb-"))
        try:
            self.launch()
            self.continue_saved() if self.saved else self.wait_for_boot()
        except BaseException:
            self.show_output()
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def launch(self):
        self.disk = self.folder / "disk.qcow2"
        behind = (self.saved.disk, "qcow2") if self.saved else (self.image.disk, "raw")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", behind[0], "-F", behind[1], self.disk],
                       check=True)
        console = f"socket,path={self.console},server=on,wait=off" if self.console else f"file,path={self.folder}/console"
        # qemu ends with the test, however that ends.
        command = ["setpriv", "--pdeathsig", "TERM", "--", *qemu(), *devices(),
                   "-drive", f"file={self.disk},format=qcow2,if=none,id=root,cache=unsafe,discard=unmap",
                   "-qmp", f"unix:{self.folder}/control,server=on,wait=off",
                   "-chardev", f"socket,id=agent,path={self.folder}/agent,server=on,wait=off",
                   "-chardev", f"{console},id=console", "-serial", "chardev:console",
                   "-kernel", self.image.kernel, "-initrd", self.image.initrd, "-append", KERNEL_OPTIONS]
        if self.saved:
            command += ["-incoming", f"exec:zstd -dcq {shlex.quote(str(self.saved.memory))}"]
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT)
        self.agent, self.control = self.connect("agent"), self.connect("control")
        self.qmp("qmp_capabilities")

    def connect(self, name):
        def attempt():
            assert self.process.poll() is None, "qemu ended at once"
            try:
                return JsonLines(self.folder / name)
            except OSError:
                return None
        return wait_until(attempt, SHORT, "qemu to start")

    def continue_saved(self):
        wait_until(lambda: self.qmp("query-status")["status"] != "inmigrate", SHORT, "the saved machine")
        self.qmp("cont")
        self.run("true")

    def wait_for_boot(self):
        self.run("true", timeout=BOOT_TIME)
        self.run("systemctl is-system-running --wait; udevadm settle", allowed=None, timeout=BOOT_TIME)
        wait_until(lambda: self.session_of("user"), DEADLINE, "somebody to log in")
        wait_until(lambda: self.run("test -S /run/user/1000/bus", allowed=None).code == 0, DEADLINE,
                   "the bus of the one who logged in")

    def save(self, saved):
        """Ends it and saves it for other tests to continue from. No stick may be plugged in."""
        unfinished = saved.memory.with_suffix(".unfinished")
        self.qmp("stop")
        self.qmp("migrate", uri=f"exec:zstd -q -1 -f -o {shlex.quote(str(unfinished))}")
        status = wait_until(lambda: self.finished_status(), DEADLINE, "the machine to be saved")
        assert status == "completed", status
        self.end_process()
        shutil.move(self.disk, saved.disk)
        unfinished.rename(saved.memory)

    def finished_status(self):
        status = self.qmp("query-migrate")["status"]
        return status if status in ("completed", "failed", "cancelled") else None

    def end_process(self):
        try:
            self.control.post({"execute": "quit"})
            self.process.wait(SHORT)
        except (OSError, AttributeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.end_process()
        for lines in (self.agent, self.control):
            if lines:
                lines.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def show_output(self):
        for name in ("output", "console"):
            path = self.folder / name
            if path.exists():
                print(f"--- {name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-20:]))

    def qmp(self, execute, **arguments):
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        answer = self.control.ask({"execute": execute, "arguments": arguments}, DEADLINE)
        assert "error" not in answer, f"{execute}: {answer['error']['desc']}"
        return answer["return"]

    # Commands in it

    def argv(self, command, user=None, session=False):
        shell = ["/bin/bash", "-c", command]
        environment = ["/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]
        if not user:
            return [*environment, "HOME=/root", *shell]
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--",
                  *environment, f"HOME=/home/{user}", f"USER={user}"]
        if not session:
            return [*become, *shell]
        number, uid = self.known_session(user)
        # For logind and polkit, every process in this control group belongs to the session.
        join = ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"',
                f"/sys/fs/cgroup/user.slice/user-{uid}.slice/session-{number}.scope"]
        return [*join, *become, f"XDG_SESSION_ID={number}", f"XDG_RUNTIME_DIR=/run/user/{uid}",
                f"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{uid}/bus", *shell]

    def known_session(self, user):
        """The session's number and the user's; asked for once, because that takes longer than most commands."""
        if user not in self.sessions:
            self.sessions[user] = self.session_of(user), self.text(f"id -u {user}")
        return self.sessions[user]

    def session_of(self, user):
        """The number of the session with a terminal, once it is open."""
        listed = self.text("loginctl list-sessions --no-legend | while read -r number uid rest; do"
                           " if [ -d /sys/fs/cgroup/user.slice/user-$uid.slice/session-$number.scope ]; then"
                           " echo $number $uid $rest; fi; done").splitlines()
        return next((line.split()[0] for line in listed if f" {user} " in line and " tty" in line), None)

    def start(self, command, user=None, session=False, timeout=None):
        question = {"run": self.argv(command, user, session), "timeout": timeout}
        return Running(self, self.agent.post(question))

    def run(self, command, user=None, session=False, allowed=0, timeout=DEADLINE):
        """The outcome's code is None if the command took too long."""
        outcome = self.start(command, user, session, timeout).wait(None, timeout + SHORT)
        assert allowed is None or outcome.code == allowed, f"{command}: {outcome.code}\n{outcome.text}"
        return outcome

    def text(self, command, user=None, session=False):
        return self.run(command, user, session).text.strip()

    def succeeds(self, command, user=None, session=False):
        return self.run(command, user, session, allowed=None).code == 0

    def write(self, path, data):
        answer = self.agent.ask({"write": str(path), "data": base64.b64encode(data).decode()}, DEADLINE)
        assert "error" not in answer, answer["error"]

    def read(self, path):
        answer = self.agent.ask({"read": str(path)}, DEADLINE)
        assert "error" not in answer, answer["error"]
        return base64.b64decode(answer["data"])

    # Sticks

    def plug(self, image, how="usb-storage", read_only=False, serial=None, speed=0, wait=True):
        """Puts the file `image` into the machine as a stick; unless told otherwise, waits until udev knows it.
        `speed`: bytes a second it reads and writes."""
        self.plugged += 1
        stick = Stick(f"stick{self.plugged}", serial or f"STICK{self.plugged}", image, None)
        self.back(stick, read_only, speed)
        self.insert(stick, how)
        if wait:
            stick.device = self.find(stick)
        return stick

    def back(self, stick, read_only, speed):
        self.qmp("object-add", qom_type="throttle-group", id=stick.name + "-speed", limits={"bps-total": speed})
        self.qmp("blockdev-add", driver="throttle", node_name=stick.name + "-file", read_only=read_only,
                 throttle_group=stick.name + "-speed",
                 file={"driver": "file", "filename": str(stick.image), "read-only": read_only, "locking": "off"})

    def insert(self, stick, how):
        disk = {"drive": stick.name + "-file", "removable": True, "serial": stick.serial}
        if how == "usb-storage":
            self.qmp("device_add", driver=how, id=stick.name, bus="xhci.0", **disk)
            return
        assert how in HOW
        # An adapter with a disk in it: the guest sees it once both exist.
        self.qmp("device_add", driver=how, id=stick.name, bus="xhci.0", serial=stick.serial)
        self.qmp("device_add", driver="scsi-hd", id=stick.name + "-disk", bus=stick.name + ".0", **disk)
        self.qmp("qom-set", path="/machine/peripheral/" + stick.name, property="attached", value=True)

    def find(self, stick):
        link = self.text(f"for _ in $(seq 600); do ls /dev/disk/by-id/usb-*{stick.serial}-* 2>/dev/null"
                         " | grep -v -- -part && exit 0; sleep 0.05; done; exit 1")
        self.run("udevadm settle")
        return self.text(f"readlink -f {link.splitlines()[0]}")

    def unplug(self, stick):
        """Unplugs it like a hand."""
        self.qmp("device_del", id=stick.name)
        self.control.wait_for_event(lambda event: event.get("event") == "DEVICE_DELETED"
                                    and event["data"].get("device") == stick.name, SHORT, "the stick to go")
        # The last request may still use its file.
        wait_until(lambda: self.let_go(stick), SHORT, "the stick's file to be free")

    def let_go(self, stick):
        answer = self.control.ask({"execute": "blockdev-del", "arguments": {"node-name": stick.name + "-file"}}, SHORT)
        return "error" not in answer

    # The guest's tables

    def mounts(self, device):
        """[(place, type, options)] of a device, in the order they were made."""
        lines = self.run(f"findmnt -rno TARGET,FSTYPE,OPTIONS -S {device}", allowed=None).text
        return [tuple(line.split(" ")) for line in lines.splitlines()]

    def volume(self, device, wanted=None):
        """The properties of a volume from airlockctl, or one of them."""
        found = self.run(f"airlockctl info --json {device}", allowed=None)
        told = json.loads(found.text) if found.code == 0 else None
        return told.get(wanted) if told and wanted else told

    def drivers(self):
        """The process ids of the running drivers."""
        return self.run("pgrep 'lock-(ext|fat)'", allowed=None).text.split()

    def stuck(self):
        """The kernel stacks of unkillable processes, and the requests that FUSE waits for."""
        return self.run("for task in /proc/[0-9]*; do grep -q '^State:.D' $task/status 2>/dev/null || continue;"
                        " tr '\\0' ' ' <$task/cmdline; cat $task/comm $task/stack; done;"
                        " grep . /sys/fs/fuse/connections/*/waiting; findmnt -rno TARGET,SOURCE,FSTYPE | grep fuse;"
                        " pgrep -a airlock", allowed=None).text

    def journal(self):
        return self.run("journalctl -b --no-pager -o short-precise | tail -n 150", allowed=None).text
