# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole desktops on invisible screens: like Desktop, with the shell, the notifications and the settings of GNOME and of
KDE. Drawn by the processor, so slowly."""
import contextlib
import os
import pathlib
import shutil

import harness
from gi.repository import GLib
from desktop import PROPERTIES, SCREEN, Desktop

SOURCES = pathlib.Path(__file__).resolve().parents[3]
APPLICATION = "org.airlock1.Tray"
PATIENCE = 60
WIDTH, HEIGHT = SCREEN.split("x")[:2]


class Session(Desktop):
    """With its own settings and, since there is only one bus, everything on the session bus."""

    has_tray = True
    with_portal = True
    environment_of_the_session = {}

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, panel=self.has_tray, wayland=True, accessible=True, **options)
        self.environment |= {
            "GSETTINGS_BACKEND": "keyfile", "LIBGL_ALWAYS_SOFTWARE": "1", "QT_QPA_PLATFORM": "wayland;xcb",
            "XDG_CONFIG_DIRS": "/etc/xdg", "XDG_DATA_DIRS": "/usr/local/share:/usr/share",
            "XDG_CACHE_HOME": str(self.home / "cache"), "NO_AT_BRIDGE": "0"} | self.environment_of_the_session
        self.told_file = self.home.parent / "told"

    def make_home(self):
        super().make_home()
        self.install_the_tray()
        self.configure()
        harness.run(["chown", "-R", f"{self.person[0]}:{self.person[0]}", self.home])

    def install_the_tray(self):
        """Where the desktop finds programs, like a package. The desktop's own portals provide the colours."""
        data = self.home / ".local/share"
        icons = data / "icons/hicolor/scalable/apps"
        icons.mkdir(parents=True)
        (data / "applications").mkdir()
        shutil.rmtree(data / "dbus-1")
        shutil.copy(SOURCES / f"ui/icons/{APPLICATION}.svg", icons)
        program = self.home.parent / "airlock-tray"
        shutil.copy(harness.built("ui/airlock-tray"), program)
        program.chmod(0o755)
        entry = (SOURCES / f"ui/{APPLICATION}.desktop").read_text()
        (data / f"applications/{APPLICATION}.desktop").write_text(
            entry.replace("Exec=airlock-tray", f"Exec={program}"))

    def configure(self):
        """Settings of the desktop that must be there before it starts."""

    def start_compositor(self):
        super().start_bus()
        self.start_shell()
        self.environment["WAYLAND_DISPLAY"] = harness.wait_until(self.socket, PATIENCE, f"the compositor\n{self.log()}")
        # For the programs that the bus starts.
        shared = ", ".join(f"'{name}': '{self.environment[name]}'" for name in ("WAYLAND_DISPLAY", "XDG_CURRENT_DESKTOP"))
        self.session_call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "UpdateActivationEnvironment", f"({{{shared}}},)")

    def start_bus(self):
        with open(self.told_file, "wb") as told:
            self.spawn("dbus-monitor", "--session", "interface=org.freedesktop.Notifications,member=Notify,sender=org.airlock1.Tray", stdout=told)

    def start_notifications(self):
        harness.wait_until(lambda: self.has_name("org.freedesktop.Notifications"), PATIENCE,
                           f"somebody who shows notifications\n{self.log()}")

    def start_panel(self):
        harness.wait_until(lambda: self.has_name("org.kde.StatusNotifierWatcher"), PATIENCE, f"a tray\n{self.log()}")

    def socket(self):
        return next((path.name for path in (self.home / "run").glob("wayland-*") if path.suffix != ".lock"), None)

    def notified(self):
        """How often a program asked for a notification."""
        return self.told_file.read_text(errors="replace").count("member=Notify")

    def __exit__(self, *reason):
        super().__exit__(*reason)
        # Portals mount a filesystem, and remove it when they notice the end of the session.
        for place in harness.mount_targets():
            if place.startswith(str(self.home)):
                harness.run(["umount", "--lazy", place], allowed=(0, 32))

    def is_in_front(self):
        return any(entry["role"] == "frame" and entry["front"] for entry in self.probe("tree"))

    def claim(self, name):
        self.session_call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", f"('{name}', uint32 0)")


class Gnome(Session):
    environment_of_the_session = {"XDG_CURRENT_DESKTOP": "GNOME", "XDG_SESSION_DESKTOP": "gnome",
                                  "GNOME_SHELL_SESSION_MODE": "user"}
    has_tray = False
    extensions = "@as []"

    def configure(self):
        folder = self.home / "config/glib-2.0/settings"
        folder.mkdir(parents=True)
        (folder / "keyfile").write_text(
            f"[org/gnome/shell]\nenabled-extensions={self.extensions}\ndisable-user-extensions=false\n"
            "welcome-dialog-last-shown-version='99'\n[org/gnome/desktop/notifications]\nshow-banners=false\n"
            f"[org/gnome/desktop/interface]\ncolor-scheme='{'prefer-dark' if self.dark else 'default'}'\n"
            "toolkit-accessibility=true\n")

    def start_notifications(self):
        super().start_notifications()
        self.leave_overview()
        # The shell shows notifications of its own at its start, which would cover the tray's.
        self.run("gsettings", "set", "org.gnome.desktop.notifications", "show-banners", "true")

    def leave_overview(self):
        """The shell begins with the overview, and reports when it is there."""
        def overview(method, more=""):
            return self.session_call("org.gnome.Shell", "/org/gnome/Shell", PROPERTIES, method,
                                     f"('org.gnome.Shell', 'OverviewActive'{more})")
        harness.wait_until(lambda: overview("Get")[0], PATIENCE, "the overview")
        overview("Set", ", <false>")

    def start_shell(self):
        self.spawn("gnome-shell", "--headless", "--wayland", "--no-x11", "--virtual-monitor", f"{WIDTH}x{HEIGHT}")

    def ask_shell(self, *question):
        """The shell answers only names it knows, and learns a new name after a moment."""
        def answered():
            with contextlib.suppress(GLib.Error):
                return [self.session_call(*question)]
        return harness.wait_until(answered, PATIENCE, f"the shell to answer {question}")[0]

    def screenshot_of_compositor(self, target):
        self.claim("org.gnome.Screenshot")
        taken = self.home / "screen.png"
        self.ask_shell("org.gnome.Shell.Screenshot", "/org/gnome/Shell/Screenshot", "org.gnome.Shell.Screenshot",
                          "Screenshot", f"(false, false, '{taken}')")
        shutil.move(taken, target)
        return target


class GnomeWithTray(Gnome):
    has_tray = True
    extensions = "['ubuntu-appindicators@ubuntu.com']"


class Kde(Session):
    environment_of_the_session = {
        "XDG_CURRENT_DESKTOP": "KDE", "XDG_SESSION_DESKTOP": "KDE", "KDE_FULL_SESSION": "true", "KDE_SESSION_VERSION": "6",
        "XDG_MENU_PREFIX": "plasma-", "KWIN_WAYLAND_NO_PERMISSION_CHECKS": "1"}

    def start_shell(self):
        """In a window, so that screenshots work: without a graphics card the shell makes none itself."""
        self.start_x()
        display = self.environment.pop("DISPLAY")
        self.spawn("kwin_wayland", "--x11-display", display, "--no-lockscreen", "--width", WIDTH, "--height", HEIGHT)
        self.display = display

    def start_notifications(self):
        if self.dark:
            self.run("plasma-apply-colorscheme", "BreezeDark")
        self.spawn("kded6")
        self.spawn("plasmashell", "--no-respawn")
        super().start_notifications()

    def screenshot_of_compositor(self, target):
        harness.run(["import", "-silent", "-window", "root", target], env={**os.environ, "DISPLAY": self.display})
        return target

    def windows(self):
        """(application, title) from the search of the desktop, by the icon of the program."""
        found = self.session_call("org.kde.KWin", "/WindowsRunner", "org.kde.krunner1", "Match", "('Airlock',)")[0]
        return [(icon, title) for _, title, icon, *_ in found]
