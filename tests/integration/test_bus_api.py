# SPDX-License-Identifier: GPL-2.0-or-later
"""The D-Bus API as callers see it, with Airlock's bus policy and a simulated service."""

import os
import pathlib
import re
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import pytest
from gi.repository import GLib

import bus_peers
import harness
from bus_methods import (CLEANED, INTERFACES, METHODS, OPTION_VALUES, REPLACED, SDB1, WITH_HANDOVER,
                         TAKING_OPTIONS)
from bus_peers import (ERROR, MANAGER, NAME, OBJECT_MANAGER, PROPERTIES, Client, DBusError, Demo,
                       PrivateBus, volume, wait_until)

STRANGER = bus_peers.SOURCES / "tests" / "integration" / "bus_stranger.py"
MOST_CALLS = 32
OPEN_IMAGE = "(ssa{sv})"
ASKING_NOBODY = ["MountAt"]  # for root alone, so polkit asks no one


@pytest.fixture
def bus(scratch, request):
    bus = PrivateBus(scratch, getattr(request, "param", bus_peers.SYSTEM_POLICY))
    yield bus
    bus.stop()


@pytest.fixture
def demo(bus, scratch):
    demo = Demo(bus, scratch / "demo.log")
    assert demo.line() == "ready", demo.said()
    demo.tell("add", "sdb1")
    demo.tell("addjob", "7")
    yield demo
    demo.stop()


@pytest.fixture
def client(bus, demo):
    client = Client(bus.address)
    yield client
    client.close()


def failure(call, *arguments, **named):
    with pytest.raises(DBusError) as caught:
        call(*arguments, **named)
    return caught.value


def is_unknown(client, path):
    try:
        client.properties(path, "Volume")
    except DBusError as error:
        return "UnknownObject" in error.name
    return False


def as_nobody(task, bus, *words):
    """Has bus_stranger.py do the task as uid nobody; fails if it does."""
    done = subprocess.run(["/usr/bin/python3", str(STRANGER), task, bus.address, *map(str, words)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def shape(interface):
    """An interface of an introspection document as something to compare."""
    methods = {}
    for method in interface.findall("method"):
        methods[method.get("name")] = [
            (arg.get("name"), arg.get("type"), arg.get("direction", "in"))
            for arg in method.findall("arg")]
    properties = {(p.get("name"), p.get("type"), p.get("access"))
                  for p in interface.findall("property")}
    signals = {signal.get("name") for signal in interface.findall("signal")}
    return methods, properties, signals


# --- objects and interfaces ---

@pytest.mark.parametrize("name", INTERFACES)
def test_what_is_served_is_what_the_xml_says(client, name):
    served = ElementTree.fromstring(
        client.call(INTERFACES[name], "org.freedesktop.DBus.Introspectable", "Introspect"))
    written = ElementTree.parse(bus_peers.SOURCES / "dbus" / f"{NAME}.{name}.xml").getroot()
    found = [i for i in served.findall("interface") if i.get("name") == f"{NAME}.{name}"]
    assert len(found) == 1
    assert shape(found[0]) == shape(written.find("interface"))


def test_every_method_is_in_the_table_above():
    written = set()
    for name in INTERFACES:
        root = ElementTree.parse(bus_peers.SOURCES / "dbus" / f"{NAME}.{name}.xml").getroot()
        written |= {(name, method.get("name")) for method in root.iter("method")}
    assert written == {row[:2] for row in METHODS} | set(WITH_HANDOVER)


def test_every_part_of_the_xml_is_documented():
    for name in INTERFACES:
        text = (bus_peers.SOURCES / "dbus" / f"{NAME}.{name}.xml").read_text()
        for entry in re.finditer(r'<(method|property) name="(\w+)"', text):
            before = text[:entry.start()].rstrip()
            assert before.endswith("-->"), f"{name}.{entry[2]} has no comment"
            comment = " ".join(before[before.rindex("<!--"):].split())
            assert "Since 0.2" in comment, f"{name}.{entry[2]} does not say since when"
            if entry[1] == "method":
                body = text[entry.start():text.index("</method>", entry.start())]
                for argument in re.findall(r'<arg name="(\w+)"', body):
                    assert f"{argument}:" in comment, f"{name}.{entry[2]}: {argument}"
                assert "Errors:" in comment and "Needs:" in comment, f"{name}.{entry[2]}"


def test_a_new_object_has_every_property_of_its_interface(client):
    for name, path in INTERFACES.items():
        root = ElementTree.parse(bus_peers.SOURCES / "dbus" / f"{NAME}.{name}.xml").getroot()
        assert set(client.properties(path, name)) == {p.get("name") for p in root.iter("property")}
    assert client.properties(SDB1, "Volume")["Condition"] == "unknown"
    assert client.properties(INTERFACES["Job"], "Job")["Volume"] == SDB1


def test_properties_cannot_be_written(client):
    for name, path in INTERFACES.items():
        for key in client.properties(path, name):
            error = failure(client.call, path, PROPERTIES, "Set", "(ssv)", f"{NAME}.{name}", key,
                            GLib.Variant("s", "x"))
            assert "ReadOnly" in error.name or "AccessDenied" in error.name


# --- methods ---

def error_names():
    """The enumerators of Errc in their order: the demo is told their numbers."""
    header = (pathlib.Path(__file__).resolve().parents[2] / "lib/base/error.h").read_text()
    body = header.split("enum class Errc {")[1].split("};")[0]
    return re.findall(r"^  k(\w+),", body, re.M)


@pytest.mark.parametrize("row", METHODS, ids=lambda row: row[1])
def test_the_method_answers(client, demo, row):
    interface, method, signature, arguments, answer, _ = row
    assert client.call(INTERFACES[interface], interface, method, signature, *arguments) == answer
    assert [call.split()[0] for call in demo.calls()] == [method]


@pytest.mark.parametrize("row", METHODS, ids=lambda row: row[1])
def test_the_method_passes_a_failure_on_by_its_name(client, demo, row):
    interface, method, signature, arguments, _, _ = row
    names = error_names()
    for code, name in ((names.index(name), name) for name in ("Busy", "System")):
        demo.tell("fail", code)
        error = failure(client.call, INTERFACES[interface], interface, method, signature, *arguments)
        assert error.name == ERROR + name
        assert error.text == "fail as told"


@pytest.mark.parametrize("row", TAKING_OPTIONS, ids=lambda row: row[1])
def test_the_method_takes_its_options_and_no_others(client, demo, row):
    interface, method, signature, arguments, _, keys = row
    takes = {*keys.split(), *([] if method in ASKING_NOBODY else ["auth.no_user_interaction"])}
    for key, value in OPTION_VALUES.items():
        call = (client.call, INTERFACES[interface], interface, method, signature)
        with_option = [*arguments[:-1], {key: value}]
        demo.calls()
        if key in takes:
            demo.tell("fail", 3)  # a service that does nothing, so that it is the same for every key
            assert failure(*call, *with_option).name == ERROR + "Busy"
            given = {"auth.no_user_interaction": "quiet=1", "options": "options=ro",
                     "fstype": "fstype=ext4", "force": "force=1", "lazy": "lazy=1"}[key]
            assert given in demo.calls()[0]
        for bad in ({key: GLib.Variant("i", 1)}, {key: GLib.Variant("v", value)},
                    {key + "x": value}, *([] if key in takes else [{key: value}])):
            error = failure(*call, *arguments[:-1], bad)
            assert error.name == ERROR + "InvalidArgument"
            assert next(iter(bad)) in error.text
            assert demo.calls() == []


def test_an_image_is_what_was_handed_over(client, demo):
    with tempfile.TemporaryFile() as image:
        image.write(b"content")
        image.flush()
        path = client.call(MANAGER, "Manager", "OpenImage", OPEN_IMAGE, client.hand_over(image.fileno()), "a.iso", {})
    assert path == volume("image1")
    assert demo.calls()[1].split()[2:4] == ["a.iso", "holds=content"]
    assert client.properties(path, "Volume")["State"] == "available"


def test_what_was_handed_over_counts_once_and_for_its_sender_alone(bus, client, demo):
    with tempfile.TemporaryFile() as image:
        mine = client.hand_over(image.fileno())
        other = Client(bus.address)
        for who, sent in ((other, mine), (client, "/nothing"), (client, "")):
            error = failure(who.call, MANAGER, "Manager", "OpenImage", OPEN_IMAGE, sent, "a", {})
            assert error.name == ERROR + "InvalidArgument"
        other.close()
        assert client.call(MANAGER, "Manager", "OpenImage", OPEN_IMAGE, mine, "a", {})
        failure(client.call, MANAGER, "Manager", "OpenImage", OPEN_IMAGE, mine, "a", {})


@pytest.mark.parametrize("path, interface, method, arguments", [
    (MANAGER, "Manager", "FindVolume", ("(s)", "/dev/sdb1")), (MANAGER, "org.freedesktop.DBus.Peer", "Ping", ()),
    (MANAGER, "Manager", "OpenImage", (OPEN_IMAGE, "/nothing", "a", {})),
])
def test_the_bus_delivers_no_descriptor(client, demo, path, interface, method, arguments):
    """A descriptor of a file whose server never answers would hang the process that closes it."""
    with tempfile.TemporaryFile() as image:
        error = failure(client.call, path, interface, method, *arguments, descriptors=[image.fileno()])
    assert error.name == "org.freedesktop.DBus.Error.NotSupported", error.text
    assert demo.calls() == []


def test_handing_over_leaves_no_descriptor_or_process_behind(bus, client, demo):
    def count():
        process = pathlib.Path(f"/proc/{demo.process.pid}")
        children = (process / f"task/{demo.process.pid}/children").read_text().split()
        return len(os.listdir(process / "fd")), [child for child in children if not harness.has_ended(child)]
    client.call(SDB1, "Volume", "Detach", "(a{sv})", {"auth.no_user_interaction": GLib.Variant("b", True)})
    before = count()  # after the library has opened the files it keeps for reading options
    with tempfile.TemporaryFile() as image:
        for _ in range(5):
            sent = client.hand_over(image.fileno())
            client.call(MANAGER, "Manager", "OpenImage", OPEN_IMAGE, sent, "a", {})
    wait_until(lambda: count() == before, "the keepers to end")
    leaving = Client(bus.address)
    assert pathlib.Path(leaving.call(MANAGER, "Manager", "PrepareHandover")).is_socket() and count() != before
    leaving.close()
    wait_until(lambda: count() == before, "the keeper of a caller that has left to end")


def test_an_id_of_any_form_has_an_object(client, demo):
    demo.tell("add", "dm-0_x")
    assert client.call(volume("dm_2d0_5fx"), "Volume", "Mount", "(a{sv})", {}).endswith("/dm-0_x")


def test_everybody_may_call_and_nobody_else_may_be_us(client, demo, bus):
    as_nobody("ask", bus)
    assert client.properties(SDB1, "Volume")["State"] == "mounted"


def test_a_second_daemon_does_not_get_the_name(demo, bus, scratch):
    second = Demo(bus, scratch / "second.log")
    assert "somebody else has it" in second.line()
    assert second.process.wait(10) == 1


# --- signals ---

def test_changes_of_one_round_are_one_signal(client, demo):
    client.listen()
    demo.tell("burst", "sdb1")
    client.settle()
    changes = client.heard("PropertiesChanged")
    assert changes == [(SDB1, (f"{NAME}.Volume", {"Size": 100, "Label": "label 100"}, []))]
    client.signals.clear()
    client.call(SDB1, "Volume", "Mount", "(a{sv})", {})
    client.settle()
    changed = {"State": "mounted", "MountPoint": "/run/media/somebody/sdb1"}
    assert client.heard("PropertiesChanged") == [(SDB1, (f"{NAME}.Volume", changed, []))]


def test_what_does_not_change_is_not_signalled(client, demo):
    client.listen()
    demo.tell("set", "sdb1", "State", "s", "available")
    demo.tell("set", "sdb1", "Nonsense", "s", "x")
    demo.tell("set", "sdb1", "Size", "s", "wrong-type")
    demo.tell("set", "gone", "Size", "t", "1")
    demo.tell("manager", "-", "Automount", "s", "on")
    client.settle()
    assert client.signals == []
    assert client.properties(SDB1, "Volume")["Size"] == 0


def test_every_kind_of_property_is_signalled(client, demo):
    client.listen()
    for words in ("set sdb1 Label s stick", "set sdb1 Removable b 1", "set sdb1 DriverPid u 77",
                  "set sdb1 DeviceNumber t 2065", "set sdb1 Death death 9",
                  "manager - Waiting u 3", "setjob 7 Progress d 0.5", "setjob 7 Volume s sdc1"):
        demo.tell(words)
    client.settle()
    changed = {}
    for path, (_, values, _) in client.heard("PropertiesChanged"):
        changed.setdefault(path, {}).update(values)
    assert changed == {
        SDB1: {"Label": "stick", "Removable": True, "DriverPid": 77, "DeviceNumber": 2065,
               "Death": {"kind": "signal", "signal": 9, "coredump": True}},
        MANAGER: {"Waiting": 3},
        INTERFACES["Job"]: {"Progress": 0.5, "Volume": volume("sdc1")}}


def test_objects_come_and_go_with_their_signals(client, demo):
    client.listen()
    demo.tell("add", "sdc1")
    demo.tell("addjob", "8")
    client.settle()
    added = {path: interfaces for _, (path, interfaces) in client.heard("InterfacesAdded")}
    assert set(added) == {volume("sdc1"), f"{MANAGER}/jobs/8"}
    assert added[volume("sdc1")][f"{NAME}.Volume"]["Id"] == "sdc1"
    managed = client.call(MANAGER, OBJECT_MANAGER, "GetManagedObjects")
    assert set(managed) == {SDB1, volume("sdc1"), f"{MANAGER}/jobs/7", f"{MANAGER}/jobs/8"}
    assert managed[volume("sdc1")] == added[volume("sdc1")]

    demo.tell("set", "sdc1", "Label", "s", "late")  # its signal must not come after the object
    demo.tell("remove", "sdc1")
    demo.tell("removejob", "8")
    client.settle()
    removed = {path: interfaces for _, (path, interfaces) in client.heard("InterfacesRemoved")}
    assert set(removed) == {volume("sdc1"), f"{MANAGER}/jobs/8"}
    assert f"{NAME}.Volume" in removed[volume("sdc1")]
    assert set(client.call(MANAGER, OBJECT_MANAGER, "GetManagedObjects")) == {
        SDB1, f"{MANAGER}/jobs/7"}
    assert "UnknownObject" in failure(client.properties, volume("sdc1"), "Volume").name


def test_adding_an_id_again_replaces_the_object(client, demo):
    client.listen()
    demo.tell("set", "sdb1", "Label", "s", "old")
    demo.tell("add", "sdb1")
    client.settle()
    assert [name for name, _, _ in client.signals
            if name.startswith("Interfaces")] == ["InterfacesRemoved", "InterfacesAdded"]
    assert client.properties(SDB1, "Volume")["Label"] == ""


def test_text_that_is_no_text_does_not_cost_us_the_bus(client, demo):
    client.listen()
    demo.tell("set", "sdb1", "Label", "x", b"\xff\x00\xed\xa0\x80ok".hex())
    client.settle()
    label = f"{REPLACED * 5}ok"
    assert client.heard("PropertiesChanged")[0][1][1] == {"Label": label}
    assert client.properties(SDB1, "Volume")["Label"] == label


# --- replies ---

def test_an_object_may_go_while_it_is_called(client, demo):
    demo.tell("add", "pulled")
    error = failure(client.call, volume("pulled"), "Volume", "Mount", "(a{sv})", {})
    assert error.name == ERROR + "NotFound"
    assert error.text.startswith(f"mount {CLEANED}")
    wait_until(lambda: is_unknown(client, volume("pulled")), "the object to leave")


def test_a_call_is_answered_though_its_object_is_gone(client, demo):
    demo.tell("hold", "Unmount")
    outcome = client.start(SDB1, "Volume", "Unmount", "(a{sv})", {})
    client.settle()
    demo.tell("remove", "sdb1")
    client.settle()
    assert outcome == []
    demo.tell("release")
    wait_until(lambda: outcome, "the answer")
    assert outcome == [ERROR + "NotFound"]


def test_an_object_stays_until_its_calls_are_answered(client, demo):
    """The library accesses the called object when the answer is sent."""
    client.listen()
    demo.tell("hold", "GetLog")
    calls = [client.start(SDB1, "Volume", "GetLog") for _ in range(2)]
    client.settle()
    demo.tell("remove", "sdb1")
    for number in range(20):
        demo.tell("add", f"other{number}")
    client.settle()
    assert not client.heard("InterfacesRemoved")
    demo.tell("release")
    wait_until(lambda: all(calls), "the answers")
    assert [outcome[0].unpack() for outcome in calls] == [(["first", CLEANED],)] * 2
    wait_until(lambda: client.heard("InterfacesRemoved"), "the object to leave")
    assert is_unknown(client, SDB1)


def test_a_new_object_of_the_same_name_does_not_wait_for_the_old_ones_calls(client, demo):
    demo.tell("hold", "GetLog")
    call = client.start(SDB1, "Volume", "GetLog")
    client.settle()
    demo.tell("remove", "sdb1")
    demo.tell("add", "sdb1")
    assert client.properties(SDB1, "Volume")["Id"] == "sdb1"
    demo.tell("release")
    wait_until(lambda: call, "the answer")
    assert call == [ERROR + "NotFound"]
    assert client.call(SDB1, "Volume", "GetLog") == ["first", CLEANED]


def test_a_reply_that_is_lost_is_answered_all_the_same(client, demo):
    demo.tell("hold", "Mount")
    outcome = client.start(SDB1, "Volume", "Mount", "(a{sv})", {})
    client.settle()
    demo.tell("lose")
    wait_until(lambda: outcome, "the answer")
    assert outcome == [ERROR + "PeerGone"]


def test_a_call_that_hangs_holds_up_nobody(client, demo, bus):
    other = Client(bus.address)
    for method in ("Mount", "Explain"):
        demo.tell("hold", method)
    hanging = [client.start(SDB1, "Volume", "Mount", "(a{sv})", {}),
               client.start(MANAGER, "Manager", "Explain", "(s)", "x")]
    slowest = 0.0
    with harness.watching() as watch:
        for interface, method, signature, arguments, answer, _ in METHODS:
            if method in ("Mount", "Explain", "PowerOff", "Cancel"):
                continue
            for caller in (client, other):
                start = time.monotonic()
                try:
                    caller.call(INTERFACES[interface], interface, method, signature, *arguments)
                except DBusError as error:
                    assert error.name == ERROR + "AlreadyMounted"
                slowest = max(slowest, time.monotonic() - start)
    assert slowest < watch.limit_of_answers(0.05), (slowest, watch)
    assert hanging == [[], []]
    demo.tell("release")
    wait_until(lambda: all(hanging), "the answers")


def test_a_caller_that_leaves_is_reported_once(client, demo, bus):
    demo.tell("hold", "Mount")
    caller = Client(bus.address)
    quiet = Client(bus.address)
    quiet.properties(SDB1, "Volume")  # asks nothing of the service
    caller.start(SDB1, "Volume", "Mount", "(a{sv})", {})
    caller.call(SDB1, "Volume", "GetLog")
    gone = f"call gone {caller.name}"
    quiet.close()
    caller.close()
    lines = []

    def seen():
        lines.extend(demo.tell("calls"))
        return gone in lines
    wait_until(seen, "the news that the caller left")
    demo.tell("release")  # the caller has gone
    client.settle()
    lines += demo.tell("calls")
    assert [line for line in lines if line.startswith("call gone")] == [gone]
    assert client.call(SDB1, "Volume", "GetLog")


# --- limits ---

def test_a_caller_has_so_many_calls_and_no_more(client, demo, bus):
    demo.tell("hold", "GetLog")
    outcomes = [client.start(SDB1, "Volume", "GetLog") for _ in range(MOST_CALLS)]
    client.settle()
    assert not any(outcomes)
    for method in ("GetLog", "GetContainment"):
        error = failure(client.call, SDB1, "Volume", method)
        assert error.name == ERROR + "LimitExceeded"
        assert str(MOST_CALLS) in error.text
    assert client.properties(SDB1, "Volume")  # asks nothing of the service
    other = Client(bus.address)
    assert other.call(SDB1, "Volume", "GetContainment") == CLEANED
    other.close()
    demo.tell("release")
    wait_until(lambda: all(outcomes), "the answers")
    assert client.call(SDB1, "Volume", "GetContainment") == CLEANED


# --- abuse ---

def well_formed(call):
    """Only calls allowed by the table of methods may ever reach the service."""
    method, _sender, rest = call.split(" ", 2)
    about, options, fstype, force, lazy, _quiet = re.fullmatch(
        r"(.*) options=(.*) fstype=(.*) force=(\d) lazy=(\d) quiet=(\d)", rest, re.S).groups()
    takes = next((row[5] for row in METHODS if row[1] == method), "").split()
    return (("options" in takes or not options) and ("fstype" in takes or not fstype)
            and ("force" in takes or force == "0") and ("lazy" in takes or lazy == "0")
            and len(options) <= 4096 and about is not None)


def test_random_calls_from_nobody_harm_nothing(client, demo, bus, seeds):
    for seed in seeds or [1, 2]:
        as_nobody("throw", bus, seed)
        demo.tell("add", "sdb1")
        demo.tell("addjob", "7")
        said = "\n".join(demo.tell("calls"))
        calls = [call for call in re.split(r"(?:^|\n)call ", said)
                 if call and not call.startswith("gone ")]
        assert calls, "not a single random call was a good one: the test tests nothing"
        assert [call for call in calls if not well_formed(call)] == []
        assert client.call(SDB1, "Volume", "GetLog") == ["first", CLEANED]


@pytest.mark.parametrize("bus", [bus_peers.NO_POLICY], indirect=True)
def test_a_call_without_an_interface_is_survived(client):
    """The bus policy keeps such calls out; the daemon must not depend on that."""
    for path, method, signature, arguments in (
            (MANAGER, "GetSettings", "()", ()), (SDB1, "Mount", "(a{sv})", ({},)),
            (SDB1, "Mount", "()", ()), (MANAGER, "NoSuch", "()", ())):
        try:
            client.send(client.message(path, None, method, signature, arguments))
        except DBusError:
            pass
    assert client.properties(SDB1, "Volume")["Id"] == "sdb1"


# --- the connection ---

def test_an_idle_daemon_sleeps(client, demo):
    client.settle()

    def asleep():
        before = demo.wake_ups()
        time.sleep(0.5)
        return demo.wake_ups() == before
    harness.wait_until(asleep, harness.PATIENCE, "the service to have nothing to do")
    before = demo.wake_ups()
    time.sleep(3)
    assert demo.wake_ups() == before


def test_nothing_waits_for_an_answer(client, demo, scratch):
    """The loop waits in epoll_wait; the library's calls that wait do so in ppoll."""
    trace = scratch / "trace"
    tracer = subprocess.Popen(["strace", "-q", "-o", str(trace), "-e", "trace=poll,ppoll,recvmsg",
                               "-p", str(demo.process.pid)])
    wait_until(lambda: "TracerPid:\t0" not in
               open(f"/proc/{demo.process.pid}/status").read(), "the tracer")
    for interface, method, signature, arguments, *_ in METHODS:
        try:
            client.call(INTERFACES[interface], interface, method, signature, *arguments)
        except DBusError as error:
            assert error.name == ERROR + "AlreadyMounted"
    client.settle()
    tracer.terminate()
    tracer.wait(10)
    lines = trace.read_text().splitlines()
    assert any("recvmsg" in line for line in lines)
    assert [line for line in lines if "poll(" in line] == []


def test_there_is_one_thread(client, demo):
    assert os.listdir(f"/proc/{demo.process.pid}/task") == [str(demo.process.pid)]


def test_the_end_of_the_bus_is_noticed(demo, bus):
    demo.tell("hold", "Mount")
    caller = Client(bus.address)
    caller.start(SDB1, "Volume", "Mount", "(a{sv})", {})
    caller.settle()
    bus.stop()
    assert demo.line().startswith("gone: ")
    assert demo.process.wait(10) == 3, demo.said()
