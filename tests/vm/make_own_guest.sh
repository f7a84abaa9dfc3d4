#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A guest for ./dev test: the release that runs here, with systemd, udev, polkit and udisks, and what is built
# already, as `meson install` leaves it. No second build, so a minute does it.
#   tests/vm/make_own_guest.sh BUILD PLACE
set -eu
build=$1
mkdir -p "$2"
place=$(realpath "$2")
root=$place/root
export LC_ALL=C.UTF-8

system='systemd,systemd-sysv,libpam-systemd,udev,dbus,polkitd,udisks2,util-linux,mount,procps,python3'
media='fuse3,e2fsprogs,dosfstools'
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
unwanted='apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer
  e2scrub_reap.service systemd-firstboot.service'
unwanted=$(echo "$unwanted" | tr -s ' \n' ' ')

rm -rf "$place/installed"
DESTDIR=$place/installed meson install -C "$build" --no-rebuild --quiet >"$place/install.log" 2>&1 ||
  { tail -30 "$place/install.log"; exit 1; }

# The packages of the libraries its programs are linked with, under the names they have in this release.
libraries=$(find "$place/installed" -type f -perm -100 ! -name airlock-tray -exec ldd {} + 2>/dev/null |
  sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u | xargs realpath | xargs -n1 basename | sort -u |
  while read -r library; do dpkg -S "*-linux-gnu/$library"; done | cut -d: -f1 | sort -u | paste -sd, -)
packages="$system,$media,$libraries"

if [ "$release $packages" != "$(cat "$place/ready" 2>/dev/null)" ]; then
  rm -rf --one-file-system "$root"
  # shellcheck disable=SC2016
  unshare --mount --propagation private mmdebstrap --quiet --mode=root --variant=minbase --format=directory --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
    --customize-hook="chroot \"\$1\" systemctl -q mask $unwanted" \
    --customize-hook='chroot "$1" useradd -m -s /bin/bash user; chroot "$1" useradd -m -s /bin/bash other' \
    --customize-hook='echo guest >"$1/etc/hostname"; : >"$1/etc/machine-id"; : >"$1/etc/fstab"' \
    "$release" "$root" >"$place/mmdebstrap.log" 2>&1 || { tail -30 "$place/mmdebstrap.log"; exit 1; }
  echo "$release $packages" >"$place/ready"
fi
