#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The disk of the machine that sticks are plugged into: the output of ../make_guest.sh or ../make_own_guest.sh in PLACE,
# with the files of guest/ on top and the drivers' sockets enabled like by the packages, in PLACE/usb. Does nothing while
# these stay the same.
#   tests/vm/usb/make_image.sh PLACE
set -eu
vm=$(realpath "$1")
cd "$(dirname "$0")"
here=$PWD
place=$vm/usb

made_of=$({ cat "$vm/ready" "$here/make_image.sh"
  cd "$here/guest" && find . -type f | sort | xargs sha256sum
  cd "$vm/installed" && find . -type f | sort | xargs sha256sum; } | sha256sum)
[ ! -e "$place/ready" ] || [ "$made_of" != "$(cat "$place/ready")" ] || exit 0

echo "==> making the machine's disk"
rm -rf --one-file-system "$place"
mkdir -p "$place/layers"
cp -L "$vm"/root/boot/vmlinuz-* "$place/vmlinuz"
cp -L "$vm"/root/boot/initrd.img-* "$place/initrd"
# In a mount namespace of its own, so that nothing is left, however this ends. Leaves out files for building or debugging
# only, and files that are not on a running machine's disk.
unshare --mount --propagation private sh -eu -c '
  mount -t tmpfs -o mode=755 none "$0"
  mkdir -p "$0/upper" "$0/work" "$0/root"
  cp -r "$2/." "$0/upper/"
  chmod -R u=rwX,go=rX "$0/upper"
  mount -t overlay overlay -o "lowerdir=$1/installed:$1/root,upperdir=$0/upper,workdir=$0/work" "$0/root"
  cd "$0/root"
  for unit in usr/lib/systemd/system/airlock-*.socket; do
    chroot . systemctl -q enable "${unit##*/}"
  done
  find usr/sbin usr/bin usr/libexec/airlock -type f -name "*airlock*" -exec strip --strip-debug {} +
  rm -rf usr/lib/gcc usr/include usr/libexec/gcc usr/share/meson var/lib/apt var/cache boot/* source build installed ccache
  mkfs.ext4 -q -L machine -O ^has_journal -E root_owner=0:0 -m 0 -d . "$3/root.ext4" 3G
' "$place/layers" "$vm" "$here/guest" "$place" >"$place/log" 2>&1 || { tail -20 "$place/log"; exit 1; }
echo "$made_of" >"$place/ready"
