// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

namespace airlock {

// The contract between the two ends of a sandbox: the launcher outside and the runtime inside a
// worker. Nothing here is trusted: a worker that was taken over can write any of these lines or
// exit with any of these codes, and only gains a wrong word in its own obituary.

// An empty, read-only directory tree that the launcher mounts into the worker's first root. The
// worker makes it its only root before it gets any descriptor.
inline constexpr const char* kEmptyRootPlace = "/.airlock-empty";

// The first and only descriptor of a new worker, besides 0, 1 and 2.
inline constexpr int kControlDescriptor = 3;

// A worker that runs a program of the distribution is born with one more: that program, by which
// it can be executed, and no more.
inline constexpr int kLentDescriptor = 4;

// Exit codes with a meaning. A worker is process 1 of its own process namespace, where a signal
// from inside without a handler is ignored, so abort() must end as an exit code.
inline constexpr int kExitAborted = 134;      // 128 + SIGABRT, as in shells
inline constexpr int kExitOutOfMemory = 135;  // operator new found no memory within the limit

// The last line on standard error before a forbidden system call ends the worker; a decimal
// number and a newline follow.
inline constexpr std::string_view kForbiddenCallLine = "airlock: forbidden system call ";

}  // namespace airlock
