# SPDX-License-Identifier: GPL-2.0-or-later
"""An invisible sway, with waybar as the tray: like Desktop, on a tiling Wayland desktop."""
import json
import shutil

import harness
from desktop import DEADLINE, SCREEN, Desktop

WIDTH, HEIGHT = SCREEN.split("x")[:2]
BAR_HEIGHT = 32

CONFIGURATION = f"""output HEADLESS-1 resolution {WIDTH}x{HEIGHT}
xwayland disable
focus_on_window_activation focus
"""

BAR = {"layer": "top", "position": "bottom", "height": BAR_HEIGHT, "modules-right": ["tray"],
       "tray": {"icon-size": 22}}


class Sway(Desktop):
    with_portal = True  # newer versions of waybar need it to start

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, wayland=True, **options)
        self.environment |= {"XDG_CURRENT_DESKTOP": "sway", "WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman",
                             "WLR_LIBINPUT_NO_DEVICES": "1", "SWAYSOCK": str(self.home / "run/sway")}

    def make_home(self):
        super().make_home()
        for name, text in (("sway", CONFIGURATION), ("bar", json.dumps(BAR))):
            (self.home / name).write_text(text)

    def start_compositor(self):
        # sway chooses the name of its socket itself.
        del self.environment["WAYLAND_DISPLAY"]
        self.spawn("sway", "--config", self.home / "sway")

        def started():
            return [path.name for path in (self.home / "run").glob("wayland-*") if path.suffix != ".lock"]
        [name] = harness.wait_until(started, DEADLINE, f"the compositor\n{self.log()}")
        self.environment["WAYLAND_DISPLAY"] = name

    def start_panel(self):
        panel = self.spawn("waybar", "--config", self.home / "bar", "--style", "/dev/null")
        self.wait_for_name("org.kde.StatusNotifierWatcher")
        return panel

    def ask(self, *words):
        return json.loads(self.run("swaymsg", "--raw", *words))

    def windows(self):
        """Every window as sway describes it."""
        def leaves(node):
            if node.get("app_id"):
                yield node
            for child in node["nodes"] + node["floating_nodes"]:
                yield from leaves(child)
        return list(leaves(self.ask("-t", "get_tree")))

    def screenshot_of_compositor(self, target):
        taken = self.home / "screen.png"
        self.run("grim", taken)
        shutil.move(taken, target)
        return target
