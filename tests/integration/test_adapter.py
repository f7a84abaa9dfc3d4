# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of the distribution as drivers, through mount.airlock: what they show, how they end, what they refuse, and what one
that a medium has taken over can do."""
import contextlib
import errno
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

import harness

HELLO = "hello from the medium\n"


class AdaptedMount(harness.Mount):
    def __init__(self, kind, device, where, options=()):
        self.kind = kind
        super().__init__(harness.AIRLOCK, device, where, options)

    def _command(self):
        return [harness.built("cli/mount.airlock"), self.device, self.where, "-t", f"airlock.{self.kind}",
                "-o", ",".join(self.options or ("rw",))]

    def program(self):
        """The process of the distribution's program: the one child of the driver."""
        children = pathlib.Path(f"/proc/{self.driver}/task/{self.driver}/children").read_text().split()
        assert len(children) == 1
        return int(children[0])


@pytest.fixture(autouse=True)
def adapter(monkeypatch):
    monkeypatch.setenv("AIRLOCK_DRIVER_DIR", str(harness.built("contained/airlock-adapter").parent))
    monkeypatch.setitem(harness.DRIVER_NAMES, harness.AIRLOCK, "airlock-adapter")


@contextlib.contextmanager
def mounted(kind, image, options=()):
    where = pathlib.Path(f"{image}.mount")
    where.mkdir(exist_ok=True)
    mount = AdaptedMount(kind, image, where, options)
    try:
        yield mount
    finally:
        mount.detach()


def make_source(scratch):
    source = scratch / "source"
    (source / "folder").mkdir(parents=True)
    (source / "folder" / "hello.txt").write_text(HELLO)
    (source / "large").write_bytes(bytes(range(256)) * 4096)
    return source


def sized(image, mebibytes):
    with open(image, "wb") as file:
        file.truncate(mebibytes << 20)
    return image


def make_xfs(scratch, source):
    """A prototype describes what is in it."""
    image = sized(scratch / "xfs.img", 300)
    prototype = scratch / "prototype"
    prototype.write_text(f"/nothing\n0 0\nd--755 0 0\nfolder d--755 0 0\nhello.txt ---644 0 0 {source}/folder/hello.txt\n$\n"
                         f"large ---644 0 0 {source}/large\n$\n")
    harness.run(["mkfs.xfs", "-q", "-p", prototype, image])
    return image


def make_btrfs(scratch, source):
    image = sized(scratch / "btrfs.img", 128)
    harness.run(["mkfs.btrfs", "-q", "--rootdir", source, image])
    return image


def make_f2fs(scratch, source):
    image = sized(scratch / "f2fs.img", 64)
    harness.run(["mkfs.f2fs", "-q", image])
    harness.run(["sload.f2fs", "-f", source, image], allowed=None)
    return image


WITH_FILES = {"xfs": make_xfs, "btrfs": make_btrfs, "f2fs": make_f2fs}
# Their tools make empty ones only.
EMPTY = {"minix": ["mkfs.minix"], "jfs": ["mkfs.jfs", "-q"], "nilfs2": ["mkfs.nilfs2", "-q"]}


@pytest.mark.parametrize("kind", WITH_FILES)
def test_files_are_as_in_the_source(scratch, kind):
    source = make_source(scratch)
    with mounted(kind, WITH_FILES[kind](scratch, source)) as mount:
        assert "grub-mount can only read" in mount.message
        assert sorted(os.listdir(mount.where / "folder")) == ["hello.txt"]
        assert (mount.where / "folder" / "hello.txt").read_text() == HELLO
        assert (mount.where / "large").read_bytes() == (source / "large").read_bytes()
        with pytest.raises(OSError, match="Read-only"):
            (mount.where / "new").write_text("")
        program = mount.program()
        mount.unmount()
        assert harness.has_ended(program)


@pytest.mark.parametrize("kind", EMPTY)
def test_an_empty_one_is_mounted(scratch, kind):
    image = sized(scratch / f"{kind}.img", 160)
    harness.run([*EMPTY[kind], image])
    with mounted(kind, image) as mount:
        assert set(os.listdir(mount.where)) <= {"lost+found", ".nilfs"}
        mount.unmount()


def make_ntfs(scratch):
    image = sized(scratch / "ntfs.img", 32)
    harness.run(["mkntfs", "-q", "-F", "-L", "WINDOWS", image])
    return image


def test_ntfs_is_written_and_read_again(scratch):
    image = make_ntfs(scratch)
    content = os.urandom(300_000)
    with mounted("ntfs", image, ("rw", "uid=1", "gid=1", "allow_other")) as mount:
        (mount.where / "folder").mkdir()
        (mount.where / "folder" / "file").write_bytes(content)
        os.rename(mount.where / "folder" / "file", mount.where / "folder" / "ünï")
        status = (mount.where / "folder" / "ünï").stat()
        assert (status.st_uid, status.st_gid) == (1, 1)
        mount.unmount()
    with mounted("ntfs", image) as mount:
        assert (mount.where / "folder" / "ünï").read_bytes() == content
        mount.unmount()
    harness.run(["ntfsfix", "-n", image])


def test_ntfs_on_a_device_is_fuseblk(scratch):
    image = make_ntfs(scratch)
    with harness.LoopDevice(image) as loop:
        with mounted("ntfs", loop.path) as mount:
            assert harness.run(["findmnt", "-no", "FSTYPE", mount.where]).stdout.strip().startswith("fuseblk")
            (mount.where / "file").write_text(HELLO)
            mount.unmount()
        shutil.rmtree(mount.where)


def test_a_hibernated_windows_is_only_read(scratch):
    """As in ntfs-3g: a hiberfil.sys that begins with "hibr" in the top folder."""
    image = make_ntfs(scratch)
    with mounted("ntfs", image) as mount:
        (mount.where / "hiberfil.sys").write_bytes(b"hibr" + bytes(8192))
        mount.unmount()
    before = image.read_bytes()
    with mounted("ntfs", image) as mount:
        assert mount.read_only()
        assert "Windows is hibernated on it" in mount.message
        mount.unmount()
    assert image.read_bytes() == before


@pytest.mark.parametrize("kind", ("ntfs", "xfs"))
def test_a_medium_that_holds_something_else_leaves_no_mount(scratch, kind):
    image = scratch / "noise.img"
    image.write_bytes(os.urandom(4 << 20))
    with pytest.raises(harness.MountError, match="can't use it") as refused:
        with mounted(kind, image):
            pass
    assert refused.value.status == 32
    assert f"{image}.mount" not in harness.mount_targets()


@pytest.mark.parametrize("whom", ("driver", "program"))
def test_killing_either_ends_both_and_the_mount(scratch, whom):
    with mounted("ntfs", make_ntfs(scratch)) as mount:
        driver, program = mount.driver, mount.program()
        os.kill(driver if whom == "driver" else program, signal.SIGKILL)
        harness.wait_until(lambda: harness.has_ended(driver) and harness.has_ended(program), harness.PATIENCE,
                           "both to end")
        with pytest.raises(OSError):
            os.listdir(mount.where)


def test_the_user_of_a_program_has_no_rights(scratch):
    with mounted("ntfs", make_ntfs(scratch)) as mount:
        for pid in (mount.driver, mount.program()):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            for capabilities in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert re.search(rf"^{capabilities}:\s*0+$", status, re.M)
            assert re.search(r"^NoNewPrivs:\s*1$", status, re.M) and re.search(r"^Seccomp:\s*2$", status, re.M)
            assert int(re.search(r"^Uid:\s*(\d+)", status, re.M)[1]) >= 0x7a000000
            assert os.listdir(f"/proc/{pid}/root/") != os.listdir("/")
            for namespace in ("net", "pid", "mnt", "ipc"):
                assert os.readlink(f"/proc/{pid}/ns/{namespace}") != os.readlink(f"/proc/self/ns/{namespace}")
        mount.unmount()


def test_a_missing_program_is_named(scratch, monkeypatch):
    """None of the usual folders has it, as far as mount.airlock can see."""
    image = make_ntfs(scratch)
    where = scratch / "mount"
    where.mkdir()
    hidden = scratch / "hidden"
    hidden.write_text("")
    hidden.chmod(0o644)
    script = "".join(f"mount --bind {hidden} {path} && " for path in {os.path.realpath(shutil.which("ntfs-3g"))})
    done = subprocess.run(["unshare", "-m", "sh", "-c", f'{script} exec "$@"', "sh", harness.built("cli/mount.airlock"),
                           image, where, "-t", "airlock.ntfs"], capture_output=True, text=True, check=False)
    assert done.returncode == 32, done.stderr
    assert "install the package ntfs-3g to read this medium" in done.stderr


def test_a_program_that_others_may_change_is_not_taken(scratch, monkeypatch):
    stock = scratch / "stock"
    stock.mkdir()
    program = stock / "grub-mount"
    shutil.copy("/bin/false", program)
    image = make_xfs(scratch, make_source(scratch))
    monkeypatch.setenv("AIRLOCK_STOCK_DIR", str(stock))
    # The control: it is taken as it is.
    with pytest.raises(harness.MountError, match="ended with exit code 1"):
        with mounted("xfs", image):
            pass
    program.chmod(0o775)
    with mounted("xfs", image) as mount:
        mount.unmount()
    program.chmod(0o755)
    os.chown(program, 1, 1)
    with mounted("xfs", image) as mount:
        mount.unmount()


@pytest.fixture
def odd(scratch, monkeypatch):
    """A program that does what the medium says, in the place of grub-mount."""
    stock = scratch / "stock"
    stock.mkdir()
    shutil.copy(harness.built("contained/adapter/tests/odd-program"), stock / "grub-mount")
    monkeypatch.setenv("AIRLOCK_STOCK_DIR", str(stock))

    def medium(word):
        image = scratch / "odd.img"
        image.write_bytes(word.encode().ljust(1 << 20, b"\0"))
        return image
    return medium


def refusal(image):
    with pytest.raises(harness.MountError) as refused:
        with mounted("xfs", image):
            pass
    return refused.value.output


def test_a_program_that_was_taken_over_reaches_nothing(odd):
    assert "ACHIEVED nothing" in refusal(odd("attack"))


def test_outside_it_would_reach_everything(odd):
    """The control: the same attacks by the same program, without the sandbox."""
    done = subprocess.run([harness.built("contained/adapter/tests/odd-program"), odd("attack"), "/nonexistent"],
                          capture_output=True, text=True, check=False)
    achieved = done.stderr.strip().removeprefix("ACHIEVED ").split(", ")
    source = (pathlib.Path(__file__).parents[2] / "contained/adapter/tests/odd_program.cc").read_text()
    assert set(achieved) == set(re.findall(r'Attack\{"([^"]+)"', source))


def test_once_mounted_it_reaches_nothing_either(odd):
    with mounted("xfs", odd("mounted")) as mount:
        program = mount.program()
        harness.wait_until(lambda: {"20", "21"} & set(os.listdir(f"/proc/{program}/fd")), harness.PATIENCE,
                           "the attacks to be over")
        assert "21" not in os.listdir(f"/proc/{program}/fd")
        mount.kill_driver()


def test_a_program_that_ends_early_leaves_no_living_mount(odd, scratch):
    """The mount may or may not have been handed over by then."""
    where = scratch / "mount"
    where.mkdir()
    image = odd("quit")
    done = harness.run([harness.built("cli/mount.airlock"), image, where, "-t", "airlock.xfs"], allowed=None)
    if done.returncode == 0:
        harness.wait_until(lambda: is_dead(where), harness.PATIENCE, "the mount to be dead")
        harness.run(["umount", where])
    assert str(where) not in harness.mount_targets()


def is_dead(where):
    try:
        os.listdir(where)
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return False


def test_words_without_end_are_cut_short(odd):
    output = refusal(odd("flood"))
    assert "a line that is as good as any other" in output and len(output) < 2_000


def test_a_program_that_crashes_says_how(odd):
    assert "was killed by signal 6" in refusal(odd("crash"))
