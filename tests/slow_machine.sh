#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs tests as if on a slow machine: with a quarter of one processor, shared with a program that does
# nothing but use it. No test may fail there that passes otherwise. Needs root, for a cgroup of its own.
#
#   tests/slow_machine.sh [-n TIMES] [-q PERCENT] [-l LOAD] TEST...
#
#   TEST     a test as `meson test --list` names it, or "suite:NAME" for all of a suite
#   -n       so many rounds, which must all pass (1)
#   -q       so much of one processor (25)
#   -l       so many programs that use it beside the tests (1)
#
# The build is the folder in AIRLOCK_BUILD, or build, with its tests built.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${AIRLOCK_BUILD:-$root/build}
times=1 percent=25 load=1
period=100000 # in microseconds: the kernel's own choice

die() { printf 'slow_machine: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '3,/^set/s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2; }

while getopts n:q:l: option; do
  case $option in
    n) times=$OPTARG ;;
    q) percent=$OPTARG ;;
    l) load=$OPTARG ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage
[ "$(id -u)" = 0 ] || die "needs root"
[ -f "$build/build.ninja" ] || die "$build is no build folder"

# The folder of the controller for processors, and which version of cgroups it is of.
find_controller() {
  while read -r _ place type options _; do
    case $type,$options in
      cgroup,*,cpu,* | cgroup,*,cpu) version=1 top=$place; return ;;
      cgroup2,*) if grep -qw cpu "$place/cgroup.controllers"; then version=2 top=$place; fi ;;
    esac
  done </proc/mounts
  [ -n "${top:-}" ] || die "no cgroup controller for processors"
}

# Where this shell is now, to go back there.
find_home() {
  case $version in
    1) home=$(sed -n 's/^[0-9]*:\([^:]*,\)\{0,1\}cpu\(,[^:]*\)\{0,1\}:\(.*\)/\3/p' /proc/self/cgroup) ;;
    2) home=$(sed -n 's/^0:://p' /proc/self/cgroup) ;;
  esac
  home=$top$home
  [ -d "$home" ] || home=$top
}

make_group() {
  group=$top/airlock-slow-$$
  enabled_by_us=
  if [ "$version" = 2 ] && ! grep -qw cpu "$top/cgroup.subtree_control"; then
    echo +cpu >"$top/cgroup.subtree_control"
    enabled_by_us=yes
  fi
  mkdir "$group"
  case $version in
    1) echo "$period" >"$group/cpu.cfs_period_us"
       echo $((percent * period / 100)) >"$group/cpu.cfs_quota_us"
       # A new group has no share of real time, and an attack of the tests asks for some.
       if [ -f "$group/cpu.rt_runtime_us" ]; then echo 10000 >"$group/cpu.rt_runtime_us" || true; fi ;;
    2) echo "$((percent * period / 100)) $period" >"$group/cpu.max" ;;
  esac
}

# Whatever happened, nothing of ours stays: everything in the group was started here.
leave() {
  trap - EXIT INT TERM
  [ -n "${group:-}" ] && [ -d "$group" ] || return 0
  echo $$ >"$home/cgroup.procs" || true
  tries=0
  until rmdir "$group" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { echo "slow_machine: still in use: $group" >&2; break; }
    signal=TERM
    [ $tries -lt 50 ] || signal=KILL
    xargs -r kill -s "$signal" <"$group/cgroup.procs" 2>/dev/null || true
    sleep 0.1
  done
  [ -z "$enabled_by_us" ] || echo -cpu >"$top/cgroup.subtree_control" || true
}

start_load() {
  count=0
  while [ $count -lt "$load" ]; do
    sh -c 'while :; do :; done' &
    count=$((count + 1))
  done
}

# In the background, so that a signal to this script is heard at once. The limit for a test that hangs
# grows with the machine's slowness.
meson_test() {
  meson test -C "$build" --no-rebuild --num-processes 1 --timeout-multiplier 20 --print-errorlogs \
    --logbase "slow_machine-$$" "$@" &
  wait $!
}

run_tests() {
  for test in "$@"; do
    shift
    case $test in
      suite:*)
        meson test -C "$build" --no-rebuild --list --suite "${test#suite:}" 2>/dev/null | grep -q ' / ' ||
          die "no test is in ${test#suite:}"
        meson_test --suite "${test#suite:}" || return 1 ;;
      *) set -- "$@" "$test" ;;
    esac
  done
  [ $# -eq 0 ] || meson_test "$@"
}

export AIRLOCK_PATIENCE="${AIRLOCK_PATIENCE:-5}"
export AIRLOCK_DRIVER_DIR="${AIRLOCK_DRIVER_DIR:-$build/contained}" # where the mount command finds them
find_controller
find_home
trap leave EXIT
trap 'leave; exit 130' INT TERM
make_group
echo $$ >"$group/cgroup.procs"
start_load
round=0
while [ $round -lt "$times" ]; do
  round=$((round + 1))
  echo "==> round $round of $times: $percent% of a processor, shared with $load busy programs"
  run_tests "$@" || die "round $round of $times failed"
done
echo "passed $times of $times rounds"
