#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest for ./dev test: this machine's own release, with systemd, udev, polkit, udisks and a kernel, and the existing
# build, installed by `meson install`. Without a second build it takes a minute.
#   tests/vm/make_own_guest.sh BUILD PLACE
set -eu
build=$1
mkdir -p "$2"
place=$(realpath "$2")
export LC_ALL=C.UTF-8

system='systemd,systemd-sysv,libpam-systemd,udev,dbus,polkitd,udisks2,util-linux,mount,procps,python3'
media='fuse3,e2fsprogs,dosfstools,exfatprogs'
# For usb/, which boots it with a kernel of its own and logs a user in.
machine='linux-image-amd64,initramfs-tools,zstd,kmod,login,dbus-user-session'
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

rm -rf "$place/installed"
DESTDIR=$place/installed meson install -C "$build" --no-rebuild --quiet >"$place/install.log" 2>&1 ||
  { tail -30 "$place/install.log"; exit 1; }

# The packages of the libraries its programs are linked with, by their names in this release.
libraries=$(find "$place/installed" -type f -perm -100 ! -name airlock-tray -exec ldd {} + 2>/dev/null |
  sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u | xargs realpath | xargs -n1 basename | sort -u |
  while read -r library; do dpkg -S "*-linux-gnu/$library"; done | cut -d: -f1 | sort -u | paste -sd, -)
"$(dirname "$0")/make_root.sh" "$place" "$release" "$system,$media,$machine,$libraries"
