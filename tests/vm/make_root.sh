#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A Debian to boot, as a container or with its kernel, in PLACE/root, and a description of its ingredients in PLACE/ready.
# Does nothing while that stays the same.
#   tests/vm/make_root.sh PLACE SUITE PACKAGES
set -eu
place=$1 suite=$2
packages=$(echo "$3" | tr -s ' \n' ',')
root=$place/root
unwanted='apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer
  e2scrub_reap.service systemd-firstboot.service'
unwanted=$(echo "$unwanted" | tr -s ' \n' ' ')
export LC_ALL=C.UTF-8

made_of="$suite $packages $(sha256sum <"$0")"
[ "$made_of" != "$(cat "$place/ready" 2>/dev/null)" ] || exit 0

echo "==> making a Debian ($suite) to boot in $root"
rm -rf --one-file-system "$root" "$place/ready"
mkdir -p "$place"
# Without documents, and without kernel drivers for hardware that the machine lacks. The initrd has the drivers for the
# root, and none for sticks.
# shellcheck disable=SC2016
unshare --mount --propagation private mmdebstrap --quiet --mode=root --variant=minbase --format=directory --include="$packages" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=*/kernel/sound/*' --dpkgopt='path-exclude=*/kernel/drivers/gpu/*' \
  --dpkgopt='path-exclude=*/kernel/drivers/net/*' --dpkgopt='path-exclude=*/kernel/drivers/media/*' \
  --dpkgopt='path-exclude=*/kernel/drivers/infiniband/*' --dpkgopt='path-exclude=*/kernel/drivers/iio/*' \
  --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
  --essential-hook='printf "MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=3\n" >"$1/etc/initramfs-tools/conf.d/small"' \
  --essential-hook='printf "%s\n" virtio_pci virtio_blk ext4 >"$1/etc/initramfs-tools/modules"' \
  --customize-hook="chroot \"\$1\" systemctl -q mask $unwanted" \
  --customize-hook='chroot "$1" useradd -m -s /bin/bash user; chroot "$1" useradd -m -s /bin/bash other' \
  --customize-hook='echo guest >"$1/etc/hostname"; : >"$1/etc/machine-id"; : >"$1/etc/fstab"' \
  "$suite" "$root" >"$place/mmdebstrap.log" 2>&1 || { tail -30 "$place/mmdebstrap.log"; exit 1; }
echo "$made_of" >"$place/ready"
