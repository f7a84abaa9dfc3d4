#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the packages in FOLDER in a bare Debian 13, takes them away again, and leaves that Debian,
# with what they depend on and with systemd, in PLACE/root for the tests of this folder to boot.
#   tests/packages/make_machine.sh FOLDER PLACE
# Nothing is done while it is there and the packages still depend on the same.
set -eu
packages=$(realpath "$1")
place=$2

wanted=$(for package in "$packages"/*.deb; do dpkg-deb --field "$package" Package Depends Recommends; done)
[ ! -e "$place/wanted" ] || [ "$wanted" != "$(cat "$place/wanted")" ] || exit 0

echo "==> installing the packages in a bare Debian"
rm -rf --one-file-system "$place"
mkdir -p "$place"
# In a mount namespace of its own, so that nothing stays behind however this ends.
unshare --mount --propagation private mmdebstrap --mode=root --variant=minbase \
  --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
  --customize-hook="mkdir \"\$1/packages\"; cp '$packages'/*.deb \"\$1/packages\"" \
  --customize-hook='cp tests/packages/in_bare_debian.sh "$1/packages"' \
  --customize-hook='chroot "$1" sh /packages/in_bare_debian.sh; rm -r "$1/packages"' \
  trixie "$place/root" >"$place/mmdebstrap.log" 2>&1 || { tail -40 "$place/mmdebstrap.log"; exit 1; }
printf '%s\n' "$wanted" >"$place/wanted"
