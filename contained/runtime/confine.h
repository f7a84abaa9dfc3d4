// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/filter.h>

#include <span>

#include "lib/base/error.h"

namespace airlock {

// The doors a worker closes behind itself, in this order, on its one and only thread:
//
//   enter_empty_root()   first thing in main: from here on there is no path and no privilege
//   confine(filter)      before the first byte of a medium: from here on only these system calls
//   outlive_starter()    once the mount exists, before the goodbye: the starter may go right after
//   it
//   serve_only()         after the goodbye: from here on there is nobody to talk to but the kernel
//
// None of them can be undone. A failure of any that can fail must end the worker. README.md beside
// this file tells what each does and how a new driver gets its list of calls.

enum class RootState {
  kEmpty,    // the launcher's libraries are gone, an empty read-only directory is all there is
  kAsGiven,  // started by something else, a systemd unit say, which gave us its own root
};

// Loads what the C library would otherwise load later, leaves the root with the libraries, drops
// all capabilities from all sets for good, makes the process non-dumpable, ignores SIGPIPE, and
// makes abort() and running out of memory end the process so that the starter can tell.
[[nodiscard]] Result<RootState> enter_empty_root();

// The same for a worker that runs a program of the distribution: it keeps the launcher's read-only
// libraries, which that program needs, and gives up everything else.
[[nodiscard]] Result<void> stay_with_libraries();

// No longer dies with whoever started it.
void outlive_starter();

struct Confinement {
  int landlock_abi = 0;  // 0: this kernel has none, the empty root and seccomp stand alone
};

// What write_filter() made of contained/runtime/syscalls.inc and a driver's own list.
using Filter = std::span<const sock_filter>;

// Landlock that allows nothing, then the filter. A call it does not know ends the whole process
// with SIGSYS, after a line on standard error that names it.
[[nodiscard]] Result<Confinement> confine(Filter filter);

// Takes the calls of syscalls_until_goodbye.inc away, from all threads.
[[nodiscard]] Result<void> serve_only();
// The filter alone, for a worker that stays with the libraries and answers a program that is not in
// its own Landlock domain: it could not read what that asks for, nor signal it.
[[nodiscard]] Result<void> confine_to_calls(Filter filter);

}  // namespace airlock
