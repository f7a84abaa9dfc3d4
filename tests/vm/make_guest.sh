#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest of tests/vm: a Debian 13 with systemd, udev, polkit and udisks in build-debian/vm/root,
# and this project, built in it and installed by `meson install`, in build-debian/vm/installed. At boot
# one is laid over the other, so the root stays as Debian made it.
#   tests/vm/make_guest.sh [--fresh]     --fresh makes the root anew
# Compiled objects stay in $CCACHE_DIR, or in build-debian/ccache.
set -eu
cd "$(dirname "$0")/../.."
source=$PWD
place=$source/build-debian/vm
root=$place/root
cache=${CCACHE_DIR:-$source/build-debian/ccache}
export LC_ALL=C.UTF-8

system='systemd,systemd-sysv,libpam-systemd,udev,dbus,polkitd,udisks2,util-linux,mount,kmod,procps,python3'
media='fuse3,e2fsprogs,dosfstools,exfatprogs,btrfs-progs,cryptsetup-bin'
# For usb/, which boots it with a kernel of its own and logs a user in.
machine='linux-image-amd64,initramfs-tools,zstd,login,dbus-user-session,libglib2.0-bin,gvfs'
building='meson,ninja-build,pkg-config,g++,ccache,libfuse3-dev,libext2fs-dev,comerr-dev,libfmt-dev,libseccomp-dev
  linux-libc-dev,python3-docutils,libsystemd-dev,libudev-dev,libblkid-dev,libtomlplusplus-dev
  libsdbus-c++-dev,libsdbus-c++-bin,libacl1-dev,libdeflate-dev,liblz4-dev,liblzma-dev,liblzo2-dev,libzstd-dev'

[ "${1:-}" != --fresh ] || rm -rf --one-file-system "$place"
tests/vm/make_root.sh "$place" trixie "$system,$media,$machine,$building"

echo "==> building in it"
mkdir -p "$place/build" "$cache"
rm -rf "$place/installed"
mkdir -p "$place/installed"
# In a mount namespace of its own, so that nothing is left, however this ends.
unshare --mount --propagation private sh -eu -c '
  mkdir -p "$1/source" "$1/build" "$1/installed" "$1/ccache"
  mount --rbind /dev "$1/dev"
  mount -t proc proc "$1/proc"
  mount --bind "$0" "$1/source"
  mount --bind "$2/build" "$1/build"
  mount --bind "$2/installed" "$1/installed"
  mount --bind "$4" "$1/ccache"
  exec chroot "$1" /usr/bin/env -i HOME=/root CCACHE_DIR=/ccache CXX="ccache g++" LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    JOBS="$3" sh -eu -c "
    [ -f /build/build.ninja ] || meson setup /build /source --prefix=/usr --sysconfdir=/etc \
      --localstatedir=/var --libexecdir=libexec -Dtests=false -Dtray=disabled
    ninja \${JOBS:+-j \$JOBS} -C /build
    ninja -C /build tests/integration/oprunner/oprunner
    DESTDIR=/installed meson install -C /build --no-rebuild --quiet
    install -D /build/tests/integration/oprunner/oprunner /installed/usr/local/bin/oprunner"
' "$source" "$root" "$place" "${AIRLOCK_JOBS:-}" "$cache" >"$place/build.log" 2>&1 ||
  { tail -60 "$place/build.log"; exit 1; }
