#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ./dev debian SUITE: these sources in a Debian of their own that is as small as Debian gets, as a new
# user's machine does. The tree is kept under build-debian/SUITE and shares this machine's kernel,
# so mounts are real.
#   tests/debian.sh [--fresh] SUITE             ./dev run and ./dev test, installing what they need
#   tests/debian.sh [--fresh] SUITE COMMAND…    runs the command in it, in the sources
# --fresh makes the tree anew; AIRLOCK_DEBIAN_TREE is another name for it than SUITE. What was compiled stays in $CCACHE_DIR,
# or in build-debian/ccache.
set -eu
cd "$(dirname "$0")/.."
source=$PWD
fresh=
[ "${1:-}" != --fresh ] || { fresh=yes; shift; }
suite=${1:-}
case $suite in bookworm | trixie) shift ;; *) echo "debian.sh: say bookworm or trixie" >&2; exit 2 ;; esac
place=$source/build-debian/${AIRLOCK_DEBIAN_TREE:-$suite}
cache=${CCACHE_DIR:-$source/build-debian/ccache}
tree=$place/tree

if [ -n "$fresh" ] || [ ! -e "$place/ready" ]; then
  echo "==> making a bare Debian ($suite) in $tree"
  rm -rf "$place"
  mkdir -p "$place"
  mmdebstrap --variant=minbase --include=ca-certificates "$suite" "$tree" \
    >"$place/mmdebstrap.log" 2>&1 || { tail -30 "$place/mmdebstrap.log"; exit 1; }
  touch "$place/ready"
fi

# In a mount namespace of its own, so that nothing stays behind however this ends.
[ -n "${AIRLOCK_DEBIAN_INSIDE:-}" ] ||
  AIRLOCK_DEBIAN_INSIDE=yes exec unshare --mount --propagation private "$0" "$suite" "$@"
mount --bind "$tree" "$tree"
mkdir -p "$tree/source" "$tree/build" "$tree/ccache" "$tree/outside" "$place/build" "$cache"
mount --rbind /dev "$tree/dev"
mount --bind /proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount -t tmpfs none "$tree/tmp"
mount -t tmpfs none "$tree/run"
mount --bind "$source" "$tree/source"
mount --bind "$place/build" "$tree/build"
mount --bind "$cache" "$tree/ccache"
cp --dereference /etc/resolv.conf "$tree/etc/resolv.conf"
# A real root and not a chroot: the kernel makes no user namespace for a process in a chroot.
cd "$tree"
pivot_root . outside
umount -l /outside

inside() { cd /source && exec /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 CI="${CI:-}" TMPDIR=/tmp \
  PATH=/usr/sbin:/usr/bin:/sbin:/bin CCACHE_DIR=/ccache AIRLOCK_BUILD=/build/main \
  AIRLOCK_SANITIZED_BUILD=/build/sanitized AIRLOCK_NO_GUEST=yes "$@"; }

if [ $# -gt 0 ]; then inside "$@"; fi
inside sh -c './dev run && exec ./dev test'
