#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the Debian packages of the sources in FILE.tar, checks them, and puts them into FOLDER. Runs
# as root in the Debian they are for, and installs there what building them takes.
#   tests/packages/build.sh FILE.tar FOLDER
set -eu
sources=$1
target=$2
place=${AIRLOCK_BUILD:-/build/main}-package
export DEBIAN_FRONTEND=noninteractive
export DEB_BUILD_OPTIONS="noautodbgsym parallel=${AIRLOCK_JOBS:-$(nproc)}"

rm -rf "$place"
mkdir -p "$place/airlock" "$target"
tar -C "$place/airlock" -xf "$sources"
cd "$place/airlock"

echo '==> what building takes'
install_what_it_takes() {
  apt-get install -y --no-install-recommends dpkg-dev fakeroot lintian ccache &&
    apt-get build-dep -y --no-install-recommends ./
}
{ install_what_it_takes || { apt-get update && install_what_it_takes; }; } >"$place/apt.log" 2>&1 ||
  { tail -20 "$place/apt.log"; exit 1; }

echo '==> building the packages'
dpkg-buildpackage -us -uc >"$place/build.log" 2>&1 || { tail -60 "$place/build.log"; exit 1; }

echo '==> lintian'
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$place"/airlock_*.changes

rm -f "$target"/airlock*
cp "$place"/airlock[_-]* "$target"
ls -sh "$target"
