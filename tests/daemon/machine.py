# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine for airlockd: a private bus, a mock of polkit, a person at the seat, and sticks.

The daemon, its drivers, the kernel, loop devices and D-Bus are real; polkit and logind are mocks
whose answers a test decides. Everything is given back in the end, even if a test failed.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import bus_peers
import caller
import harness
from gi.repository import Gio, GLib

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
MANAGER_PATH = "/org/airlock1"
MANAGER = "org.airlock1.Manager"
VOLUME = "org.airlock1.Volume"
JOB = "org.airlock1.Job"
PROPERTIES = "org.freedesktop.DBus.Properties"
MOCK = "org.freedesktop.DBus.Mock"
DEADLINE = harness.PATIENCE
BUS_DEADLINE = harness.PATIENCE * 1000
# Accounts that exist on every Debian, for two people.
ALICE = (1, "daemon")
BOB = (2, "bin")

# airlockd does not even probe other media in this machine, or the loop devices of tests that run at the
# same time.
SETTINGS = """automount = "{automount}"
mount-base = "{base}"

[[rule]]
name = "media of others"
match.kind = ["disk", "partition", "optical", "loop"]
ignore = true

[[rule]]
name = "loop sticks of this test"
match.backing-file = "{own}/*"
ignore = false
removable = true
"""


def settings_for(scratch, automount):
    return SETTINGS.format(automount=automount, base=scratch / "media", own=scratch.resolve())


@contextlib.contextmanager
def without_program(name, folder):
    """As if it was not installed, for this test and what it starts: they have a mount namespace of their own."""
    nothing = folder / f"no-{name}"
    nothing.write_text("")
    nothing.chmod(0o644)
    path = os.path.realpath(shutil.which(name))
    harness.run(["mount", "--bind", nothing, path])
    try:
        yield
    finally:
        harness.run(["umount", path])


class Refused(AssertionError):
    """The daemon answered with an error: its name, and its message for people."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name = name.removeprefix("org.airlock1.Error.")
        self.message = message


class Stick:
    """A loop device with a filesystem, plugged in by attaching it and pulled by detaching it."""

    def __init__(self, machine, image):
        self.machine = machine
        self.image = pathlib.Path(image)
        self.loop = None

    def begin_with(self, word):
        """Writes a word to the first bytes of the medium, which an ext filesystem does not use."""
        with open(self.image, "r+b") as image:
            image.write(word)
        return self

    def plug(self, read_only=False):
        return self.plugged_in(harness.LoopDevice(self.image, read_only))

    def plugged_in(self, loop):
        self.loop = loop
        self.machine.sticks.append(self)
        return self

    @property
    def device(self):
        return self.loop.path

    @property
    def name(self):
        return os.path.basename(self.device)

    def pull(self):
        """All its bytes go at once, even while in use; then the device goes as well."""
        harness.wait_until(self.shrunk_to_nothing, DEADLINE, f"{self.device} to be empty")
        self.loop.detach()

    def shrunk_to_nothing(self):
        """A driver's write between the two steps makes the file grow again."""
        os.truncate(self.image, 0)
        harness.run(["losetup", "--set-capacity", self.device], allowed=None)
        return pathlib.Path(f"/sys/class/block/{self.name}/size").read_text() == "0\n"

    def unplug(self):
        self.loop.detach()

    def unmount_by_hand(self):
        """Unmounts it if it is mounted."""
        for target in self.machine.mounts():
            found = harness.run(["findmnt", "-no", "SOURCE", target], allowed=None)
            if found.stdout.strip() == self.device:
                harness.run(["umount", "-l", target], allowed=None)

    def remove(self):
        with contextlib.suppress(harness.HarnessError):
            self.loop.detach()


def device_of(stick):
    """A stick, or the name of any device."""
    return stick if isinstance(stick, str) else stick.device


def tiny_drivers(scratch):
    """A folder of drivers with the tests' own driver for ext: the first word of the medium chooses its
    behaviour, see tests/mount/tiny_driver.cc."""
    folder = pathlib.Path(scratch) / "drivers"
    folder.mkdir()
    shutil.copy2(harness.built("tests/mount/tiny_driver"), folder / "airlock-ext")
    return {"AIRLOCK_DRIVER_DIR": str(folder)}


class Machine:
    def __init__(self, scratch, automount="on", settings="", polkit=True, logind=True, environment=None,
                 program="daemon/airlockd"):
        self.scratch = pathlib.Path(scratch)
        os.chmod(self.scratch, 0o755)
        self.program = program
        self.automount = automount
        self.extra_settings = settings
        self.extra_environment = environment or {}
        self.with_polkit = polkit
        self.with_logind = logind
        self.base = self.scratch / "media"
        self.state = self.scratch / "state"
        self.settings_directory = self.scratch / "settings"
        self.log_path = self.scratch / "airlockd.log"
        self.processes = []
        self.mocks = {}
        self.sticks = []
        self.daemon = None
        self.private_bus = None

    # Starting and ending

    def __enter__(self):
        try:
            self.start_bus()
            self.start_mocks()
            self.base.mkdir(mode=0o755)
            self.settings_directory.mkdir()
            self.state.mkdir(exist_ok=True)
            self.write_settings()
            self.start_daemon()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop_daemon()
        for target in harness.mount_targets():
            if target.startswith(str(self.scratch)):
                harness.run(["umount", "-l", target], allowed=None)
        for stick in self.sticks:
            stick.remove()
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        if self.private_bus is not None:
            self.private_bus.stop()

    def start_bus(self):
        self.private_bus = bus_peers.PrivateBus(self.scratch, bus_peers.MACHINE_POLICY)
        self.address = self.private_bus.address
        self.environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}
        self.bus = caller.connect(self.address)

    def start_mocks(self):
        for template, name, wanted in (("polkitd", "org.freedesktop.PolicyKit1", self.with_polkit),
                                       ("logind", "org.freedesktop.login1", self.with_logind)):
            if wanted:
                self.start_mock(template, name)

    def start_mock(self, template, name):
        self.mocks[template] = subprocess.Popen([PYTHON, "-m", "dbusmock", "--system", "--template", template],
                                                env=self.environment, stdout=subprocess.DEVNULL)
        self.processes.append(self.mocks[template])
        harness.wait_until(lambda: self.has_owner(name), 10, f"the mock of {name}")

    def restart_mock(self, template, name):
        """Replaces it by one without any knowledge."""
        self.mocks[template].kill()
        harness.wait_until(lambda: not self.has_owner(name), DEADLINE, f"the mock of {name} to go")
        self.start_mock(template, name)

    def write_settings(self, text=None):
        content = settings_for(self.scratch, self.automount) + self.extra_settings
        path = self.settings_directory / "airlock.toml"
        fresh = path.with_suffix(".new")
        fresh.write_text(content if text is None else text)
        fresh.rename(path)

    def start_daemon(self, *options):
        program = harness.built(self.program)
        environment = {**self.environment,
                       "AIRLOCK_PROBE": str(harness.built("contained/probe/airlock-probe")),
                       "AIRLOCK_CHECK": str(harness.built("contained/check/airlock-check")),
                       **self.extra_environment}
        if "AIRLOCK_DRIVER_DIR" not in environment:
            environment["AIRLOCK_DRIVER_DIR"] = str(harness.built("contained/airlock-ext").parent)
        with open(self.log_path, "ab") as log:
            self.daemon = subprocess.Popen(
                [program, "--settings-dir", self.settings_directory, "--mount-base", self.base,
                 "--state-dir", self.state, "--idle-exit", "0", "--verbose", *options],
                env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        # The bus may not have noticed yet that the last airlockd was killed.
        harness.wait_until(lambda: self.owner_of("org.airlock1") == self.daemon.pid or self.daemon.poll() is not None,
                           DEADLINE, "airlockd to take its name")
        assert self.daemon.poll() is None, f"airlockd ended at once:\n{self.log()}"

    def stop_daemon(self, with_signal=signal.SIGTERM):
        if self.daemon is None:
            return None
        self.daemon.send_signal(with_signal)
        try:
            status = self.daemon.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
            raise
        finally:
            self.daemon = None
        return status

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # The bus

    def has_owner(self, name):
        return self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                  "org.freedesktop.DBus", "NameHasOwner",
                                  GLib.Variant("(s)", (name,)), None, 0, BUS_DEADLINE, None).unpack()[0]

    def owner_of(self, name):
        """The process that owns the name, or None."""
        try:
            return self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                      "org.freedesktop.DBus", "GetConnectionUnixProcessID",
                                      GLib.Variant("(s)", (name,)), None, 0, BUS_DEADLINE, None).unpack()[0]
        except GLib.Error as error:
            if not error.matches(Gio.dbus_error_quark(), Gio.DBusError.NAME_HAS_NO_OWNER):
                raise
            return None

    def call(self, path, interface, method, arguments="()"):
        """Calls as root; arguments in GVariant's text form. Raises Refused."""
        try:
            answer = caller.call(self.bus, path, interface, method, arguments)
        except GLib.Error as error:
            found = caller.error_of(error)
            raise Refused(found["error"], found["message"]) from None
        return answer[0] if len(answer) == 1 else answer

    def call_as(self, person, path, interface, method, arguments="()", image=(), timeout=180):
        """The same as another user, in a process of their own."""
        done = subprocess.run(
            [PYTHON, HERE / "caller.py", self.address, path, interface, method, arguments, *image],
            user=person[0], group=person[0], extra_groups=[], stdout=subprocess.PIPE, text=True,
            timeout=timeout, check=True)
        result = json.loads(done.stdout)
        if "error" in result:
            raise Refused(result["error"], result["message"])
        answer = result["answer"]
        return answer[0] if len(answer) == 1 else answer

    def mock(self, name, path, method, arguments):
        return self.bus.call_sync(name, path, MOCK, method, GLib.Variant.parse(None, arguments, None, None),
                                  None, 0, 5000, None)

    # People

    def sit_down(self, person, session="1", seat="seat0", active=True):
        self.mock("org.freedesktop.login1", "/org/freedesktop/login1", "AddSession",
                  f"('{session}', '{seat}', uint32 {person[0]}, '{person[1]}', {str(active).lower()})")
        # The mock does not send this signal itself.
        self.mock("org.freedesktop.login1", "/org/freedesktop/login1", "EmitSignal",
                  "('org.freedesktop.login1.Manager', 'SessionNew', 'so', "
                  f"[<'{session}'>, <objectpath '{self.session_path(session)}'>])")

    @staticmethod
    def session_path(session):
        return f"/org/freedesktop/login1/session/{session}"

    def set_session(self, session, **values):
        text = ", ".join(f"'{key}': <{str(value).lower() if isinstance(value, bool) else repr(value)}>"
                         for key, value in values.items())
        self.mock("org.freedesktop.login1", self.session_path(session), "UpdateProperties",
                  f"('org.freedesktop.login1.Session', {{{text}}})")

    def polkit(self, method, arguments):
        self.mock("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority", method, arguments)

    def allow(self, *actions):
        names = ", ".join(f"'org.airlock1.{action}'" for action in actions)
        self.polkit("SetAllowed", f"(@as [{names}],)")

    # Sticks and volumes

    def make_stick(self, label="STICK", files=None, size="32M", kind="ext4", name=None):
        name = name or f"stick{len(list(self.scratch.glob('stick*.img')))}"
        content = self.scratch / f"{name}.content"
        content.mkdir()
        for path, text in (files or {"hello.txt": "hello"}).items():
            (content / path).write_text(text)
        image = harness.make_image(self.scratch / f"{name}.img", ["-L", label, "-d", content], size, kind)
        return Stick(self, image)

    def stick_of(self, image):
        """A stick from a test's own image."""
        return Stick(self, image)

    def volumes(self):
        objects = self.call(MANAGER_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        return {path: interfaces[VOLUME] for path, interfaces in objects.items() if VOLUME in interfaces}

    def jobs(self):
        objects = self.call(MANAGER_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        return {path: interfaces[JOB] for path, interfaces in objects.items() if JOB in interfaces}

    def volume_of(self, stick):
        """Path and properties, or None."""
        device = device_of(stick)
        for path, properties in self.volumes().items():
            if properties["Device"] == device:
                return path, properties
        return None

    def wait_for_state(self, stick, *states, deadline=DEADLINE):
        def reached():
            found = self.volume_of(stick)
            return found if found and found[1]["State"] in states else None
        try:
            return harness.wait_until(reached, deadline, f"{device_of(stick)} to be {' or '.join(states)}")
        except harness.HarnessError as late:
            raise harness.HarnessError(f"{late}; it is {self.volume_of(stick)}\n{self.log()[-4000:]}") from late

    def wait_gone(self, stick, deadline=DEADLINE):
        harness.wait_until(lambda: self.volume_of(stick) is None, deadline, "the volume to go")

    # Using a mount as the person it belongs to; the kernel keeps root out of it.

    @staticmethod
    def run_as(person, command, **options):
        return subprocess.run([str(word) for word in command], user=person[0], group=person[0],
                              extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=harness.PATIENCE, check=False, **options)

    @staticmethod
    def start_as(person, command):
        return subprocess.Popen([str(word) for word in command], user=person[0], group=person[0],
                                extra_groups=[], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start_on_terminal(self, person, command, terminal):
        """Uses the system bus of this machine; closes the test's copy of the terminal."""
        try:
            return subprocess.Popen([str(word) for word in command], user=person[0], group=person[0],
                                    extra_groups=[], env=self.environment, stdin=terminal, stdout=terminal,
                                    stderr=terminal)
        finally:
            os.close(terminal)

    def read_as(self, person, path):
        done = self.run_as(person, ["cat", path])
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextlib.contextmanager
    def reader(self, person, path):
        """A process of the person that holds the file open."""
        process = subprocess.Popen(["sh", "-c", 'exec 5<"$0"; echo ready; read -r _', path],
                                   user=person[0], group=person[0], extra_groups=[], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextlib.contextmanager
    def image_opener(self, person, image, mode="rw", name=None):
        """A program of the person that opened the image and stays on the bus; yields the volume."""
        process = subprocess.Popen(
            [PYTHON, HERE / "caller.py", self.address, MANAGER_PATH, MANAGER, "OpenImage",
             f"({{handover}}, '{name or image.name}', @a{{{{sv}}}} {{{{}}}})", image, mode, "--stay"],
            user=person[0], group=person[0], extra_groups=[], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            result = json.loads(process.stdout.readline())
            if "error" in result:
                raise Refused(result["error"], result["message"])
            yield result["answer"][0]
        finally:
            process.communicate("")

    def mounts(self):
        return [target for target in harness.mount_targets() if target.startswith(str(self.base))]

    def places(self):
        """The existing folders for mounts. Their parents may go meanwhile."""
        found = []
        for person in os.listdir(self.base):
            with contextlib.suppress(FileNotFoundError):
                found += os.listdir(self.base / person)
        return found

    def children(self):
        """Processes of the daemon, drivers among them."""
        tasks = pathlib.Path(f"/proc/{self.daemon.pid}/task")
        return [int(pid) for task in tasks.iterdir()
                for pid in (task / "children").read_text().split()]

    def living(self):
        """Its children without zombies."""
        return [pid for pid in self.children() if not harness.has_ended(pid)]


class Asking(threading.Thread):
    """A person's slow call of a method of a volume. Its outcome is the answer, or the Refused."""

    def __init__(self, machine, path, method, arguments="(@a{sv} {},)", person=ALICE):
        super().__init__(daemon=True)
        self.request = person, path, VOLUME, method, arguments
        self.machine = machine
        self.outcome = None
        self.start()

    def run(self):
        try:
            self.outcome = self.machine.call_as(*self.request)
        except Refused as refused:
            self.outcome = refused


@contextlib.contextmanager
def ticking(machine, limit=0.05):
    """Makes cheap calls all the time; every answer must come within the limit, which grows on a slower
    machine."""
    stop = threading.Event()
    slowest = [0.0]
    bus = caller.connect(machine.address)

    def ask():
        while not stop.is_set():
            begin = time.monotonic()
            bus.call_sync("org.airlock1", MANAGER_PATH, PROPERTIES, "GetAll",
                          GLib.Variant("(s)", (MANAGER,)), None, 0, 60_000, None)
            slowest[0] = max(slowest[0], time.monotonic() - begin)
            time.sleep(0.005)
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        with harness.watching() as watch:
            yield
    finally:
        stop.set()
        thread.join(harness.PATIENCE)
    allowed = watch.limit_of_answers(limit)
    assert slowest[0] <= allowed, f"an answer took {slowest[0] * 1000:.0f} ms of {allowed * 1000:.0f} ms"


