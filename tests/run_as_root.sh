#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs a test that needs root; says "skipped" (77) where that cannot be.
[ "$(id -u)" = 0 ] || { echo "skipped: needs root" >&2; exit 77; }
exec "$(dirname "$0")/own_mounts.sh" "$@"
