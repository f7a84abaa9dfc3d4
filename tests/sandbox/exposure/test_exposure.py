# SPDX-License-Identifier: GPL-2.0-or-later
"""What live workers can do is what contained/exposure.txt says, no more and no less."""
import contextlib
import os
import pathlib
import platform
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/integration"))
# An airlockd of this machine must not hear of our mounts: mount.airlock would hand them over to it.
os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent/no-bus-for-tests"

import harness  # noqa: E402

TABLE = ROOT / "contained/exposure.txt"
MEASURE = os.environ["MEASURE_WORKER"]
# Of system calls that a worker can make once it has begun, whatever the arguments. The kernel's own, which no filter
# is asked about, count too.
MOST_CALLS = 40
# Since Linux 6.14 and 6.18: they end or refuse whoever was not sent there by a probe of root's. libseccomp may not
# know their names.
KERNELS_OWN = {"335", "336", "uretprobe", "uprobe"}
# What a machine may not have, or the kernel decides.
BY_MACHINE = ("control group", "calls unfiltered")


def measure(*words):
    done = subprocess.run([MEASURE, *map(str, words)], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def measure_driver(kind, folder):
    image = folder / f"{kind}.image"
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs." + kind, *(["-q"] if kind == "ext4" else []), image], check=True, capture_output=True)
    where = folder / f"{kind}.mount"
    where.mkdir()
    harness.run([harness.built("cli/mount.airlock"), image, where, "-t", f"airlock.{kind}"])
    try:
        (where / "file").write_bytes(b"content" * 1000)
        return measure("process", holder_of(image))
    finally:
        harness.run(["umount", where])


def holder_of(image):
    """The one process that has this file open."""
    found = set()
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.path.samefile(link, image):
                found.add(int(link.parts[2]))
    assert len(found) == 1, found
    return found.pop()


def measure_checker(folder):
    (folder / "e2fsck").symlink_to(os.environ["ODD_CHECKER"])
    medium = folder / "medium"
    medium.write_bytes(b"spin".ljust(65536, b"\0"))
    return measure("checker", os.environ["AIRLOCK_CHECK"], folder, medium)


def measure_maker(folder):
    (folder / "mkfs.ext4").symlink_to(os.environ["ODD_MAKER"])
    medium = folder / "medium"
    medium.write_bytes(bytes(4 << 20))
    return measure("maker", os.environ["AIRLOCK_CHECK"], folder, medium)


WORKERS = {
    "ext driver that serves": lambda folder: measure_driver("ext4", folder),
    "fat driver that serves": lambda folder: measure_driver("vfat", folder),
    "probe": lambda folder: measure("worker", os.environ["AIRLOCK_PROBE"]),
    "checker, as the child of airlock-check": measure_checker,
    "program that formats, as the child of airlock-check": measure_maker,
}
STARTED_SMALL = [name for name in WORKERS if "child of airlock-check" not in name]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def sections(text):
    """{name: [line]} of the table."""
    parts = re.split(r"^== (.*)$", text, flags=re.M)
    return {name: body.strip().splitlines() for name, body in zip(parts[1::2], parts[2::2])}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return {name: how(tmp_path_factory.mktemp("worker")).splitlines() for name, how in WORKERS.items()}


def everywhere(lines):
    return [line for line in lines if not line.startswith(BY_MACHINE)]


def calls(lines, kind):
    count, names = re.match(rf"calls {kind} +(\d+): ?(.*)$", next(l for l in lines if l.startswith(f"calls {kind}"))).groups()
    assert int(count) == len(names.split())
    return {name.rstrip("*") for name in names.split()}


def test_the_table_is_what_is_measured(measured):
    if os.environ.get("AIRLOCK_WRITE_EXPOSURE"):
        head = TABLE.read_text(encoding="utf-8").partition("== ")[0]
        TABLE.write_text(head + "\n".join(f"== {name}\n" + "\n".join(everywhere(lines)) + "\n"
                                          for name, lines in measured.items()), encoding="utf-8")
    if platform.machine() != "x86_64":
        pytest.skip("the table names the calls of x86-64")
    table = sections(TABLE.read_text(encoding="utf-8"))
    assert list(table) == list(WORKERS)
    for name, lines in measured.items():
        assert everywhere(lines) == table[name], name


@pytest.mark.parametrize("name", STARTED_SMALL)
def test_few_calls_are_left(measured, name):
    unfiltered = calls(measured[name], "unfiltered")
    assert unfiltered <= KERNELS_OWN
    left = calls(measured[name], "possible") | unfiltered
    assert 20 < len(left) <= MOST_CALLS, sorted(left)


@pytest.mark.parametrize("name", STARTED_SMALL[:2])
def test_a_driver_that_serves_can_talk_to_nobody(measured, name):
    talk = {"sendmsg", "recvmsg", "sendto", "recvfrom", "shutdown", "ppoll", "prctl", "seccomp", "socket", "connect"}
    assert not talk & calls(measured[name], "possible")
    descriptors = next(line for line in measured[name] if line.startswith("descriptors"))
    assert "socket" not in descriptors


def test_an_uncontained_process_is_told_apart():
    lines = measure("process", os.getpid()).splitlines()
    assert "user and group    SHARED" in lines
    assert "capabilities      SOME" in lines
    assert "new privileges    POSSIBLE" in lines
    assert "system calls      all" in lines
