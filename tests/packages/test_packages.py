# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages on a booted system: what runs after installing them, and that no mount notices
an upgrade, a removal or a purge."""
import json

import container

EXT4 = ["mkfs.ext4", "-q", "-L", "EXTSTICK"]
FAT = ["mkfs.vfat", "-n", "FATSTICK"]
OURS = "airlock airlock-driver-adapter airlock-driver-ext airlock-driver-fat airlock-driver-iso airlock-driver-squashfs airlock-driver-udf airlock-tray"
SOCKETS = ("airlock-ext.socket", "airlock-fat.socket", "airlock-iso.socket", "airlock-squashfs.socket", "airlock-udf.socket")
# What belongs to dpkg, the journal and systemd themselves.
NOT_OURS = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/lib/dpkg", "/var/log", "/var/cache",
            "/var/lib/systemd", "/packages", "/later")


def state(machine, unit):
    return machine.sh(f"systemctl is-active {unit}", check=False).strip()


def volume(machine, device):
    return json.loads(machine.sh(f"airlockctl info {device} --json"))


def mounted(machine, stick, label, check=True):
    """Mounts it and says where."""
    device, image = machine.stick(stick, label)
    container.wait_until(lambda: machine.has(f"airlockctl info {device}"), container.DEADLINE, f"{device} to be seen")
    machine.sh(f"airlockctl mount {device}")
    return device, image, machine.sh(f"findmnt -nro TARGET {device}").strip()


def driver_of(machine, program):
    return machine.sh(f"pidof {program}", check=False).split()


def instances(machine, driver):
    listed = machine.sh(f"systemctl list-units --plain --no-legend --state=running 'airlock-{driver}@*'")
    return [line.split()[0] for line in listed.splitlines()]


def files(machine):
    """Every file and folder of the system with what says whether it changed."""
    pruned = " -o ".join(f"-path {path}" for path in NOT_OURS)
    return set(machine.sh(f"find / \\( {pruned} \\) -prune -o -printf '%p %y %m %U:%G\\n'").splitlines())


class Use:
    """A program that has a file of the mount open and goes on writing to it."""

    def __init__(self, machine, place):
        self.machine = machine
        machine.sh(f"systemd-run --quiet --unit=use sh -c "
                   f"'exec 3>>{place}/diary; while sleep 0.05; do echo line >&3 || exit 1; done'")
        self.place = place
        self.goes_on()

    def lines(self):
        return int(self.machine.sh(f"touch {self.place}/diary; wc -l <{self.place}/diary"))

    def goes_on(self):
        before = self.lines()
        container.wait_until(lambda: self.lines() > before, container.DEADLINE, "the diary to grow")
        assert state(self.machine, "use.service") == "active"

    def end(self):
        self.goes_on()
        self.machine.sh("systemctl stop use.service")
        return self.lines()


def test_after_installing_the_sockets_listen_and_the_daemon_comes_when_asked(machine):
    for socket in SOCKETS:
        assert (state(machine, socket), machine.sh(f"systemctl is-enabled {socket}").strip()) == ("active", "enabled")
    assert state(machine, "airlockd.service") == "inactive"
    machine.sh("airlockctl status")
    assert state(machine, "airlockd.service") == "active", "the bus did not start the unit"
    machine.sh("systemctl stop airlockd.service")
    machine.sh("systemctl start airlockd.service")
    assert machine.has("airlockctl list"), "started as a unit it does not answer"
    assert not machine.sh("systemctl --failed --plain --no-legend")


def test_a_person_may_ask_without_being_root(machine):
    assert machine.has("runuser -u user -- airlockctl list --all")


def test_settings_of_the_machine_are_read(machine):
    machine.sh("echo 'automount = \"ask\"' >/etc/airlock/airlock.toml.d/50-mine.toml")
    assert json.loads(machine.sh("airlockctl status --json"))["Automount"] == "ask"


def test_a_stick_is_mounted_by_a_driver_of_systemd_and_read_back(machine):
    for stick, label, program, driver in ((EXT4, "EXTSTICK", "airlock-ext", "ext"),
                                          (FAT, "FATSTICK", "airlock-fat", "fat")):
        device, image, place = mounted(machine, stick, label)
        (pid,) = driver_of(machine, program)
        (unit,) = instances(machine, driver)
        assert machine.sh(f"systemctl show -P MainPID {unit}").strip() == pid
        assert machine.sh(f"stat -c %u /proc/{pid}").strip() != "0"
        machine.sh(f"echo hello >{place}/greeting")
        machine.sh(f"airlockctl unmount {device}")
        container.wait_until(lambda: not instances(machine, driver), container.DEADLINE, "the unit to end")
        assert machine.sh(f"airlockctl mount {device} >&2; cat {place}/greeting").endswith("hello\n")
        machine.sh(f"airlockctl unmount {device}")
        container.run(*(["e2fsck", "-fn"] if driver == "ext" else ["fsck.fat", "-n"]), image)


def test_an_upgrade_leaves_mounts_alone_and_the_new_daemon_has_them(machine):
    device, image, place = mounted(machine, EXT4, "EXTSTICK")
    # One of Airlock's own sandbox as well, which lives in the daemon's unit.
    machine.sh("systemctl stop airlock-fat.socket")
    fat, _, _ = mounted(machine, FAT, "FATSTICK")
    assert not instances(machine, "fat") and driver_of(machine, "airlock-fat")
    machine.sh("systemctl start airlock-fat.socket")
    use = Use(machine, place)
    drivers = [driver_of(machine, program) for program in ("airlock-ext", "airlock-fat")]
    units = instances(machine, "ext")
    daemon = machine.sh("systemctl show -P MainPID airlockd.service")

    machine.sh("dpkg --install /later/*.deb")

    assert machine.sh("dpkg-query -Wf '${Version}' airlock").endswith("+later")
    assert machine.sh("systemctl show -P MainPID airlockd.service") != daemon, "the old daemon still runs"
    assert [driver_of(machine, program) for program in ("airlock-ext", "airlock-fat")] == drivers
    assert instances(machine, "ext") == units
    for socket in SOCKETS:
        assert state(machine, socket) == "active"
    written = use.end()
    for stick in (device, fat):
        assert volume(machine, stick)["State"] == "mounted"
        machine.sh(f"airlockctl unmount {stick}")
    container.run("e2fsck", "-fn", image)
    assert container.run("debugfs", "-R", "cat /diary", image).count("line\n") == written


def test_an_upgrade_starts_nothing_that_did_not_run(machine):
    machine.sh("systemctl disable --now airlock-fat.socket")
    machine.sh("dpkg --install /later/*.deb")
    assert state(machine, "airlockd.service") == "inactive"
    assert state(machine, "airlock-fat.socket") == "inactive"
    assert machine.sh("systemctl is-enabled airlock-fat.socket", check=False).strip() == "disabled"
    assert state(machine, "airlock-ext.socket") == "active"


def test_removing_leaves_mounts_alone_and_coming_back_finds_them(machine):
    device, image, place = mounted(machine, EXT4, "EXTSTICK")
    use = Use(machine, place)
    machine.sh(f"dpkg --remove {OURS}")
    for unit in (*SOCKETS, "airlockd.service"):
        assert state(machine, unit) == "inactive"
    use.goes_on()
    machine.sh("dpkg --install /packages/*.deb")
    use.end()
    assert volume(machine, device)["State"] == "mounted"
    machine.sh(f"airlockctl unmount {device}")
    container.run("e2fsck", "-fn", image)


def test_purging_leaves_mounts_alone_and_nothing_else(bare):
    before = files(bare)
    bare.sh("dpkg --install /packages/*.deb")
    _, image, place = mounted(bare, EXT4, "EXTSTICK")
    use = Use(bare, place)
    bare.sh(f"dpkg --purge {OURS}")
    use.end()
    assert not bare.has("test -e /run/airlock/mounts")
    bare.sh(f"umount {place}")
    container.wait_until(lambda: not driver_of(bare, "airlock-ext"), container.DEADLINE, "the driver to end")
    container.run("e2fsck", "-fn", image)
    assert not files(bare) ^ before
    assert not bare.sh("systemctl list-units --all --plain --no-legend 'airlock*' --state=active,failed")
    assert not bare.sh("find /etc/systemd /var/lib/systemd /run/systemd -name '*airlock*'")
