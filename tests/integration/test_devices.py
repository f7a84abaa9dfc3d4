# SPDX-License-Identifier: GPL-2.0-or-later
"""Real loop devices and real messages: from the kernel alone, and from a private udevd.

Other tests attach loop devices at the same time, so only lines about the test's own device count.
"""

import contextlib
import os
import pathlib
import queue
import re
import subprocess
import threading
import time

import harness
import partitions
import pytest

BUILD = pathlib.Path(os.environ["AIRLOCK_BUILD"])
WATCH = BUILD / "tests" / "integration" / "device_watch"
DEADLINE = harness.PATIENCE
MIB = 1024 * 1024


# Everything of udevd stays in there: its state in /run, its nodes in /dev, only Airlock's rules, and
# its messages in a network namespace. It dies with the first process.
WITH_UDEVD = r"""
set -e
mount -t tmpfs none /run
mount -t tmpfs none /usr/lib/udev/rules.d
[ ! -d /etc/udev/rules.d ] || mount -t tmpfs none /etc/udev/rules.d
mount -t tmpfs none /dev
mknod /dev/null c 1 3
mkdir -p /run/udev/rules.d
printf '%s\n' "$RULE" >/run/udev/rules.d/10-test.rules
/usr/lib/systemd/systemd-udevd </dev/null >/dev/null 2>&1 &
tries=0
until udevadm control --ping 2>/dev/null; do
  tries=$((tries + 1)); [ $tries -lt 100 ] || exit 1; sleep 0.1
done
udevadm trigger --action=add --settle --sysname-match="$TRIGGER"
exec "$@"
"""


class Watcher:
    """A running device_watch, and its output."""

    def __init__(self, *options, before=(), env=None):
        self.process = subprocess.Popen(
            [*before, str(WATCH), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.at_start = []
        self.voice = self._until(lambda line: line.startswith("ready "), self.at_start)[6:]

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def _until(self, fits, seen):
        end = time.monotonic() + DEADLINE
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                self.close()
                raise AssertionError(f"it never came; instead: {seen}, {self.errors}") from None
            if fits(line):
                return line
            seen.append(line)

    def next(self, *names):
        """The next line about one of these devices."""
        line = self._until(lambda line: fields(line).get("name") in names, [])
        return line.split()[0], fields(line)

    def story(self, word, name):
        """Events about this device up to the one with this word."""
        seen = []
        while not seen or seen[-1][0] != word:
            seen.append(self.next(name))
        return seen

    def find(self, node):
        self.say(f"find {node}")
        return fields(self._until(lambda line: line.startswith("found "), []))

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def close(self):
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.errors = self.process.stderr.read()


def fields(line):
    return {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|\S*)', line)}


class Loop:
    def __init__(self, image):
        self.image = image
        self.node = subprocess.run(["losetup", "-f", "--show", image], check=True,
                                   capture_output=True, text=True).stdout.strip()
        self.name = os.path.basename(self.node)
        self.attached = True

    def detach(self):
        if self.attached:
            subprocess.run(["losetup", "-d", self.node], check=True)
        self.attached = False


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "medium.img"
    with open(path, "wb") as file:
        file.truncate(8 * MIB)
    return path


@pytest.fixture
def attach(image):
    loops = []

    def make():
        loops.append(Loop(image))
        return loops[-1]

    yield make
    for loop in loops:
        loop.detach()


@pytest.fixture
def watch(image):
    watchers = []

    def make(*options, **more):
        watchers.append(Watcher(*options, **more))
        return watchers[-1]

    yield make
    for watcher in watchers:
        watcher.close()
        assert watcher.process.returncode == 0, watcher.errors


def test_a_loop_device_comes_grows_and_goes(watch, attach, image):
    watcher = watch("--voice=kernel")
    loop = attach()
    word, added = watcher.next(loop.name)
    assert (word, int(added["size"]), added["bus"]) == ("added", 8 * MIB, "virtual")
    os.truncate(image, 16 * MIB)
    subprocess.run(["losetup", "-c", loop.node], check=True)
    word, grown = watcher.story("changed", loop.name)[-1]
    assert int(grown["size"]) == 16 * MIB
    assert grown["sequence"] == added["sequence"]
    loop.detach()
    assert watcher.story("removed", loop.name)[-1][0] == "removed"


def test_what_was_there_before_is_reported_once_before_the_start_returns(watch, attach):
    loop = attach()
    watcher = watch("--voice=kernel")
    assert [fields(line)["name"] for line in watcher.at_start].count(loop.name) == 1


def test_the_next_file_in_the_same_loop_device_is_another_medium(watch, attach):
    watcher = watch("--voice=kernel")
    loop = attach()
    _, first = watcher.next(loop.name)
    loop.detach()
    watcher.story("removed", loop.name)
    subprocess.run(["losetup", loop.node, loop.image], check=True)
    loop.attached = True
    _, second = watcher.story("added", loop.name)[-1]
    assert int(second["sequence"]) > int(first["sequence"])


@contextlib.contextmanager
def partition_of(loop, number, start, length):
    partitions.add(loop.node, number, start, length)
    try:
        yield
    finally:
        partitions.remove(loop.node, number)


def test_partitions_come_after_their_disk_and_go_before_it(watch, attach):
    watcher = watch("--voice=kernel")
    loop = attach()
    partition = loop.name + "p1"
    assert watcher.next(loop.name)[1]["partitions"] == "0"
    with partition_of(loop, number=1, start=1 * MIB, length=4 * MIB):
        events = []
        while not events or events[-1][0:2] != ("added", partition):
            word, facts = watcher.next(loop.name, partition)
            events.append((word, facts["name"], facts["partitions"], facts["drive"]))
        assert events[-2:] == [("changed", loop.name, "1", loop.name),
                               ("added", partition, "0", loop.name)]
        assert int(watcher.find(f"/dev/{partition}")["size"]) == 4 * MIB
    watcher.story("removed", partition)
    assert watcher.next(loop.name)[1]["partitions"] == "0"


def test_a_device_is_found_by_links_that_stay_in_their_folder(watch, attach, tmp_path):
    loop = attach()
    number = os.stat(loop.node).st_rdev
    dev = tmp_path / "dev"
    (dev / "disk/by-label").mkdir(parents=True)
    os.mknod(dev / "node", 0o600 | 0o060000, number)
    (dev / "disk/by-label/STICK").symlink_to("../../node")
    os.mknod(tmp_path / "outside", 0o600 | 0o060000, number)
    (dev / "out").symlink_to("../outside")
    (dev / "absolute").symlink_to(loop.node)
    os.mkfifo(dev / "fifo")
    watcher = watch("--voice=kernel", f"--dev={dev}")
    assert watcher.find(f"{dev}/node")["name"] == loop.name
    assert watcher.find(f"{dev}/disk/by-label/STICK")["name"] == loop.name
    for bad in ("out", "absolute", "fifo", "nothing", "../outside", "", "disk"):
        assert watcher.find(f"{dev}/{bad}") == {}, bad
    assert watcher.find(loop.node) == {}  # not below the folder
    assert watcher.find("relative") == {}


def test_an_edited_fstab_counts_at_once(watch, attach, tmp_path):
    fstab = tmp_path / "fstab"
    loop = attach()
    watcher = watch("--voice=kernel", f"--fstab={fstab}")
    assert watcher.find(loop.node)["system"] == ""
    fstab.write_text(f"# a comment\n{loop.node} /mnt ext4 noauto 0 0\n")
    assert watcher.find(loop.node)["system"] == f"{fstab} names it"
    fstab.write_text(f"{loop.image} /mnt ext4 loop,noauto 0 0\n")
    assert watcher.find(loop.node)["system"] == f"{fstab} names it"
    fstab.write_text(f"#{loop.node} /mnt ext4 noauto 0 0\n")
    assert watcher.find(loop.node)["system"] == ""


def test_who_uses_a_device_is_asked_each_time(watch, attach, image, tmp_path):
    subprocess.run(["mke2fs", "-q", "-F", image], check=True)
    place = tmp_path / "place"
    place.mkdir()
    loop = attach()
    watcher = watch("--voice=kernel")
    assert watcher.find(loop.node)["users"] == ""
    subprocess.run(["mount", "-t", "ext4", loop.node, place], check=True)
    try:
        assert "mounted on" in watcher.find(loop.node)["users"]
    finally:
        subprocess.run(["umount", place], check=True)
    assert watcher.find(loop.node)["users"] == ""


def test_lost_messages_are_made_up_for(watch, attach):
    stays, goes = attach(), attach()
    watcher = watch("--voice=kernel", "--buffer=4096")

    def flood():
        begin = time.monotonic()
        for _ in range(2000):
            pathlib.Path(f"/sys/block/{stays.name}/uevent").write_text("change")
        return time.monotonic() - begin
    usual = flood()
    watcher.find(stays.node)  # it has read them
    watcher.say(f"sleep {1500 + round(5000 * usual)}")
    time.sleep(0.3 + usual)  # it sleeps now and reads nothing
    flood()
    comes = attach()  # before the other goes, so that it can't get its number
    goes.detach()
    due = {("removed", goes.name), ("added", comes.name)}
    while due:  # messages that were not lost may arrive as well
        word, facts = watcher.next(goes.name, comes.name)
        due.discard((word, facts["name"]))
    watcher.close()
    assert "messages about devices were lost" in watcher.errors


@pytest.fixture
def with_udevd(watch, tmp_path):
    def make(rule, trigger):
        script = tmp_path / "with_udevd.sh"
        script.write_text(WITH_UDEVD)
        return watch(before=["unshare", "-m", "-n", "--pid", "--fork", "--kill-child",
                             "--mount-proc", "sh", str(script)],
                     env={"RULE": rule, "TRIGGER": trigger})
    return make


def test_udevd_is_listened_to_where_it_runs(with_udevd, attach):
    before = attach()
    watcher = with_udevd('KERNEL=="loop*", ENV{ID_SERIAL_SHORT}="told-by-a-rule"', before.name)
    assert watcher.voice == "udevd"
    known = {fields(line)["name"]: fields(line) for line in watcher.at_start}
    assert known[before.name]["serial"] == "told-by-a-rule"
    loop = attach()
    word, facts = watcher.story("added", loop.name)[-1]
    assert facts["serial"] == "told-by-a-rule"
    loop.detach()
    watcher.story("removed", loop.name)


def test_what_udevd_has_not_seen_is_not_reported_yet(with_udevd, attach):
    unseen = attach()
    watcher = with_udevd("", "no-such-device")
    assert unseen.name not in {fields(line)["name"] for line in watcher.at_start}
    pathlib.Path(f"/sys/block/{unseen.name}/uevent").write_text("add")
    assert watcher.next(unseen.name)[0] == "added"
