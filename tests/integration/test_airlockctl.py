# SPDX-License-Identifier: GPL-2.0-or-later
"""airlockctl for people and scripts: against a simulated service, and without one."""

import concurrent.futures
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time

import pytest
from gi.repository import GLib

import bus_peers
import harness
from bus_peers import Client, Demo, PrivateBus, volume

DONE, FAILED, USAGE, NO_SUCH_THING, NOT_ALLOWED, IN_THE_WAY, UNREACHABLE, BAD_MEDIUM = range(8)
SECONDS = harness.PATIENCE
ESCAPES = b"\x1b]0;owned\x07\x1b[2J"
HOSTILE = ESCAPES + "\u202e\u009b31m".encode() + b"\nsdz9  mounted"

# Errc in the order of lib/base/error.h, as the demo counts them.
ERRORS = {"InvalidArgument": USAGE, "NotFound": NO_SUCH_THING, "NotPermitted": NOT_ALLOWED,
          "Busy": IN_THE_WAY, "AlreadyMounted": IN_THE_WAY, "WrongFormat": BAD_MEDIUM,
          "Unsupported": BAD_MEDIUM, "Corrupted": BAD_MEDIUM, "ReadOnly": FAILED,
          "NoSpace": FAILED, "Io": BAD_MEDIUM, "Protocol": BAD_MEDIUM, "PeerGone": UNREACHABLE,
          "TimedOut": FAILED, "Cancelled": FAILED, "WorkerDied": BAD_MEDIUM, "LimitExceeded": FAILED,
          "OutOfMemory": FAILED, "System": FAILED}


class Airlockctl:
    """Runs the program on one bus."""

    def __init__(self, address):
        self.environment = {name: value for name, value in os.environ.items()
                            if name not in ("NO_COLOR", "DBUS_SYSTEM_BUS_ADDRESS")}
        self.environment.update(DBUS_SYSTEM_BUS_ADDRESS=address, TERM="xterm", TZ="UTC",
                                LC_ALL="C.UTF-8")

    def __call__(self, *words, seconds=SECONDS, **more):
        return subprocess.run([program(), *words], capture_output=True, text=True,
                              timeout=seconds, env=self.environment, **more)

    def answer(self, *words):
        """Its output when it must succeed and has nothing to add."""
        done = self(*words)
        assert (done.returncode, done.stderr) == (DONE, ""), done
        return done.stdout

    def json(self, *words):
        return json.loads(self.answer(*words, "--json"))

    def complaint(self, code, *words):
        """The one sentence it fails with."""
        done = self(*words)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert done.stderr.startswith("airlockctl: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr[len("airlockctl: "):-1]

    def on_terminal(self, *words, **environment):
        """Everything it writes to a terminal, and its exit code."""
        leader, follower = pty.openpty()
        process = subprocess.Popen([program(), *words], stdin=follower, stdout=follower,
                                   stderr=follower, env={**self.environment, **environment})
        os.close(follower)
        written = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:
                break
            if not piece:
                break
            written += piece
        os.close(leader)
        return written, process.wait(SECONDS)


def program():
    return harness.built("cli/ctl/airlockctl")


@pytest.fixture
def bus(scratch):
    bus = PrivateBus(scratch)
    yield bus
    bus.stop()


@pytest.fixture
def demo(bus, scratch):
    demo = Demo(bus, scratch / "demo.log")
    assert demo.line() == "ready", demo.said()
    demo.tell("add", "sdb1")
    demo.tell("set", "sdb1", "Type", "s", "ext4")
    demo.tell("set", "sdb1", "Size", "t", 32_000_000_000)
    label(demo, "sdb1", b"STICK")
    yield demo
    demo.stop()


@pytest.fixture
def ctl(bus):
    return Airlockctl(bus.address)


def label(demo, name, text):
    put(demo, name, "Label", text)


def put(demo, name, prop, text):
    demo.tell("set", name, prop, "x", text.hex())


def kill(demo):
    """Like a crash. Its fixture accepts that."""
    demo.process.kill()
    demo.process.wait()
    demo.process.returncode = 0


def make_dead(demo, name):
    demo.tell("set", name, "State", "s", "dead")
    demo.tell("set", name, "MountPoint", "s", "/run/media/somebody/" + name)
    demo.tell("set", name, "Death", "death", 11)


# --- reading ---

def test_list_is_a_table_for_people(ctl, demo):
    demo.tell("add", "sdb10")
    demo.tell("add", "sdb2")
    demo.tell("set", "sdb2", "State", "s", "mounted")
    demo.tell("set", "sdb2", "MountPoint", "s", "/run/media/ada/B")
    demo.tell("set", "sdb2", "MountedReadOnly", "b", 1)
    assert ctl.answer("list").splitlines() == [
        "NAME   STATE      TYPE  SIZE      LABEL  MOUNTED ON",
        "sdb1   available  ext4  29.8 GiB  STICK",
        "sdb2   mounted                           /run/media/ada/B (read-only)",
        "sdb10  available",
    ]
    assert ctl.answer() == ctl.answer("list"), "no verb at all means list"


def test_list_hides_what_airlock_leaves_alone(ctl, demo):
    demo.tell("add", "sda1")
    demo.tell("set", "sda1", "State", "s", "ignored")
    assert ctl.answer("list", "--quiet") == "sdb1\n"
    assert ctl.answer("list", "--quiet", "--all") == "sda1\nsdb1\n"
    demo.tell("remove", "sdb1")
    done = ctl("list")
    assert (done.returncode, done.stdout) == (DONE, "")
    assert done.stderr.startswith("Nothing is plugged in.")
    assert ctl("list", "-q").stderr == ""


def test_list_keeps_its_shape_whatever_a_label_says(ctl, demo):
    label(demo, "sdb1", b"\n" * 255)
    lines = ctl.answer("list").splitlines()
    assert len(lines) == 2 and max(map(len, lines)) < 70


def test_list_tells_the_way_out_of_a_dead_mount(ctl, demo):
    make_dead(demo, "sdb1")
    assert "airlockctl recover sdb1" in ctl.answer("list")


def test_list_and_info_as_json_are_the_properties(ctl, demo, bus):
    client = Client(bus.address)
    properties = client.properties(volume("sdb1"), "Volume")
    assert ctl.json("info", "sdb1") == properties
    assert ctl.json("list") == [properties]
    client.close()


def test_info_tells_everything(ctl, demo):
    demo.tell("set", "sdb1", "State", "s", "mounted")
    demo.tell("set", "sdb1", "MountPoint", "s", "/run/media/ada/STICK")
    demo.tell("set", "sdb1", "MountedFor", "u", 0)
    demo.tell("set", "sdb1", "MountedSince", "t", 1_795_194_187)
    demo.tell("set", "sdb1", "DriverOrigin", "s", "builtin")
    text = ctl.answer("info", "STICK")
    for line in ("name            sdb1", "label           STICK", "mounted for     root",
                 "since           2026-11-20 17:03:07", "contained by    Airlock's own sandbox",
                 "in use by:", "  42 (editor) /x/"):
        assert line in text, text


def test_info_of_a_dead_mount_tells_what_happened_and_what_to_do(ctl, demo):
    make_dead(demo, "sdb1")
    text = ctl.answer("info", "/run/media/somebody/sdb1/some/file")
    assert "state           dead" in text
    assert "airlockctl recover sdb1" in text and "airlockctl log sdb1" in text


def test_status_drivers_explain_log_automount(ctl, demo):
    demo.tell("manager", "Automount", "Automount", "s", "ask")
    demo.tell("manager", "Waiting", "Waiting", "u", 2)
    demo.tell("manager", "SettingsProblem", "SettingsProblem", "s", "airlock.toml:3")
    status = ctl.answer("status")
    assert "airlockd 0.2\n" in status and "2 media wait until" in status
    assert "settings problem: airlock.toml:3" in status
    assert ctl.json("status")["Waiting"] == 2 and "automount" in ctl.json("status")["Settings"]
    assert "ext" in ctl.answer("drivers") and ctl.json("drivers")[0]["writes"] is True
    assert "steps:" in ctl.answer("explain", "sdb1")
    assert ctl.json("explain", "/dev/sdb1")["size"] == 1 << 40
    assert ctl.answer("log", "sdb1").startswith("first\n")
    assert ctl.json("log", "sdb1")[0] == "first"
    assert ctl.answer("automount", "-q") == "ask\n"
    assert ctl.json("automount") == {"automount": "ask"}


def test_explain_can_be_asked_about_what_is_no_volume(ctl, demo):
    demo.calls()
    ctl.answer("explain", "sda")
    assert [call.split()[2] for call in demo.calls()] == ["sda"]


# --- changing ---

def test_mount_prints_where_and_passes_what_was_asked(ctl, demo):
    assert ctl.answer("mount", "STICK", "-o", "noexec", "-ro", "sync", "-t", "ext4",
                      "--no-ask") == "/run/media/somebody/sdb1\n"
    assert demo.calls()[-1].split(" ", 3)[3] == (
        "options=noexec,sync,ro fstype=ext4 force=0 lazy=0 quiet=1")


def test_mount_as_json_and_twice(ctl, demo):
    assert ctl.json("mount", "sdb1") == {"mount_point": "/run/media/somebody/sdb1"}
    demo.tell("set", "sdb1", "MountPoint", "s", "/run/media/somebody/sdb1")
    assert ctl.complaint(IN_THE_WAY, "mount", "sdb1") == (
        'sdb1 is mounted already, on "/run/media/somebody/sdb1"')


def test_mount_of_an_image_file_hands_over_a_descriptor(ctl, demo, scratch):
    (scratch / "disk.img").write_bytes(b"x" * 4096)
    (scratch / "plain").write_bytes(b"x" * 4096)
    assert ctl.answer("mount", str(scratch / "disk.img")).startswith("/run/media/somebody/image")
    done = ctl("mount", "plain", cwd=scratch)
    assert done.returncode == DONE, done.stderr
    opened = [call for call in demo.calls() if call.startswith("OpenImage")]
    assert len(opened) == 2 and "disk.img" in opened[0] and "plain" in opened[1]
    missing = ctl.complaint(NO_SUCH_THING, "mount", "./none.iso")
    assert missing == '"./none.iso" is neither a medium nor an image file'
    for neither in ("/", "none.iso"):
        assert ctl.complaint(NO_SUCH_THING, "mount", neither).endswith("is neither a medium nor an image file")


@pytest.mark.parametrize("words, method, said", [
    (["unmount", "sdb1"], "Unmount", "sdb1 is unmounted: safe to remove."),
    (["unmount", "--lazy", "sdb1"], "Unmount", "do not unplug it before"),
    (["unmount", "-f", "sdb1"], "Unmount", "data that was not written yet is lost"),
    (["eject", "sdb1"], "Eject", "sdb1 is ejected: safe to remove."),
    (["eject", "--power-off", "sdb1"], "PowerOff", "sdb1 is switched off: safe to remove."),
    (["detach", "sdb1"], "Detach", "sdb1 is detached."),
    (["automount", "off"], "SetAutomount", "automount is off"),
])
def test_what_is_done_is_said_unless_quiet(ctl, demo, words, method, said):
    ctl("mount", "sdb1")
    demo.calls()
    done = ctl(*words)
    assert (done.returncode, done.stdout) == (DONE, ""), done
    assert said in done.stderr and done.stderr.count("\n") == 1
    (call,) = demo.calls()
    assert call.startswith(method + " ")
    assert ("lazy=1" in call) == ("--lazy" in words) and ("force=1" in call) == ("-f" in words)
    if words[0] == "automount":
        assert ctl("automount", "on", "-q").stderr == ""
        return
    demo.tell("add", "sdc1")
    ctl("mount", "sdc1")
    done = ctl(*words[:-1], "sdc1", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (DONE, "", "")


def test_unmount_does_all_and_reports_the_failures(ctl, demo):
    for name in ("sdc1", "sdd1"):
        demo.tell("add", name)
        ctl("mount", name)
    done = ctl("unmount", "nosuch", "sdc1", "sdd1", "neither")
    assert done.returncode == NO_SUCH_THING
    assert 'no "nosuch"' in done.stderr and 'no "neither"' in done.stderr
    assert "sdc1 is unmounted" in done.stderr and "sdd1 is unmounted" in done.stderr


def test_what_airlockd_does_not_call_safe_is_not_told_as_safe(ctl, demo):
    ctl("mount", "sdb1")
    demo.tell("unmounts", "drive-in-use", "unmounted, but sdb2 is in use: do not unplug it yet")
    assert ctl("unmount", "sdb1").stderr == "sdb1: unmounted, but sdb2 is in use: do not unplug it yet.\n"
    ctl("mount", "sdb1")
    demo.tell("unmounts", "unknown", "")
    assert ctl("unmount", "sdb1").stderr == "sdb1 is unmounted.\n"


def test_nobody_unplugs_an_image(ctl, demo):
    demo.tell("set", "sdb1", "Kind", "s", "image")
    ctl("mount", "sdb1")
    assert ctl("unmount", "sdb1").stderr == "sdb1 is unmounted.\n"


def test_a_forced_eject_is_not_told_as_safe(ctl, demo):
    ctl("mount", "sdb1")
    assert ctl("eject", "--force", "sdb1").stderr == "sdb1 is ejected; data that was not written yet is lost.\n"


def test_recover_is_for_dead_mounts_only(ctl, demo):
    assert "not dead but available" in ctl.complaint(USAGE, "recover", "sdb1")
    make_dead(demo, "sdb1")
    demo.calls()
    assert ctl.answer("recover", "-r", "sdb1") == "/run/media/somebody/sdb1\n"
    assert " sdb1 read-only " in demo.calls()[0]


# --- errors ---

def test_every_error_of_the_api_is_in_the_table_above():
    header = (bus_peers.SOURCES / "lib" / "base" / "error.h").read_text()
    assert re.findall(r"^  k(\w+),", header, re.M) == list(ERRORS)


@pytest.mark.parametrize("name", ERRORS)
def test_errors_of_the_daemon_keep_their_words_and_have_exit_codes(ctl, demo, name):
    demo.tell("fail", list(ERRORS).index(name))
    assert ctl.complaint(ERRORS[name], "mount", "sdb1") == "fail as told"


def test_a_medium_that_goes_in_the_middle(ctl, demo):
    demo.tell("add", "pulled")
    assert "it was pulled out" in ctl.complaint(NO_SUCH_THING, "mount", "pulled")


@pytest.mark.parametrize("words, sentence", [
    (["lisst"], 'there is no verb "lisst"; did you mean list?'),
    (["umount"], 'there is no verb "umount"; did you mean unmount?'),
    (["frobnicate"], "there is no verb \"frobnicate\"; 'airlockctl --help' lists them"),
    (["\x1b[31m"], "there is no verb \"\\x1b[31m\"; 'airlockctl --help' lists them"),
    (["list", "--jsno"], 'there is no option "--jsno"; did you mean --json?'),
    (["mount"], "mount what? It wants DEVICE|IMAGE: airlockctl mount DEVICE|IMAGE"),
    (["version"], 'there is no verb "version"; did you mean --version?'),
    (["info", "a", "b"], 'info does not know what to do with "b"'),
    (["mount", "sdb1", "/mnt"], "mount chooses the folder itself; for one of your own, as root: "
                                "mount -t airlock.TYPE DEVICE FOLDER"),
    (["list", "--force"], "list takes no --force"),
    (["automount", "maybe"], 'automount can be on, off or ask, not "maybe"'),
])
def test_mistakes_get_a_helpful_sentence(ctl, demo, words, sentence):
    assert ctl.complaint(USAGE, *words) == sentence


def test_a_missing_device_gets_a_helpful_sentence(ctl, demo):
    assert ctl.complaint(NO_SUCH_THING, "info", "sdx1") == (
        "there is no \"sdx1\"; 'airlockctl list --all' shows what there is")
    demo.tell("remove", "sdb1")
    assert ctl.complaint(NO_SUCH_THING, "info", "sdx1") == (
        'there is no "sdx1": nothing is plugged in')
    demo.tell("add", "sdb1")
    demo.tell("add", "sdc1")
    label(demo, "sdc1", b"TWIN")
    label(demo, "sdb1", b"TWIN")
    assert "could be any of sdb1, sdc1" in ctl.complaint(USAGE, "mount", "TWIN")


def test_without_a_bus(scratch):
    nowhere = Airlockctl(f"unix:path={scratch}/none")
    for words in (["list"], ["status"], ["monitor"], ["mount", "sdb1"]):
        assert "there is no system bus" in nowhere.complaint(UNREACHABLE, *words)
    assert nowhere.answer("--help").startswith("airlockctl VERB")
    assert re.fullmatch(r"airlockctl \d+\.\d+\.\d+\n", nowhere.answer("--version"))


def test_without_the_daemon(ctl):
    for words in (["list"], ["status"], ["unmount", "sdb1"], ["explain", "sdb1"], ["automount"]):
        assert ctl.complaint(UNREACHABLE, *words) == (
            "airlockd does not run (try: systemctl start airlockd)")


def test_when_the_daemon_dies_in_the_middle(ctl, bus, demo):
    demo.tell("hold", "Mount")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pending = pool.submit(ctl.complaint, UNREACHABLE, "mount", "sdb1")
        wait_for_call(demo, "Mount")
        kill(demo)
        assert pending.result() == "airlockd has ended without an answer"


def test_when_the_bus_dies_in_the_middle(ctl, bus, demo):
    demo.tell("hold", "Mount")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pending = pool.submit(ctl, "mount", "sdb1")
        wait_for_call(demo, "Mount")
        bus.process.kill()
        done = pending.result()
    assert done.returncode == UNREACHABLE and done.stderr.count("\n") == 1, done
    assert demo.line().startswith("gone: ")  # it ends because of the bus, not of the test
    assert demo.process.wait(SECONDS) == 3, demo.said()


def wait_for_call(demo, method):
    end = time.monotonic() + SECONDS
    while not any(call.startswith(method) for call in demo.calls()):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_daemon_that_hangs_is_given_up(ctl, demo):
    demo.process.send_signal(signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            done = list(pool.map(lambda words: ctl(*words, seconds=60),
                                 [["list"], ["status"], ["mount", "sdb1"], ["monitor"]]))
    finally:
        demo.process.send_signal(signal.SIGCONT)
    for one in done:
        assert one.returncode == FAILED, one
        assert one.stderr == "airlockctl: airlockd runs but gives no answer\n"


def test_an_answer_that_cannot_be_written_is_a_failure(ctl, demo):
    with open("/dev/full", "w") as full:
        done = subprocess.run([program(), "list"], stdout=full, stderr=subprocess.PIPE, text=True,
                              env=ctl.environment, timeout=SECONDS)
    assert done.returncode == FAILED and "cannot write the answer" in done.stderr


# --- terminals ---

def test_colour_is_for_terminals_that_want_it(ctl, demo):
    make_dead(demo, "sdb1")
    assert b"\x1b[1;31mdead\x1b[0m" in ctl.on_terminal("list")[0]
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert b"\x1b" not in ctl.on_terminal("list", **environment)[0]
    assert b"\x1b[" in ctl.on_terminal("list", NO_COLOR="")[0], "set but empty is not set"
    assert "\x1b" not in ctl.answer("list")


def test_json_is_indented_for_people_and_has_no_colour(ctl, demo):
    written, code = ctl.on_terminal("list", "--json")
    assert code == DONE and b"\x1b" not in written and b'\r\n    "Ambivalent"' in written
    assert ctl.answer("list", "--json").count("\n") == 1


def test_progress_is_shown_on_terminals_only(ctl, demo):
    ctl("mount", "sdb1")
    demo.tell("hold", "Unmount")
    demo.tell("addjob", "7")
    demo.tell("setjob", "7", "BytesLeft", "t", 5 * 1024 * 1024)
    timer = threading.Timer(1.5, lambda: demo.tell("release"))
    timer.start()
    written, code = ctl.on_terminal("unmount", "sdb1")
    timer.join()
    assert code == DONE and b"writing, do not unplug yet: 5.0 MiB left" in written
    assert written.endswith(b"sdb1 is unmounted: safe to remove.\r\n")


def test_who_waits_for_a_check_is_told_how_not_to(ctl, demo):
    demo.tell("hold", "Mount")
    demo.tell("addjob", "7")
    demo.tell("setjob", "7", "Operation", "s", "mount")
    demo.tell("setjob", "7", "CanSkip", "b", "1")
    demo.tell("setjob", "7", "Progress", "d", "0.25")
    timer = threading.Timer(1.5, lambda: demo.tell("release"))
    timer.start()
    written, code = ctl.on_terminal("mount", "sdb1")
    timer.join()
    assert code == DONE and b"checking first: 25 %" in written
    assert b"read-only without waiting: airlockctl skip sdb1" in written
    demo.calls()
    assert ctl("skip", "sdb1").returncode == DONE
    assert [call.split()[:1] + call.split()[2:3] for call in demo.calls()] == [["Skip", "7"]]
    demo.tell("removejob", "7")
    done = ctl("skip", "sdb1")
    assert done.returncode == USAGE and "not being checked" in done.stderr, done


VISIBLE_ESCAPES = re.compile(rb"\x1b\[[0-9;]*m")  # airlockctl's own: colour and nothing else


def assert_harmless(written):
    plain = VISIBLE_ESCAPES.sub(b"", written).decode()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]",
                         plain), plain
    assert "\nsdz9" not in plain.replace("\r", "")


def test_hostile_text_never_reaches_the_terminal_raw(ctl, demo):
    for prop in ("Label", "Uuid", "Type", "TypeVersion", "Vendor", "Model", "Serial", "Port", "Bus",
                 "StateReason", "DecidedBy", "Condition", "Kind", "ReadOnlyReason", "Driver",
                 "DriverOrigin", "Device", "State"):
        put(demo, "sdb1", prop, HOSTILE)
    demo.tell("manager", "SettingsProblem", "SettingsProblem", "x", HOSTILE.hex())
    demo.tell("manager", "Version", "Version", "x", HOSTILE.hex())
    for state in (HOSTILE, b"mounted", b"dead"):
        put(demo, "sdb1", "State", state)
        for words in (["list"], ["list", "--json"], ["list", "-q"], ["info", "sdb1"], ["status"],
                      ["info", "sdb1", "--json"], ["explain", "sdb1"], ["log", "sdb1"],
                      ["drivers"], ["recover", "sdb1"], ["mount", "sdb1"]):
            assert_harmless(ctl.on_terminal(*words)[0])
        put(demo, "sdb1", "MountPoint", b"/run/media/x/" + HOSTILE)
    demo.tell("add", "sdc1")
    label(demo, "sdc1", HOSTILE)
    assert_harmless(ctl.on_terminal("mount", HOSTILE.decode())[0])


# --- monitor ---

class Monitor:
    def __init__(self, ctl, *words):
        self.process = subprocess.Popen([program(), "monitor", *words], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=ctl.environment)
        self.said = self.line(self.process.stderr)  # it watches now

    def line(self, stream=None):
        stream = stream or self.process.stdout
        # One line at a time, so that nothing waits in a buffer select() cannot see.
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([stream], [], [], SECONDS)
            assert ready, f"no line came after {line}"
            piece = os.read(stream.fileno(), 1)
            assert piece, f"it ended after {line}"
            line += piece
        return line.decode().rstrip("\n")

    def event(self):
        """Without the time, which varies."""
        line = self.line()
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line), line
        return line[21:]

    def is_silent(self, seconds=0.5):
        return not select.select([self.process.stdout], [], [], seconds)[0]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(SECONDS)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def test_monitor_tells_the_life_of_a_stick(ctl, demo):
    monitor = Monitor(ctl)
    assert monitor.said == "Watching; Ctrl-C ends it."
    demo.tell("add", "sdc1")
    assert monitor.event().startswith("sdc1     plugged")
    ctl("mount", "sdc1")
    assert monitor.event() == "sdc1     mounted on /run/media/somebody/sdc1"
    put(demo, "sdc1", "StateReason", b"it is \x1b[31mred")
    make_dead(demo, "sdc1")
    dead = monitor.event()
    assert dead.startswith("sdc1     dead: the driver"), dead
    demo.tell("set", "sdc1", "State", "s", "available")
    assert monitor.event() == "sdc1     available (it is \\x1b[31mred)"
    demo.tell("remove", "sdc1")
    assert monitor.event() == "sdc1     gone"
    demo.tell("addjob", "9")
    demo.tell("set", "sdb1", "Size", "t", 1)
    assert monitor.is_silent(), "jobs and sizes are no events"
    assert monitor.stop() == -signal.SIGINT


def test_monitor_as_json_has_one_object_per_line(ctl, demo):
    monitor = Monitor(ctl, "--json")
    demo.tell("set", "sdb1", "State", "s", "waiting")
    event = json.loads(monitor.line())
    assert (event["event"], event["volume"]["Id"]) == ("waiting", "sdb1")
    assert event["volume"]["Label"] == "STICK" and abs(event["time"] - time.time()) < 60
    assert set(event) == {"event", "time", "volume"}
    monitor.stop()


def test_monitor_survives_the_daemon_and_tells_what_changed_meanwhile(ctl, bus, scratch, demo):
    demo.tell("add", "sdc1")
    demo.tell("add", "sdd1")
    monitor = Monitor(ctl)
    kill(demo)
    assert monitor.event() == "airlockd has stopped"
    again = Demo(bus, scratch / "again.log")
    try:
        assert again.line() == "ready"
        assert monitor.event() == "airlockd has started"
        gone = {monitor.event() for _ in range(3)}
        assert gone == {f"{name}     gone" for name in ("sdb1", "sdc1", "sdd1")}
        again.tell("add", "sde1")
        assert monitor.event() == "sde1     plugged"
        monitor.stop()
    finally:
        again.stop()


def test_monitor_can_wait_for_the_daemon(ctl, bus, scratch):
    monitor = Monitor(ctl)
    assert "Watching for its start" in monitor.said
    demo = Demo(bus, scratch / "demo.log")
    assert demo.line() == "ready"
    assert monitor.event() == "airlockd has started"
    demo.tell("add", "sdb1")
    assert monitor.event() == "sdb1     plugged"
    demo.stop()  # which takes its objects away first
    assert monitor.event() == "sdb1     gone"
    assert monitor.event() == "airlockd has stopped"
    bus.process.kill()
    assert monitor.process.wait(SECONDS) == UNREACHABLE
    assert "the system bus has ended the connection" in monitor.line(monitor.process.stderr)


def test_monitor_does_not_believe_others(ctl, bus, demo):
    monitor = Monitor(ctl)
    liar = Client(bus.address)
    listed = liar.connection.call_sync(
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames", None,
        GLib.VariantType("(as)"), 0, -1, None).unpack()[0]
    assert len([name for name in listed if name.startswith(':')]) >= 3
    for name in listed:
        if not name.startswith(":"):
            continue
        liar.connection.emit_signal(
            name, "/org/airlock1/volumes/sdb1", bus_peers.PROPERTIES, "PropertiesChanged",
            GLib.Variant("(sa{sv}as)", ("org.airlock1.Volume",
                                        {"State": GLib.Variant("s", "dead")}, [])))
        liar.connection.emit_signal(
            name, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged",
            GLib.Variant("(sss)", ("org.airlock1", ":1.1", "")))
    liar.connection.flush_sync(None)
    assert monitor.is_silent()
    demo.tell("set", "sdb1", "State", "s", "waiting")
    assert monitor.event() == "sdb1     waiting"
    liar.close()
    monitor.stop()


def test_monitor_ends_when_nobody_reads(ctl, demo):
    monitor = Monitor(ctl)
    monitor.process.stdout.close()
    demo.tell("set", "sdb1", "State", "s", "waiting")
    assert monitor.process.wait(SECONDS) == -signal.SIGPIPE
    monitor.process.stderr.close()
