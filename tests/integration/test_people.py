# SPDX-License-Identifier: GPL-2.0-or-later
"""Callers, sessions and polkit, on a private bus with mocks that answer yes, no or nothing."""

import contextlib

import dbus
import harness
import pytest

from people_peers import ALICE, BOB, LOGIND, POLKIT, STRANGER, Bus, Mock, Person, Program, wait_until

AUTHORITY = "/org/freedesktop/PolicyKit1/Authority"
MANAGER = "/org/freedesktop/login1"
MOUNT = "org.airlock1.mount-removable"
# The limit that issue 3 promises while polkit hangs.
SHORT = 0.05


@pytest.fixture
def bus(tmp_path):
    with contextlib.ExitStack() as stack:
        private = Bus(tmp_path)
        stack.callback(private.stop)
        yield private


@pytest.fixture
def world(bus, tmp_path):
    """Starts mocks, people and the program, and ends them in the opposite order."""
    with contextlib.ExitStack() as stack:
        class World:
            def polkit(self):
                return self.keep(Mock(bus, POLKIT, "polkitd"))

            def logind(self):
                return self.keep(Mock(bus, LOGIND, "logind"))

            def person(self, user):
                person = Person(bus, user)
                stack.callback(person.leave)
                return person

            def program(self, **deadlines):
                return self.keep(Program(bus, tmp_path, **deadlines))

            def keep(self, thing):
                stack.callback(thing.stop)
                return thing
        yield World()


def set_allowed(polkit, *actions):
    polkit.mock(AUTHORITY).SetAllowed(dbus.Array(actions, signature="s"))


def hang(polkit):
    polkit.mock(AUTHORITY).SimulateHang(True)


def add_session(logind, number, seat, user, name, active):
    return logind.mock(MANAGER).AddSession(str(number), seat, dbus.UInt32(user), name, active)


def tell_of_session(logind, signal, number):
    logind.mock(MANAGER).EmitSignal(f"{LOGIND}.Manager", signal, "so", dbus.Array(
        [str(number), dbus.ObjectPath(f"{MANAGER}/session/{number}")], signature="v"))


def update(logind, path, interface, **properties):
    logind.mock(path).UpdateProperties(f"{LOGIND}.{interface}",
                                       dbus.Dictionary(properties, signature="sv"))


# polkit


def test_polkit_says_yes_and_no(world):
    polkit, alice = world.polkit(), world.person(ALICE)
    program = world.program()
    set_allowed(polkit, MOUNT)
    program.tell("ask yes", alice.name, MOUNT, "silent")
    program.tell("ask no", alice.name, "org.airlock1.mount-system", "interactive")
    assert program.answer("yes") == "yes"
    assert program.answer("no") == ("NotPermitted", "org.airlock1.mount-system: polkit says no")


def test_root_is_asked_about_like_everybody(world):
    world.polkit()
    root, program = world.person(0), world.program()
    program.tell("ask root", root.name, MOUNT, "silent")
    assert program.answer("root")[0] == "NotPermitted"


def test_a_dismissed_dialog_is_told_from_a_no(world):
    polkit = world.polkit()
    polkit.mock(AUTHORITY).AddMethod(f"{POLKIT}.Authority", "CheckAuthorization",
                                     "(sa{sv})sa{ss}us", "(bba{ss})",
                                     'ret = (False, False, {"polkit.dismissed": "true"})')
    alice, program = world.person(ALICE), world.program()
    program.tell("ask one", alice.name, MOUNT, "interactive")
    assert program.answer("one") == ("NotPermitted", f"{MOUNT}: the password dialog was dismissed")


def test_polkit_hears_who_what_and_whether_it_may_ask(world):
    polkit = world.polkit()
    polkit.mock(AUTHORITY).AddMethod(f"{POLKIT}.Authority", "CheckAuthorization",
                                     "(sa{sv})sa{ss}us", "(bba{ss})", "ret = (True, False, {})")
    alice, program = world.person(ALICE), world.program()
    program.tell("ask one", alice.name, MOUNT, "interactive", "device=/dev/sdb1", "volume.label=a\x01b")
    assert program.answer("one") == "yes"
    calls = polkit.mock(AUTHORITY).GetMethodCalls("CheckAuthorization")
    subject, action, details, flags, cancellation = calls[0][1]
    assert (subject[0], dict(subject[1])) == ("system-bus-name", {"name": alice.name})
    assert (action, flags) == (MOUNT, 1) and cancellation
    assert dict(details) == {"device": "/dev/sdb1", "volume.label": '"a\\x01b"'}


def test_a_hanging_polkit_blocks_nobody_and_ends_at_the_deadline(world):
    polkit, alice = world.polkit(), world.person(ALICE)
    program = world.program(with_interaction=2.0, without=0.5)
    hang(polkit)
    program.tell("ask long", alice.name, MOUNT, "interactive")
    program.tell("ask short", alice.name, MOUNT, "silent")
    with harness.watching() as watch:
        longest = max(program.round_trip() for _ in range(20))
    assert longest < watch.limit_of_answers(SHORT)
    with harness.within(1.5):
        assert program.answer("short") == (
            "NotPermitted", f"{MOUNT}: nobody answered within 0.5 seconds")
    assert program.answer("long")[1].endswith("within 2 seconds")
    polkit.mock(AUTHORITY).ReleaseHangingCalls()
    program.expect_nothing("answer")


def test_one_hanging_question_leaves_others_alone(world):
    polkit, alice, bob = world.polkit(), world.person(ALICE), world.person(BOB)
    program = world.program()
    polkit.mock(AUTHORITY).SimulateHangActions(["org.airlock1.mount-system"])
    set_allowed(polkit, MOUNT)
    program.tell("ask stuck", alice.name, "org.airlock1.mount-system", "interactive")
    with harness.within(1):
        program.tell("ask fine", bob.name, MOUNT, "interactive")
        assert program.answer("fine") == "yes"
    program.expect_nothing("answer\tstuck", 0.1)


def test_withdrawing_tells_polkit_and_calls_nobody_back(world):
    polkit, alice = world.polkit(), world.person(ALICE)
    polkit.mock(AUTHORITY).AddMethod(f"{POLKIT}.Authority", "CancelCheckAuthorization", "s", "", "")
    program = world.program()
    hang(polkit)
    program.tell("ask one", alice.name, MOUNT, "interactive")
    wait_until(lambda: polkit.mock(AUTHORITY).HaveHangingCalls(), "the question")
    program.tell("withdraw one")
    wait_until(lambda: polkit.mock(AUTHORITY).GetMethodCalls("CancelCheckAuthorization"), "the cancel")
    polkit.mock(AUTHORITY).ReleaseHangingCalls()
    program.expect_nothing("answer")
    assert program.round_trip() < 1


def test_a_caller_that_leaves_takes_its_questions_along(world):
    polkit, alice, bob = world.polkit(), world.person(ALICE), world.person(BOB)
    program = world.program()
    hang(polkit)
    for name in ("one", "two"):
        program.tell("ask", name, alice.name, MOUNT, "interactive")
    program.tell("ask other", bob.name, MOUNT, "interactive")
    wait_until(lambda: polkit.mock(AUTHORITY).HaveHangingCalls(), "the questions")
    alice.leave()
    for name in ("one", "two"):
        assert program.answer(name) == ("NotPermitted", f"{MOUNT}: the caller has left the bus")
    program.expect(f"gone\t{alice.name}")
    program.expect_nothing("answer\tother", 0.1)


def test_a_caller_that_left_before_is_nobody(world):
    world.polkit()
    alice, program = world.person(ALICE), world.program()
    alice.leave()
    program.tell("ask one", alice.name, MOUNT, "silent")
    assert program.answer("one")[0] == "NotPermitted"


def test_a_program_may_ask_a_few_things_at_once_and_not_many(world):
    polkit, alice, bob = world.polkit(), world.person(ALICE), world.person(BOB)
    program = world.program()
    hang(polkit)
    for number in range(9):
        program.tell("ask", number, alice.name, MOUNT, "interactive")
    code, text = program.answer("8")
    assert (code, text) == (
        "LimitExceeded", f"{MOUNT}: more than 8 questions of one program at once")
    program.tell("ask bobs", bob.name, MOUNT, "interactive")
    program.expect_nothing("answer")
    program.tell("withdraw 0")  # makes room for one
    program.tell("ask next", alice.name, MOUNT, "interactive")
    program.expect_nothing("answer")


def test_many_programs_of_one_user_share_a_limit(world):
    polkit = world.polkit()
    program = world.program()
    hang(polkit)
    several = [world.person(ALICE) for _ in range(5)]
    for i, person in enumerate(several):
        for j in range(7):
            program.tell("ask", f"{i}.{j}", person.name, MOUNT, "interactive")
    for name in ("4.4", "4.5", "4.6"):
        assert program.answer(name)[0] == "LimitExceeded"
    program.expect_nothing("answer", 0.1)


def test_without_polkit_root_may_and_nobody_else(world):
    root, alice, program = world.person(0), world.person(ALICE), world.program()
    program.tell("ask root", root.name, MOUNT, "interactive")
    program.tell("ask alice", alice.name, MOUNT, "interactive")
    assert program.answer("root") == "yes"
    assert program.answer("alice") == (
        "NotPermitted", f"{MOUNT}: polkit is missing, and without it only root may")


def test_a_polkit_that_dies_has_not_said_yes_not_even_to_root(world):
    polkit, root, program = world.polkit(), world.person(0), world.program()
    hang(polkit)
    program.tell("ask one", root.name, MOUNT, "interactive")
    wait_until(lambda: polkit.mock(AUTHORITY).HaveHangingCalls(), "the question")
    polkit.stop()
    assert program.answer("one") == ("NotPermitted", f"{MOUNT}: polkit went away before it answered")
    second = world.polkit()
    set_allowed(second, MOUNT)
    program.tell("ask two", root.name, MOUNT, "interactive")
    assert program.answer("two") == "yes"


def test_a_polkit_that_talks_nonsense_has_not_said_yes(world):
    polkit, alice, program = world.polkit(), world.person(ALICE), world.program()
    polkit.mock(AUTHORITY).AddMethod(f"{POLKIT}.Authority", "CheckAuthorization",
                                     "(sa{sv})sa{ss}us", "s", 'ret = "yes"')
    program.tell("ask one", alice.name, MOUNT, "silent")
    assert program.answer("one")[0] == "NotPermitted"


# Callers


def test_callers_are_known_until_they_leave(world):
    alice, stranger, program = world.person(ALICE), world.person(STRANGER), world.program()
    program.tell("who", alice.name)
    assert program.expect("who")[2:] == [str(ALICE), "100", "alice", "false", ""]
    program.tell("who", stranger.name)
    assert program.expect("who")[2:] == [str(STRANGER), "65534", "", "false", ""]
    alice.leave()
    program.expect(f"gone\t{alice.name}")
    program.tell("who", alice.name)
    assert program.expect("who")[2] == "org.airlock1.Error.PeerGone"


def test_only_unique_names_are_callers(world):
    world.polkit()
    program = world.program()
    for name in (POLKIT, "nonsense", ":"):
        program.tell("who", name)
        assert program.expect("who")[2] == "org.airlock1.Error.InvalidArgument"


def test_who_was_never_looked_up_leaves_unnoticed(world):
    alice, program = world.person(ALICE), world.program()
    alice.leave()
    program.expect_nothing("gone")


def test_nobody_can_say_of_another_that_it_left(world):
    alice, mallory, program = world.person(ALICE), world.person(BOB), world.program()
    program.tell("who", alice.name)
    program.expect("who")
    mallory.signal(program.name, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged",
                   alice.name, alice.name, "-")
    program.expect_nothing("gone")


# Sessions


def test_sessions_come_lock_switch_and_go(world):
    logind = world.logind()
    program = world.program()
    program.wait_for("describe", "logind knows 0 sessions, 0 of them in use")
    first = add_session(logind, 1, "seat0", ALICE, "alice", True)
    tell_of_session(logind, "SessionNew", 1)
    program.wait_for("seat seat0", "true", str(ALICE), "100", "alice", "open")
    program.expect("changed")
    update(logind, first, "Session", LockedHint=True)
    program.wait_for("seat seat0", "true", str(ALICE), "100", "alice", "locked")
    update(logind, first, "Session", LockedHint=False)
    program.wait_for("seat seat0", "true", str(ALICE), "100", "alice", "open")

    second = add_session(logind, 2, "seat0", BOB, "bob", False)
    tell_of_session(logind, "SessionNew", 2)
    update(logind, first, "Session", Active=False, State="online")
    update(logind, second, "Session", Active=True, State="active")
    program.wait_for("seat seat0", "true", str(BOB), str(BOB), "bob", "open")
    program.wait_for(f"active {ALICE}", "false", "")
    program.wait_for(f"active {BOB}", "true", "seat0")

    logind.mock(second).RemoveObject(second)
    tell_of_session(logind, "SessionRemoved", 2)
    program.wait_for("seat seat0", "false", "0", "0", "", "open")
    program.wait_for("describe", "logind knows 1 sessions, 0 of them in use")


# logind starts a session's scope, and only then the session is active. It reports only the former.
def test_a_session_that_opens_is_asked_about_until_it_is_open(world):
    logind = world.logind()
    program = world.program()
    program.wait_for("describe", "logind knows 0 sessions, 0 of them in use")
    session = add_session(logind, 1, "seat0", ALICE, "alice", True)
    logind.mock(session).AddMethod("com.example.Test", "Become", "s", "",
                                   f"self.props['{LOGIND}.Session']['State'] = args[0]")
    become = dbus.Interface(logind.mock(session).proxy_object, "com.example.Test").Become
    become("opening")
    tell_of_session(logind, "SessionNew", 1)
    program.wait_for("describe", "logind knows 1 sessions, 0 of them in use")
    become("active")
    program.wait_for("seat seat0", "true", str(ALICE), "100", "alice", "open")


def test_two_seats_are_two(world):
    logind = world.logind()
    add_session(logind, 1, "seat0", ALICE, "alice", True)
    add_session(logind, 2, "seat1", BOB, "bob", True)
    program, bob = world.program(), world.person(BOB)
    program.wait_for("seat seat0", "true", str(ALICE), "100", "alice", "open")
    program.wait_for("seat seat1", "true", str(BOB), str(BOB), "bob", "open")
    program.wait_for("seat seat2", "false", "0", "0", "", "open")
    program.tell("who", bob.name)
    assert program.expect("who")[2:] == [str(BOB), str(BOB), "bob", "true", "seat1"]


def test_a_user_whom_passwd_does_not_name_is_as_logind_says(world):
    """sssd and systemd-homed have users without a line in /etc/passwd."""
    logind = world.logind()
    add_session(logind, 1, "seat0", STRANGER, "carol@example.org", True)
    update(logind, f"{MANAGER}/user/{STRANGER}", "User", GID=dbus.UInt32(5000))
    program, carol = world.program(), world.person(STRANGER)
    program.wait_for("seat seat0", "true", str(STRANGER), "5000", "carol@example.org", "open")
    program.tell("who", carol.name)
    assert program.expect("who")[2:] == [str(STRANGER), "5000", "carol@example.org", "true", "seat0"]


def test_a_caller_gets_a_name_once_logged_in(world):
    logind, carol, program = world.logind(), world.person(STRANGER), world.program()
    program.tell("who", carol.name)
    assert program.expect("who")[2:4] == [str(STRANGER), "65534"]
    add_session(logind, 1, "seat0", STRANGER, "carol", True)
    tell_of_session(logind, "SessionNew", 1)
    program.wait_for(f"active {STRANGER}", "true", "seat0")
    program.tell("who", carol.name)
    assert program.expect("who")[4] == "carol"


def test_an_unsafe_name_of_logind_is_no_part_of_a_path(world):
    logind = world.logind()
    add_session(logind, 1, "seat0", STRANGER, "../carol", True)
    program = world.program()
    program.wait_for("seat seat0", "true", str(STRANGER), str(STRANGER), "", "open")


def test_a_session_whose_user_logind_does_not_describe_counts_without_a_name(world):
    logind = world.logind()
    add_session(logind, 1, "seat0", STRANGER, "carol", True)
    logind.mock(MANAGER).RemoveObject(f"{MANAGER}/user/{STRANGER}")
    program = world.program()
    program.wait_for("seat seat0", "true", str(STRANGER), "65534", "", "open")


def test_a_greeter_and_a_remote_session_are_nobody(world):
    logind = world.logind()
    greeter = add_session(logind, 1, "seat0", 120, "greeter", True)
    remote = add_session(logind, 2, "seat1", BOB, "bob", True)
    update(logind, greeter, "Session", Class="greeter")
    update(logind, remote, "Session", Remote=True)
    program = world.program()
    program.wait_for("describe", "logind knows 2 sessions, 0 of them in use")
    program.wait_for("seat seat0", "false", "0", "0", "", "open")
    program.wait_for(f"active {BOB}", "false", "")


def test_a_machine_going_to_sleep_is_locked(world):
    logind = world.logind()
    add_session(logind, 1, "seat0", ALICE, "alice", True)
    program = world.program()
    program.wait_for("seat seat0", "true", str(ALICE), "100", "alice", "open")
    for sleeping, state in ((True, "locked"), (False, "open")):
        update(logind, MANAGER, "Manager", PreparingForSleep=sleeping)
        logind.mock(MANAGER).EmitSignal(f"{LOGIND}.Manager", "PrepareForSleep", "b",
                                        dbus.Array([sleeping], signature="v"))
        program.wait_for("seat seat0", "true", str(ALICE), "100", "alice", state)


def test_logind_may_go_and_come_back(world):
    logind = world.logind()
    add_session(logind, 1, "seat0", ALICE, "alice", True)
    program = world.program()
    program.wait_for(f"active {ALICE}", "true", "seat0")
    logind.stop()
    program.wait_for(f"active {ALICE}", "false", "")
    program.wait_for("describe",
                     "logind is not running, so nobody counts as logged in and new media wait")
    again = world.logind()
    add_session(again, 7, "seat0", BOB, "bob", True)
    tell_of_session(again, "SessionNew", 7)
    program.wait_for(f"active {BOB}", "true", "seat0")
    program.wait_for(f"active {ALICE}", "false", "")


def test_without_logind_nobody_sits_anywhere(world):
    program = world.program()
    program.wait_for("describe",
                     "logind is not running, so nobody counts as logged in and new media wait")
    program.wait_for("seat seat0", "false", "0", "0", "", "open")


def test_nobody_can_unlock_a_screen_with_a_signal(world):
    logind = world.logind()
    session = add_session(logind, 1, "seat0", ALICE, "alice", True)
    update(logind, session, "Session", LockedHint=True)
    mallory, program = world.person(BOB), world.program()
    program.wait_for("seat seat0", "true", str(ALICE), "100", "alice", "locked")
    program.forget()
    mallory.signal(program.name, session, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                   f"{LOGIND}.Session")
    mallory.signal(program.name, MANAGER, f"{LOGIND}.Manager", "SessionRemoved", "1", session)
    mallory.signal(program.name, "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged",
                   LOGIND, ":1.1", "-")
    program.expect_nothing("changed")
    program.wait_for("seat seat0", "true", str(ALICE), "100", "alice", "locked")


def test_a_session_that_is_gone_before_it_is_described_does_no_harm(world):
    logind = world.logind()
    program = world.program()
    for number in range(20):
        path = add_session(logind, number, "seat0", ALICE, "alice", True)
        tell_of_session(logind, "SessionNew", number)
        logind.mock(path).RemoveObject(path)
        tell_of_session(logind, "SessionRemoved", number)
    program.wait_for("describe", "logind knows 0 sessions, 0 of them in use")
    with harness.watching() as watch:
        took = program.round_trip()
    assert took < watch.limit_of_answers(SHORT)
