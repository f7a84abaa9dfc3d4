# SPDX-License-Identifier: GPL-2.0-or-later
"""The units for drivers: systemd's own verdict about them, and the access they define."""
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import time

import pytest

from harness import PATIENCE

BUILD = pathlib.Path(os.environ.get("AIRLOCK_BUILD", "build")).resolve()
UNITS = BUILD / "units"
# What the directives that come with libfuse's examples score.
WORST_EXPOSURE = 0.2

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed")
SERVICES = sorted(UNITS.glob("*@.service"))
SOCKETS = sorted(UNITS.glob("*.socket"))


def settings(path, name):
    return [line.split("=", 1)[1] for line in path.read_text().splitlines()
            if line.startswith(name + "=")]


def test_every_driver_has_a_socket_and_a_template():
    table = (pathlib.Path(__file__).parents[2] / "contained/drivers.inc").read_text()
    names = re.findall(r"^AIRLOCK_DRIVER\((\w+),", table, re.M)
    assert names
    assert [p.name for p in SERVICES] == sorted(f"airlock-{n}@.service" for n in names)
    assert [p.name for p in SOCKETS] == sorted(f"airlock-{n}.socket" for n in names)


@needs_systemd
@pytest.mark.parametrize("service", SERVICES, ids=lambda p: p.name)
def test_exposure(service):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", service],
                          capture_output=True, text=True, check=True)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, f"systemd-analyze says something else now:\n{done.stdout}{done.stderr}"
    assert float(found[1]) <= WORST_EXPOSURE, done.stdout
    assert "ignoring" not in done.stderr, done.stderr


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES + SOCKETS, ids=lambda p: p.name)
def test_systemd_understands_every_line(unit, tmp_path):
    # Both halves of a pair belong together, and the program is not installed during a test.
    for path in SERVICES + SOCKETS:
        text = re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", path.read_text(), flags=re.M)
        (tmp_path / path.name).write_text(text)
    name = unit.name.replace("@.service", "@1.service")
    if name != unit.name:
        shutil.copy(tmp_path / unit.name, tmp_path / name)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / name],
                          capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "airlock" in line]
    assert not ours and done.returncode == 0, done.stderr


@pytest.mark.parametrize("service", SERVICES, ids=lambda p: p.name)
def test_limits_are_set_and_nothing_is_protected_from_running_out_of_memory(service):
    for name in ("MemoryMax", "TasksMax", "LimitNOFILE"):
        assert settings(service, name), name
    assert settings(service, "LimitCORE") == ["0"]
    assert int(settings(service, "OOMScoreAdjust")[0]) > 0
    assert "ttyprintk" not in service.read_text()


def worker_limits():
    text = (pathlib.Path(__file__).parents[2] / "contained/limits.inc").read_text()
    return {name: int(value) for name, value in re.findall(r"^AIRLOCK_LIMIT\((\w+), (\d+)\)$", text, re.M)}


@pytest.mark.parametrize("service", SERVICES, ids=lambda p: p.name)
def test_a_service_has_the_limits_of_our_own_sandbox(service):
    table = (pathlib.Path(__file__).parents[2] / "contained/drivers.inc").read_text()
    name = re.fullmatch(r"airlock-(\w+)@\.service", service.name)[1]
    memory, files, threads = re.search(rf'^AIRLOCK_DRIVER\({name}, .*", (\d+), (\d+), (\d+), "', table, re.M).groups()
    limits = worker_limits()
    wanted = {"MemoryMax": f"{int(memory) + limits['memory_beside_data']}M", "MemorySwapMax": "0",
              "TasksMax": threads, "LimitNOFILE": files, "CPUWeight": str(limits["cpu_weight"]),
              "IOWeight": str(limits["io_weight"]), "OOMScoreAdjust": str(limits["oom_score"]), "OOMPolicy": "kill"}
    assert {name: settings(service, name) for name in wanted} == {name: [value] for name, value in wanted.items()}


@pytest.mark.parametrize("socket", SOCKETS, ids=lambda p: p.name)
def test_only_root_may_connect_and_not_without_end(socket):
    assert settings(socket, "SocketMode") == ["0600"]
    assert settings(socket, "Accept") == ["yes"]
    assert settings(socket, "RemoveOnStop") == ["yes"]
    assert int(settings(socket, "MaxConnections")[0]) <= 64
    assert settings(socket, "TriggerLimitBurst")
    assert settings(socket, "ListenSequentialPacket")
    assert not settings(socket, "ListenStream")


def driver_of_build():
    program = BUILD / "contained/ext/airlock-ext"
    return program if program.exists() else None


# What a unit has beside: a title takes the room of the arguments and the environment.
UNIT_ENVIRONMENT = ("-E", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "-E", f"INVOCATION_ID={'0' * 32}",
                    "-E", "LANG=C.UTF-8")


class Activated:
    """systemd-socket-activate as a stand-in for a socket unit; needs no systemd as process 1."""

    def __init__(self, path, program):
        self.process = subprocess.Popen(
            ["systemd-socket-activate", "--seqpacket", "--accept", *UNIT_ENVIRONMENT, "-l", str(path), str(program)],
            stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.02)
        assert stat.S_ISSOCK(path.stat().st_mode)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)


needs_activation = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("systemd-socket-activate") is None, reason="needs root and systemd")


@pytest.fixture
def service(private_mounts):
    """Starts a program for every connection to the socket of ext4, as its unit would."""
    sockets = pathlib.Path("/run/airlock/drivers")
    sockets.mkdir(parents=True, exist_ok=True)
    private_mounts.tmpfs(sockets)
    started = []

    def start(program):
        started.append(Activated(sockets / "ext4", program))

    yield start
    for activated in started:
        activated.stop()


def mount(source, place):
    environment = {k: v for k, v in os.environ.items() if k != "AIRLOCK_DRIVER_DIR"}
    return subprocess.run([BUILD / "cli/mount.airlock", source, place, "-t", "airlock.ext4"],
                          capture_output=True, text=True, timeout=PATIENCE, env=environment)


def driver_titles(medium):
    """The titles in ps of the processes whose arguments name the medium."""
    titles = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            shown = (process / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if str(medium) in shown:
            titles.append(shown)
    return titles


@needs_activation
def test_a_service_serves_a_mount(tmp_path, service):
    service(BUILD / "tests/mount/tiny_driver")
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    image.write_bytes(b"serve".ljust(1 << 20, b"\0"))
    done = mount(image, place)
    assert done.returncode == 0, done.stderr
    assert f" {place} fuse.airlock.ext4 " in open("/proc/mounts").read()
    subprocess.run(["umount", place], check=True)


@needs_activation
def test_a_service_that_refuses_or_vanishes_leaves_no_mount(tmp_path, service):
    service(BUILD / "tests/mount/tiny_driver")
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    for behaviour in (b"refuse", b"vanish"):
        image.write_bytes(behaviour.ljust(1 << 20, b"\0"))
        done = mount(image, place)
        assert done.returncode == 32
        assert "journalctl -t airlock-ext may say why" in done.stderr
        assert not os.path.ismount(place)


@pytest.mark.skipif(driver_of_build() is None, reason="the ext driver is not built")
@needs_activation
def test_the_ext_driver_works_as_a_service(tmp_path, service):
    service(driver_of_build())
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    done = mount(image, place)
    assert done.returncode == 0, done.stderr
    assert driver_titles(image) == [f"airlock-ext {image} ext4 rw"]
    (place / "file").write_text("written through the socket's driver")
    assert (place / "file").read_text() == "written through the socket's driver"
    subprocess.run(["umount", place], check=True)
    check = None
    for _ in range(10 * PATIENCE):  # plain fuse: umount returns before the driver has written the rest
        check = subprocess.run(["e2fsck", "-fn", image], capture_output=True, text=True)
        if check.returncode == 0:
            break
        time.sleep(0.1)
    assert check.returncode == 0, check.stdout
