#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs a test in a mount namespace of its own. Tests run beside each other, and each sandbox that is set up
# copies all mounts it sees for a moment: a copy of another test's mount would keep that mounted.
[ "$(id -u)" = 0 ] || exec "$@"
exec unshare --mount --propagation private -- "$@"
