# SPDX-License-Identifier: GPL-2.0-or-later
"""The calls of a user without any rights; the tests run this in a process of its own:

bus_stranger.py ask|throw ADDRESS [SEED [VOLUME]]
"""

import os
import random
import sys

from gi.repository import GLib

from bus_methods import INTERFACES, METHODS, OPTION_VALUES, SDB1, TAKING_OPTIONS, WITH_HANDOVER
from bus_peers import ERROR, MANAGER, NAME, PROPERTIES, Client, DBusError, volume

NOBODY = 65534
ROUNDS = 1500
BASIC = "ybnqiuxtdsog"


def random_value(rng, signature):
    numbers = {"y": 8, "n": -16, "q": 16, "i": -32, "u": 32, "x": -64, "t": 64}
    if signature in numbers:
        bits = numbers[signature]
        high = (1 << (bits if bits > 0 else -bits - 1)) - 1
        return rng.choice([0, high, rng.randrange(high)])
    return {"b": rng.random() < 0.5, "d": rng.random(),
            "s": "".join(rng.choice("a/\x01\u00e9\U0001f4be%{}\n ") for _ in range(rng.choice([0, 5, 5000]))),
            "o": rng.choice(["/", "/org/airlock1/volumes/sdb1"]), "g": rng.choice(["", "a{sv}"])}[signature]


def random_argument(rng):
    kind = rng.choice(["basic", "array", "variant", "options", "options"])
    basic = rng.choice(BASIC)
    if kind == "basic":
        return basic, random_value(rng, basic)
    if kind == "array":
        return "a" + basic, [random_value(rng, basic) for _ in range(rng.randrange(5))]
    if kind == "variant":
        inner = GLib.Variant(basic, random_value(rng, basic))
        for _ in range(rng.randrange(8)):
            inner = GLib.Variant("v", inner)
        return "v", inner
    return "a{sv}", random_options(rng)


def random_options(rng):
    keys = rng.sample([*OPTION_VALUES, "", "\u00e9", "x" * 300], rng.randrange(4))
    kinds = [rng.choice(BASIC) for _ in keys]
    return {key: GLib.Variant(kind, random_value(rng, kind)) for key, kind in zip(keys, kinds)}


def random_call(rng, paths, names):
    """Target, method and arguments: of a call that is right except for its options, or of any call."""
    if rng.random() < 0.2:
        interface, method, signature, arguments, *_ = rng.choice(TAKING_OPTIONS)
        return (paths[interface], f"{NAME}.{interface}", method, signature,
                [*arguments[:-1], random_options(rng)])
    path, interface, method = rng.choice(names)
    if rng.random() < 0.05:
        path = rng.choice(["/", "/org", f"{MANAGER}/volumes", volume("none")])
    arguments = [random_argument(rng) for _ in range(rng.randrange(4))]
    signature = "(" + "".join(kind for kind, _ in arguments) + ")"
    return path, interface, method, signature, [value for _, value in arguments]


def throw_things(client, seed, a_volume):
    rng = random.Random(seed)
    paths = {**INTERFACES, "Volume": a_volume}
    names = [(path, f"{NAME}.{interface}", method) for interface, path in paths.items()
             for row_interface, method, *_ in METHODS + WITH_HANDOVER
             if row_interface == interface]
    names += [(path, PROPERTIES, method) for path in paths.values()
              for method in ("Get", "Set", "GetAll")]
    outcomes = set()
    for _ in range(ROUNDS):
        message = client.message(*random_call(rng, paths, names))
        try:
            client.send(message)
            outcomes.add("answer")
        except DBusError as error:
            outcomes.add(error.name)
            # An error of the library or the bus, or one of Airlock's: never an unknown one.
            assert error.name.startswith((ERROR, "org.freedesktop.DBus.Error.")), error
            assert error.name != "org.freedesktop.DBus.Error.NoReply"
    assert ERROR + "InvalidArgument" in outcomes
    assert "org.freedesktop.DBus.Error.InvalidArgs" in outcomes


def ask(client):
    """A stranger may call, but not own Airlock's name."""
    assert client.call(SDB1, "Volume", "Mount", "(a{sv})", {})
    assert client.properties(SDB1, "Volume")["State"] == "mounted"
    try:
        client.connection.call_sync(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
            GLib.Variant("(su)", (NAME, 0)), None, 0, -1, None)
    except GLib.Error as error:
        assert "AccessDenied" in error.message, error.message
    else:
        raise AssertionError("anybody can be Airlock")


def main(task, address, *words):
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    client = Client(address)
    if task == "ask":
        ask(client)
    if task == "throw":
        throw_things(client, int(words[0]), *words[1:] or [SDB1])


if __name__ == "__main__":
    main(*sys.argv[1:])
