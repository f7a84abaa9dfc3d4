# SPDX-License-Identifier: GPL-2.0-or-later
"""Airlock's actions in a real polkitd, with rules an administrator could write.

It runs on a private bus, in a mount namespace with only Airlock's actions and these rules."""

import contextlib
import os
import pathlib
import shutil
import subprocess

import pytest

from people_peers import ALICE, BOB, DEADLINE, POLKIT, Bus, Person, Program, wait_until

POLKITD = next((path for path in map(pathlib.Path, (
    "/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd")) if path.exists()), None)
POLICY = pathlib.Path(__file__).resolve().parents[2] / "polkit/org.airlock1.policy.in"
REMOVABLE = "org.airlock1.mount-removable"

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or POLKITD is None or not shutil.which("unshare"),
    reason="needs root, polkitd and unshare")

RULES = """
polkit.addRule(function(action, subject) {
    if (action.id != "org.airlock1.mount-removable")
        return polkit.Result.NOT_HANDLED;
    if (action.lookup("drive.vendor") == "ACME" && action.lookup("removable") == "true")
        return polkit.Result.YES;
    if (action.lookup("volume.label") == "photos" && subject.user == "daemon")
        return polkit.Result.YES;
    if (action.lookup("device") == "/dev/sdx1")
        return polkit.Result.NO;
    if (/[\\\\"]/.test(action.lookup("volume.label")))
        return polkit.Result.NO;
    return polkit.Result.NOT_HANDLED;
});
"""

# polkitd reads fixed folders, so it gets its own ones.
IN_A_NAMESPACE = """
set -e
mount -t tmpfs none /usr/share/polkit-1/actions
cp "$1" /usr/share/polkit-1/actions/org.airlock1.policy
mount -t tmpfs none /etc/polkit-1/rules.d
cp "$2" /etc/polkit-1/rules.d/50-test.rules
mount -t tmpfs none /usr/share/polkit-1/rules.d
chmod -R a+rX /usr/share/polkit-1/actions /etc/polkit-1/rules.d /usr/share/polkit-1/rules.d
exec "$3" --no-debug
"""


@pytest.fixture
def world(tmp_path):
    with contextlib.ExitStack() as stack:
        bus = Bus(tmp_path)
        stack.callback(bus.stop)
        rules = tmp_path / "test.rules"
        rules.write_text(RULES)
        with open(tmp_path / "polkitd.log", "w") as log:
            polkitd = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", IN_A_NAMESPACE, "sh",
                 POLICY, rules, POLKITD], env=bus.environment, stdout=log, stderr=log)

        def end():
            polkitd.kill()
            polkitd.wait()
        stack.callback(end)
        wait_until(lambda: polkitd.poll() is not None or bus.has(POLKIT), "polkitd")
        assert polkitd.poll() is None, (tmp_path / "polkitd.log").read_text()
        program = Program(bus, tmp_path)
        stack.callback(program.stop)

        class World:
            def ask(self, user, action, *words):
                person = Person(bus, user)
                try:
                    program.tell("ask one", person.name, action, *words)
                    return program.answer("one", DEADLINE)
                finally:
                    person.leave()
        yield World()


def test_root_may_everything_and_polkit_knows_every_action(world):
    names = [line.split('"')[1] for line in POLICY.read_text().splitlines() if "<action id=" in line]
    assert len(names) == 11
    for name in names:
        assert world.ask(0, name, "silent") == "yes", name
    code, text = world.ask(0, "org.airlock1.no-such-action", "silent")
    assert code == "NotPermitted" and "polkit failed" in text


def test_who_sits_nowhere_needs_a_password(world):
    assert world.ask(BOB, REMOVABLE, "silent") == (
        "NotPermitted", f"{REMOVABLE}: a password is needed, and asking for one is not allowed")
    assert world.ask(BOB, REMOVABLE, "interactive") == (
        "NotPermitted", f"{REMOVABLE}: a password is needed, and nothing here can ask for it")


def test_rules_decide_by_what_is_plugged_in(world):
    acme = ("drive.vendor=ACME", "removable=true")
    assert world.ask(BOB, REMOVABLE, "silent", *acme) == "yes"
    assert world.ask(BOB, REMOVABLE, "silent", "drive.vendor=ACME", "removable=false") != "yes"
    assert world.ask(BOB, "org.airlock1.mount-system", "silent", *acme) != "yes"
    assert world.ask(BOB, REMOVABLE, "silent", "device=/dev/sdx1") == (
        "NotPermitted", f"{REMOVABLE}: polkit says no")


def test_rules_decide_by_label_and_user(world):
    assert world.ask(ALICE, REMOVABLE, "silent", "volume.label=photos") == "yes"
    assert world.ask(BOB, REMOVABLE, "silent", "volume.label=photos") != "yes"


def test_a_hostile_label_neither_breaks_polkit_nor_passes_for_another(world):
    for label in ("photos\x01", "photos\udcff", "\u202esotohp"):
        # Quoted, so the rule for quoted labels matches.
        assert world.ask(ALICE, REMOVABLE, "silent", f"volume.label={label}") == (
            "NotPermitted", f"{REMOVABLE}: polkit says no"), ascii(label)
    assert world.ask(ALICE, REMOVABLE, "silent", "volume.label=photos") == "yes"
