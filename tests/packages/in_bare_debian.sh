#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# In a Debian without systemd, polkit and udev: the packages can be installed, their programs start,
# and purging them leaves nothing of theirs. Afterwards it becomes a Debian that can be booted.
set -eux
export DEBIAN_FRONTEND=noninteractive
ours='airlock airlock-driver-adapter airlock-driver-ext airlock-driver-fat airlock-driver-iso airlock-driver-squashfs airlock-driver-udf airlock-tray'

apt-get install -y /packages/*.deb
airlockctl --version
/usr/libexec/airlock/airlockd --version
mount.airlock --version
QT_QPA_PLATFORM=offscreen airlock-tray --version
for program in airlock-probe airlock-check airlock-ext airlock-fat airlock-iso airlock-udf; do
  ! ldd "/usr/libexec/airlock/$program" | grep 'not found'
done
# shellcheck disable=SC2086
dpkg --purge $ours
left=$(find / -xdev -path /packages -prune -o -path /proc -prune -o -name '*airlock*' -print)
[ -z "$left" ]

apt-get install -y systemd systemd-sysv libpam-systemd udev dbus polkitd mount e2fsprogs dosfstools
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
  e2scrub_all.timer e2scrub_reap.service systemd-firstboot.service
useradd -m -s /bin/bash user
echo machine >/etc/hostname
: >/etc/machine-id
: >/etc/fstab
