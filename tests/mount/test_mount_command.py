# SPDX-License-Identifier: GPL-2.0-or-later
"""The messages of mount.airlock when it cannot mount, without any driver."""
import os
import pathlib
import re
import signal
import subprocess
import textwrap
import time

import pytest

from harness import PATIENCE, within

BUILD = pathlib.Path(os.environ.get("AIRLOCK_BUILD", "build")).resolve()
PROGRAM = BUILD / "cli/mount.airlock"

USAGE, SYSTEM, FAILURE = 1, 2, 32


@pytest.fixture(autouse=True)
def built():
    assert PROGRAM.exists(), f"{PROGRAM} is not built"


def run(*words, environment=None, **options):
    return subprocess.run([str(PROGRAM), *map(str, words)], capture_output=True, text=True, timeout=PATIENCE,
                          env={**os.environ, **(environment or {})}, **options)


def mount(source, place, *more, **options):
    return run(source, place, "-t", "airlock.ext4", *more, **options)


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "place"
    path.mkdir()
    return path


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image"
    with open(path, "wb") as file:
        file.truncate(1 << 20)
    return path


@pytest.fixture
def no_driver(tmp_path):
    """An environment without drivers, so that nothing is ever mounted."""
    folder = tmp_path / "no-drivers"
    folder.mkdir()
    return {"AIRLOCK_DRIVER_DIR": str(folder)}


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root")


def test_help_and_version():
    done = run("--help")
    assert done.returncode == 0
    assert "ext4" in done.stdout and "owner=media" in done.stdout
    done = run("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"mount\.airlock \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("words, expected", [
    ((), "directory"),
    (("/dev/sdb1",), "directory"),
    (("a", "b"), "which filesystem"),
    (("a", "b", "-t", "ext4"), 'type "ext4" is not airlock.'),
    (("a", "b", "-t"), "-t needs a value"),
    (("a", "b", "-q", "-t", "airlock.ext4"), 'there is no option "-q"'),
    (("a", "b", "-N", "1", "-t", "airlock.ext4"), "namespace"),
])
def test_wrong_usage(words, expected):
    done = run(*words)
    assert done.returncode == USAGE
    assert expected in done.stderr
    assert "--help" in done.stderr


@needs_root
def test_only_root_can_mount(image, place):
    # Run from a copy that every user can reach, unlike perhaps the build folder.
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/proc/self/fd/0",
                           str(image), str(place), "-t", "airlock.ext4"],
                          stdin=open(PROGRAM, "rb"), capture_output=True, text=True)
    assert done.returncode == USAGE, done.stderr
    assert "needs root" in done.stderr


@needs_root
@pytest.mark.parametrize("options, expected", [
    ("errors=remount-ro", 'unknown option "errors=remount-ro"'),
    ("uid=joe", 'option uid needs a number, not "joe"'),
    ("owner=root", "option owner is user or media"),
    ("remount,ro", "unmount it and mount it again"),
])
def test_options_it_cannot_follow(image, place, options, expected):
    done = mount(image, place, "-o", options)
    assert done.returncode == FAILURE
    assert expected in done.stderr


@needs_root
def test_sloppy_ignores_unknown_options_with_a_notice(image, place):
    done = mount(image, place, "-sf", "-o", "shiny")
    assert done.returncode == 0, done.stderr
    assert 'unknown option "shiny" is ignored' in done.stderr


@needs_root
def test_suid_is_ignored_with_a_notice(image, place):
    done = mount(image, place, "-f", "-o", "suid")
    assert done.returncode == 0
    assert "option suid is ignored" in done.stderr


@needs_root
def test_no_such_device(place):
    done = mount("/dev/nonexistent", place)
    assert done.returncode == FAILURE
    assert 'cannot mount "/dev/nonexistent"' in done.stderr
    assert "No such file or directory" in done.stderr


@needs_root
def test_no_such_mount_point(image, tmp_path):
    done = mount(image, tmp_path / "missing")
    assert done.returncode == FAILURE
    assert f'mount point "{tmp_path}/missing": No such file or directory' in done.stderr


@needs_root
def test_mount_point_is_a_file(image, tmp_path):
    done = mount(image, image)
    assert done.returncode == FAILURE
    assert "is not a directory" in done.stderr


@needs_root
def test_what_is_no_medium(place, tmp_path):
    assert "neither a block device nor an image file" in mount("/dev/null", place).stderr
    assert "neither a block device nor an image file" in mount(tmp_path, place).stderr
    empty = tmp_path / "empty"
    empty.touch()
    assert "is empty" in mount(empty, place).stderr


@needs_root
def test_a_type_without_a_driver(image, place):
    done = run(image, place, "-t", "airlock.befs")
    assert done.returncode == FAILURE
    assert 'no driver for "befs"' in done.stderr and "ext4" in done.stderr


@needs_root
def test_busy_names_the_loop_device(image, place):
    loop = subprocess.run(["losetup", "--show", "-f", image], capture_output=True, text=True, check=True).stdout.strip()
    try:
        done = mount(image, place)
        assert done.returncode == FAILURE
        assert "is in use" in done.stderr and f"set up as loop device {loop}" in done.stderr
    finally:
        subprocess.run(["losetup", "-d", loop], check=True)


@needs_root
def test_busy_names_the_mount(tmp_path, place, private_mounts):
    image = tmp_path / "ext4"
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    other = tmp_path / "other place"
    other.mkdir()
    loop = subprocess.run(["losetup", "--show", "-f", image], capture_output=True, text=True, check=True).stdout.strip()
    try:
        subprocess.run(["mount", loop, other], check=True)
        done = mount(loop, place)
        assert done.returncode == FAILURE
        assert f'is in use: mounted on "{other}"' in done.stderr
    finally:
        subprocess.run(["umount", other], check=False)
        subprocess.run(["losetup", "-d", loop], check=True)


@needs_root
def test_write_protected_is_mounted_read_only_with_a_notice(image, place):
    loop = subprocess.run(["losetup", "--show", "-rf", image], capture_output=True, text=True, check=True).stdout.strip()
    try:
        done = mount(loop, place, "-f")
        assert done.returncode == 0, done.stderr
        assert f'"{loop}" is write-protected and will be mounted read-only' in done.stderr
        assert "write-protected" not in mount(loop, place, "-f", "-o", "ro").stderr
    finally:
        subprocess.run(["losetup", "-d", loop], check=True)


@needs_root
def test_hostile_names_are_quoted(tmp_path, place):
    done = mount(tmp_path / "\x1b[31mred\nline", place)
    assert "\x1b" not in done.stderr
    assert done.stderr.count("\n") == 1


@needs_root
def test_fake_mounts_nothing(image, place):
    done = mount(image, place, "-f")
    assert done.returncode == 0, done.stderr
    assert not os.path.ismount(place)


@needs_root
def test_the_driver_is_missing(image, place, no_driver):
    done = mount(image, place, environment=no_driver)
    assert done.returncode == FAILURE
    assert "the driver" in done.stderr and "airlock-ext" in done.stderr
    assert "No such file or directory" in done.stderr
    assert not os.path.ismount(place)


@needs_root
def test_a_driver_that_dies_at_once_is_reported_as_such(image, place, no_driver, tmp_path):
    source = tmp_path / "driver.c"
    source.write_text(textwrap.dedent("""\
        #include <stdio.h>
        #include <stdlib.h>
        int main(void) { fputs("airlock-ext: \\033[31mfarewell\\n", stderr); _Exit(77); }
        """))
    program = pathlib.Path(no_driver["AIRLOCK_DRIVER_DIR"]) / "airlock-ext"
    subprocess.run(["gcc", "-o", program, source], check=True)
    with within(5):
        done = mount(image, place, environment=no_driver)
    assert done.returncode == FAILURE
    assert "the driver airlock-ext exited with code 77" in done.stderr
    assert "farewell" in done.stderr and "\x1b" not in done.stderr
    assert not os.path.ismount(place)


@needs_root
def test_a_driver_killed_by_a_signal_is_reported_with_its_name(image, place, no_driver, tmp_path):
    source = tmp_path / "driver.c"
    source.write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    program = pathlib.Path(no_driver["AIRLOCK_DRIVER_DIR"]) / "airlock-ext"
    subprocess.run(["gcc", "-o", program, source], check=True)
    process = subprocess.Popen([str(PROGRAM), "-v", str(image), str(place), "-t", "airlock.ext4"],
                               stderr=subprocess.PIPE, text=True, env={**os.environ, **no_driver})
    line = process.stderr.readline()
    # Process 1 of a process namespace obeys no other signal from outside.
    os.kill(int(re.search(r"runs as process (\d+)", line)[1]), signal.SIGKILL)
    rest = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == FAILURE
    assert "the driver airlock-ext was killed by SIGKILL" in rest
    assert not os.path.ismount(place)


@needs_root
def test_a_driver_that_says_nothing_is_not_waited_for_long(image, place, no_driver, tmp_path):
    source = tmp_path / "driver.c"
    source.write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    program = pathlib.Path(no_driver["AIRLOCK_DRIVER_DIR"]) / "airlock-ext"
    subprocess.run(["gcc", "-o", program, source], check=True)
    with within(15):
        done = mount(image, place, environment=no_driver)
    assert done.returncode == FAILURE
    assert "the driver took too long" in done.stderr
    assert subprocess.run(["pgrep", "-f", str(program)]).returncode == 1, "the driver is still there"
    assert not os.path.ismount(place)


# From here on with a driver that serves an empty directory; see tiny_driver.cc.

@pytest.fixture
def tiny(private_mounts, tmp_path):
    folder = tmp_path / "drivers"
    folder.mkdir()
    (folder / "airlock-ext").write_bytes((BUILD / "tests/mount/tiny_driver").read_bytes())
    (folder / "airlock-ext").chmod(0o755)
    return {"AIRLOCK_DRIVER_DIR": str(folder)}


def behave(image, word):
    with open(image, "r+b") as file:
        file.write(word.encode() + b"\0")
    return image


def mount_table_line(place):
    lines = [line.split() for line in open("/proc/self/mountinfo") if f" {place} " in line]
    return lines[-1] if lines else None


def driver_of(done):
    return int(re.search(r"runs as process (\d+)", done.stderr)[1])


def wait_gone(pid):
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(f"/proc/{pid}") and pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "the driver outlives its mount"
        time.sleep(0.02)


@pytest.fixture
def loop(image):
    path = subprocess.run(["losetup", "--show", "-f", image], capture_output=True, text=True, check=True).stdout.strip()
    yield path
    subprocess.run(["losetup", "-d", path], check=True)


@needs_root
def test_an_image_is_mounted_and_the_driver_lives_until_it_is_unmounted(image, place, tiny):
    done = mount(behave(image, "serve"), place, "-v", environment=tiny)
    assert done.returncode == 0, done.stderr
    fields = mount_table_line(place)
    assert {"nosuid", "nodev", "rw"} <= set(fields[5].split(","))
    assert fields[fields.index("-") + 1:][:2] == ["fuse.airlock.ext4", str(image)]
    assert os.path.isdir(place)
    pid = driver_of(done)
    assert os.path.exists(f"/proc/{pid}")
    again = mount(image, place, environment=tiny)
    assert again.returncode == FAILURE and "is in use" in again.stderr
    subprocess.run(["umount", place], check=True)
    wait_gone(pid)
    assert mount(image, place, environment=tiny).returncode == 0, "free again"
    subprocess.run(["umount", place], check=True)


@needs_root
def test_a_device_is_mounted_as_fuseblk(image, place, tiny, loop):
    done = mount(behave(image, "serve"), place, "-v", environment=tiny)
    assert done.returncode == FAILURE and loop in done.stderr, "the image is behind the loop device"
    done = mount(loop, place, "-v", "-o", "noexec,ro", environment=tiny)
    assert done.returncode == 0, done.stderr
    fields = mount_table_line(place)
    assert {"nosuid", "nodev", "noexec", "ro"} <= set(fields[5].split(","))
    assert fields[fields.index("-") + 1:][:2] == ["fuseblk.airlock.ext4", loop]
    stat = os.stat(loop)
    assert fields[2] == f"{os.major(stat.st_rdev)}:{os.minor(stat.st_rdev)}"
    again = mount(loop, place, environment=tiny)
    assert again.returncode == FAILURE and f'mounted on "{place}"' in again.stderr
    subprocess.run(["umount", place], check=True)
    wait_gone(driver_of(done))


@needs_root
def test_plain_mounts_a_device_as_fuse_and_keeps_it_to_itself(image, place, tiny, loop):
    behave(image, "serve")
    done = mount(loop, place, "-v", "-o", "plain", environment=tiny)
    assert done.returncode == 0, done.stderr
    fields = mount_table_line(place)
    assert fields[fields.index("-") + 1] == "fuse.airlock.ext4"
    with pytest.raises(OSError):
        os.close(os.open(loop, os.O_RDONLY | os.O_EXCL))
    subprocess.run(["umount", place], check=True)
    wait_gone(driver_of(done))


@needs_root
@pytest.mark.parametrize("options, expected", [
    ("", {"user_id=0", "group_id=0"}),
    ("uid=1234,gid=100", {"user_id=1234", "group_id=100"}),
    ("uid=65534", {"user_id=65534", "group_id=65534"}),
    ("allow_other", {"allow_other"}),
])
def test_whom_the_mount_belongs_to(image, place, tiny, options, expected):
    behave(image, "serve")
    done = mount(image, place, "-o", options or "rw", environment={**tiny, "SUDO_UID": "77", "SUDO_GID": "77"})
    assert done.returncode == 0, done.stderr
    assert expected <= set(mount_table_line(place)[-1].split(","))
    subprocess.run(["umount", place], check=True)


@needs_root
def test_a_driver_that_refuses_is_quoted(image, place, tiny):
    done = mount(behave(image, "refuse"), place, environment=tiny)
    assert done.returncode == FAILURE
    assert 'the driver says "this \\x1b[31mmedium' in done.stderr
    assert mount_table_line(place) is None


@needs_root
def test_a_driver_that_chooses_read_only_is_quoted_in_a_notice(image, place, tiny):
    done = mount(behave(image, "read-only"), place, environment=tiny)
    assert done.returncode == 0, done.stderr
    assert 'is mounted read-only: the driver says "the journal must be replayed"' in done.stderr
    assert "ro" in mount_table_line(place)[5].split(",")
    subprocess.run(["umount", place], check=True)


@needs_root
@pytest.mark.parametrize("as_device", [False, True])
def test_a_driver_that_vanishes_after_mounting_leaves_no_mount(image, place, tiny, as_device, request):
    behave(image, "vanish")
    source = request.getfixturevalue("loop") if as_device else image
    done = mount(source, place, environment=tiny)
    assert done.returncode == FAILURE
    assert "the driver airlock-ext exited with code 3" in done.stderr
    assert mount_table_line(place) is None


@needs_root
def test_mount_itself_finds_the_helper_by_its_type(image, place, tiny, private_mounts):
    # mount(8) searches only /sbin: give it one in this mount namespace.
    behave(image, "serve")
    helper = pathlib.Path("/sbin/fs.d")
    made = not helper.exists()
    helper.mkdir(exist_ok=True)
    try:
        private_mounts.tmpfs(helper)
        (helper / "mount.airlock").symlink_to(PROGRAM)
        done = subprocess.run(["mount", "-t", "airlock.ext4", "-o", "noatime,x-gvfs-show,nofail", image, place],
                              capture_output=True, text=True, env={**os.environ, **tiny})
        assert done.returncode == 0, done.stderr
        assert "noatime" in mount_table_line(place)[5]
        subprocess.run(["umount", place], check=True)
        done = subprocess.run(["mount", "-t", "airlock.ext4", "-o", "shiny", image, place],
                              capture_output=True, text=True, env={**os.environ, **tiny})
        assert done.returncode == FAILURE and "shiny" in done.stderr
    finally:
        private_mounts.undo()
        private_mounts.places.clear()
        if made:
            helper.rmdir()
