# SPDX-License-Identifier: GPL-2.0-or-later
"""A desktop for the tray: an invisible X server, a session bus, a panel that shows tray icons, a
notification daemon, and accessibility. Everything runs as one person and is stopped in the end.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import caller
import harness
from gi.repository import GLib

HERE = pathlib.Path(__file__).resolve().parent
DBUSMENU = "com.canonical.dbusmenu"
NOTIFICATIONS = "org.freedesktop.Notifications"
PROPERTIES = "org.freedesktop.DBus.Properties"
PYTHON = "/usr/bin/python3"
DEADLINE = 20
SCREEN = "1100x720x24"

PANEL = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="{dark}"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=8;x=550;y=700"/>
      <property name="length" type="double" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="36"/>
      <property name="icon-size" type="uint" value="22"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
"""

DUNST = """[global]
  font = DejaVu Sans 10
  width = 380
  height = 200
  origin = bottom-right
  offset = 16x56
  frame_width = 1
  frame_color = "#4a90d9"
  background = "#f7f9fc"
  foreground = "#232629"
  show_age_threshold = -1
  idle_threshold = 0
[urgency_normal]
  background = "#f7f9fc"
  foreground = "#232629"
  timeout = 60
[urgency_critical]
  background = "#fbe9eb"
  foreground = "#8c0f1c"
  frame_color = "#da2b3a"
  timeout = 0
"""

# Colours of a dark desktop, as Qt reads them when it believes it is in KDE.
DARK_COLOURS = """[Colors:Window]
BackgroundNormal=35,38,41
ForegroundNormal=239,240,241
[Colors:View]
BackgroundNormal=27,30,32
BackgroundAlternate=35,38,41
ForegroundNormal=239,240,241
[Colors:Button]
BackgroundNormal=49,54,59
ForegroundNormal=239,240,241
[Colors:Selection]
BackgroundNormal=21,83,158
ForegroundNormal=239,240,241
[Colors:Tooltip]
BackgroundNormal=49,54,59
ForegroundNormal=239,240,241
"""

# The machine's portals, which newer toolkits ask for colours: they mount a filesystem of their own.
PORTALS = ("org.freedesktop.portal.Desktop", "org.freedesktop.portal.Documents")
NO_PORTAL = """[D-BUS Service]
Name={}
Exec=/bin/false
"""

# Opens folders: tells the tests which.
XDG_OPEN = """#!/bin/sh
printf '%s\\n' "$1" >> "$HOME/opened"
"""


class Portal:
    """A mock of the portal that tells programs the person's preferred colours; it begins dark."""
    name, path = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
    settings = "org.freedesktop.portal.Settings"
    numbers = {"default": 0, "dark": 1}

    def __init__(self, desktop):
        self.desktop = desktop
        desktop.spawn(PYTHON, "-m", "dbusmock", "--session", self.name, self.path, self.settings)
        desktop.wait_for_name(self.name)
        self.mock("AddMethod", f"('{self.settings}', 'Read', 'ss', 'v', 'ret = dbus.UInt32(1, variant_level=1)')")

    def say_colour_scheme(self, wish):
        self.mock("EmitSignal", f"('{self.settings}', 'SettingChanged', 'ssv', "
                                f"[<'org.freedesktop.appearance'>, <'color-scheme'>, <<uint32 {self.numbers[wish]}>>])")

    def mock(self, method, arguments):
        self.desktop.session_call(self.name, self.path, "org.freedesktop.DBus.Mock", method, arguments)


class Desktop:
    with_portal = False

    def __init__(self, scratch, person, system_bus=None, language="C.UTF-8", panel=True, dark=False, notifications=True,
                 accessible=False, dark_windows=False, wayland=False):
        self.person = person
        self.home = pathlib.Path(scratch) / "home"
        self.processes = []
        self.tray = None
        self.bus = None
        self.with_panel = panel
        self.with_dunst = notifications
        self.dark = dark
        self.environment = {
            "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"),
            "XDG_CONFIG_HOME": str(self.home / "config"), "XDG_DATA_HOME": str(self.home / ".local/share"), "XDG_CONFIG_DIRS": "/etc/xdg",
            "XDG_CURRENT_DESKTOP": "XFCE", "LC_ALL": language, "PATH": f"{self.home}/bin:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1", "QT_ACCESSIBILITY": "1" if accessible else "0",
            "NO_AT_BRIDGE": "1", "GSETTINGS_BACKEND": "memory", "QT_QPA_PLATFORM": "xcb",
        }
        self.wayland = wayland
        if wayland:
            self.environment |= {"QT_QPA_PLATFORM": "wayland", "WAYLAND_DISPLAY": "wayland-of-test",
                                 "XDG_SESSION_TYPE": "wayland"}
        self.dark_windows = dark_windows
        if dark_windows:
            self.environment |= {"XDG_CURRENT_DESKTOP": "KDE", "KDE_FULL_SESSION": "true", "KDE_SESSION_VERSION": "5"}
        if accessible:
            self.environment["QT_LINUX_ACCESSIBILITY_ALWAYS_ON"] = "1"
        if system_bus:
            self.environment["DBUS_SYSTEM_BUS_ADDRESS"] = system_bus

    def __enter__(self):
        try:
            self.make_home()
            if self.wayland:
                self.start_compositor()
            else:
                self.start_x()
            self.start_bus()
            self.start_notifications()
            if self.with_panel:
                self.start_panel()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    # Parts

    def make_home(self):
        configuration = self.home / "config/xfce4/xfconf/xfce-perchannel-xml"
        services = self.home / ".local/share/dbus-1/services"
        for folder in (configuration, services, self.home / "run", self.home / "bin", self.home / "config/dunst"):
            folder.mkdir(parents=True)
        (configuration / "xfce4-panel.xml").write_text(PANEL.format(dark=str(self.dark).lower()))
        (self.home / "config/dunst/dunstrc").write_text(DUNST)
        for portal in PORTALS:
            (services / f"{portal}.service").write_text(NO_PORTAL.format(portal))
        if self.dark_windows:
            (self.home / "config/kdeglobals").write_text(DARK_COLOURS)
        if self.with_portal:
            (services / "org.freedesktop.portal.Desktop.service").unlink()
        (self.home / "bin/xdg-open").write_text(XDG_OPEN)
        (self.home / "bin/xdg-open").chmod(0o755)
        harness.run(["chown", "-R", f"{self.person[0]}:{self.person[0]}", self.home])
        (self.home / "run").chmod(0o700)

    def spawn(self, *command, environment=None, **options):
        """Starts it as the person, in a process group of its own, so that its children end with it."""
        with open(self.home.parent / "desktop.log", "ab") as log:
            options.setdefault("stdout", log)
            process = subprocess.Popen(
                [str(word) for word in command], user=self.person[0], group=self.person[0],
                extra_groups=[], stdin=subprocess.DEVNULL, stderr=log, start_new_session=True,
                env={**self.environment, **(environment or {})}, cwd="/", **options)
        self.processes.append(process)
        return process

    def run(self, *command, allowed=(0,), timeout=30):
        done = subprocess.run([str(word) for word in command], user=self.person[0], group=self.person[0],
                              extra_groups=[], env=self.environment, stdout=subprocess.PIPE, cwd="/",
                              stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False)
        assert allowed is None or done.returncode in allowed, f"{command}: {done.stdout}"
        return done.stdout

    def start_x(self):
        # The X server must not make it: it would own it.
        os.makedirs("/tmp/.X11-unix", exist_ok=True)
        os.chmod("/tmp/.X11-unix", 0o1777)
        read, write = os.pipe()
        self.spawn("Xvfb", "-displayfd", write, "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset",
                   pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        assert number, "Xvfb did not start"
        self.environment["DISPLAY"] = f":{number}"

    def start_compositor(self):
        width, height, _ = SCREEN.split("x")
        self.spawn("weston", "--backend=headless-backend.so", "--use-pixman", f"--width={width}", f"--height={height}",
                   "--socket=wayland-of-test", "--idle-time=0", "--no-config", "--debug")
        harness.wait_until((self.home / "run/wayland-of-test").exists, DEADLINE, f"the compositor\n{self.log()}")

    def start_bus(self):
        bus = self.spawn("dbus-daemon", "--session", "--nofork", "--print-address=1",
                         stdout=subprocess.PIPE, text=True)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        assert self.environment["DBUS_SESSION_BUS_ADDRESS"], "the session bus did not start"
        bus.stdout.close()

    def start_notifications(self):
        if self.with_dunst:
            self.spawn("dunst", "-conf", self.home / "config/dunst/dunstrc")
        else:
            self.spawn(PYTHON, "-m", "dbusmock", "--session", "--template", "notification_daemon",
                       "--parameters", '{"capabilities": "body body-markup actions"}')
        self.wait_for_name("org.freedesktop.Notifications")

    def start_panel(self):
        panel = self.spawn("xfce4-panel", "--disable-wm-check")
        self.wait_for_name("org.kde.StatusNotifierWatcher")
        return panel

    def start_portal(self):
        return Portal(self)

    def stop(self, process):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.processes.remove(process)

    def has_name(self, name):
        return self.session_call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner", f"('{name}',)")[0]

    def wait_for_name(self, name):
        harness.wait_until(lambda: self.has_name(name), DEADLINE, f"{name} on the session bus")

    # The tray

    def start_tray(self, *options, environment=None):
        """Runs a copy in a place that the person can read, wherever the tree was built."""
        program = self.home.parent / "airlock-tray"
        if not program.exists():
            harness.run(["cp", harness.built("ui/airlock-tray"), program])
            program.chmod(0o755)
        self.tray = self.spawn(program, *options, environment=environment)
        return self.tray

    def session_call(self, name, path, interface, method, arguments="()"):
        """As the person, on a connection that stays open, to keep polling cheap."""
        if self.bus is None:
            # The bus admits only its owner.
            os.seteuid(self.person[0])
            try:
                self.bus = caller.connect(self.environment["DBUS_SESSION_BUS_ADDRESS"])
            finally:
                os.seteuid(0)
        return self.bus.call_sync(name, path, interface, method, GLib.Variant.parse(None, arguments, None, None),
                                  None, 0, 5000, None).unpack()

    def items(self):
        """Tray icons: bus name and path."""
        try:
            return self.session_call("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher", PROPERTIES, "Get",
                                     "('org.kde.StatusNotifierWatcher', 'RegisteredStatusNotifierItems')")[0]
        except GLib.Error:
            return []

    def wait_for_icon(self):
        return harness.wait_until(self.items, DEADLINE, f"the tray icon\n{self.log()[-2000:]}")[0]

    def tooltip(self):
        name, _, path = self.wait_for_icon().partition("/")
        return self.session_call(name, "/" + path, PROPERTIES, "Get", "('org.kde.StatusNotifierItem', 'ToolTip')")[0][2]

    def wait_for_tooltip(self, text):
        harness.wait_until(lambda: text in self.tooltip(), DEADLINE, f"the tooltip to say {text!r}; {self.tooltip()}")

    # The person's view and actions

    def probe(self, *question, timeout=60):
        """Asks the accessibility tree; see a11y.py."""
        return json.loads(self.run(PYTHON, HERE / "a11y.py", *question, timeout=timeout))

    def shows(self, *words):
        """Whether one control on the screen has a name with all the words in it."""
        return any(all(word in entry["name"] + entry["text"] for word in words)
                   for entry in self.probe("tree"))

    def wait_until(self, condition, what, deadline=DEADLINE):
        """If the condition stays false, the failure shows the contents of the window."""
        try:
            return harness.wait_until(condition, deadline, what)
        except harness.HarnessError as error:
            shown = [entry["name"] or entry["text"] for entry in self.probe("tree")]
            raise harness.HarnessError(f"{error}; the window shows {[text for text in shown if text]}") from None

    def wait_to_show(self, *words):
        self.wait_until(lambda: self.shows(*words), f"the window to show {words}")

    def press(self, name):
        """Presses the button with that action, like a screen reader."""
        self.wait_until(lambda: self.probe("press", name), f"the button {name}")

    def keys(self, *keys):
        """Types. There is no window manager to give the window the keyboard."""
        windows = self.run("xdotool", "search", "--onlyvisible", "--name", "Airlock").split()
        self.run("xdotool", "windowfocus", windows[-1], "key", "--delay", "30", *keys)

    def go_round(self):
        """The controls reached with the Tab key."""
        self.keys("Tab")
        return set(self.probe("round"))

    def go_to(self, name):
        self.keys("Tab")
        assert self.probe("goto", name), f"the Tab key does not get to {name}"

    def notifications(self):
        """The number of notifications shown."""
        return self.session_call("org.freedesktop.Notifications", "/org/freedesktop/Notifications", PROPERTIES,
                                 "Get", "('org.dunstproject.cmd0', 'displayedLength')")[0]

    def told(self):
        """The notifications that the mock was asked to show, oldest first."""
        calls = self.mock("GetMethodCalls", "('Notify',)")[0]
        return [dict(zip(("program", "replaces", "icon", "title", "text", "actions"), values))
                for _, values in calls]

    def choose(self, number, action):
        """Presses a button of that notification."""
        self.mock("EmitSignal", f"('{NOTIFICATIONS}', 'ActionInvoked', 'us', [<uint32 {number}>, <'{action}'>])")

    def mock(self, method, arguments):
        return self.session_call(NOTIFICATIONS, "/org/freedesktop/Notifications", "org.freedesktop.DBus.Mock", method,
                                 arguments)

    def choose_in_menu(self, *labels):
        """Goes down the menu of the icon, like a panel."""
        name, _, path = self.wait_for_icon().partition("/")
        menu = self.session_call(name, "/" + path, PROPERTIES, "Get", "('org.kde.StatusNotifierItem', 'Menu')")[0]
        entry = self.session_call(name, menu, DBUSMENU, "GetLayout", "(0, -1, @as [])")[1]
        for label in labels:
            entry = next((child for child in entry[2]
                          if child[1].get("label", "").replace("_", "").startswith(label)), None)
            if entry is None:
                return False
        self.session_call(name, menu, DBUSMENU, "Event", f"({entry[0]}, 'clicked', <''>, uint32 0)")
        return True

    def screenshot(self, name):
        folder = pathlib.Path(os.environ["AIRLOCK_BUILD"]) / "screenshots"
        folder.mkdir(exist_ok=True)
        if self.wayland:
            return self.screenshot_of_compositor(folder / f"{name}.png")
        done = subprocess.run(["import", "-silent", "-window", "root", str(folder / f"{name}.png")],
                              env={**os.environ, "DISPLAY": self.environment["DISPLAY"]}, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, done.stdout
        return folder / f"{name}.png"

    def screenshot_of_compositor(self, target):
        """The program does not print the file name, and writes into its folder."""
        self.run("sh", "-c", 'cd "$HOME" && weston-screenshooter')
        [taken] = self.home.glob("wayland-screenshot-*.png")
        shutil.move(taken, target)
        return target

    def opened(self):
        path = self.home / "opened"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def log(self):
        return (self.home.parent / "desktop.log").read_text(errors="replace")
