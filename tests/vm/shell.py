# SPDX-License-Identifier: GPL-2.0-or-later
"""./dev vm shell: a root shell in a guest; `su - user` is the person who may mount."""
import pathlib
import subprocess
import tempfile

from container import Container


def main():
    with tempfile.TemporaryDirectory(prefix="airlock-vm-") as name:
        folder = pathlib.Path(name)
        with Container(folder) as guest:
            for kind, command in (("ext4", ["mkfs.ext4", "-q", "-F", "-L", "STICK"]),
                                  ("vfat", ["mkfs.vfat", "-n", "CAMERA"])):
                image = folder / kind
                subprocess.run(["truncate", "-s", "64M", image], check=True)
                subprocess.run([*command, image], check=True, stdout=subprocess.DEVNULL)
                print(f"{guest.plug(image)} holds {kind}: udisksctl mount -b DEVICE, airlockctl list, ...")
            print("leave with exit")
            subprocess.run([*guest.argv("exec bash -i")], check=False)


if __name__ == "__main__":
    main()
