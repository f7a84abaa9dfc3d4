// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

// The doors a worker closes behind itself, in this order, on its one and only thread:
//
//   enter_empty_root()   first thing in main: from here on there is no path and no privilege
//   confine(calls)       before the first byte of a medium: from here on only these system calls
//   outlive_starter()    once the mount exists, before the goodbye: the starter may go right after
//   it
//
// None of them can be undone. A failure of the first two must end the worker. README.md beside
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

// One argument of a system call compared with a constant; position counts from 0.
struct ArgumentTest {
  enum class Kind { kEqual, kNotEqual, kMaskedEqual };
  unsigned position = 0;
  Kind kind = Kind::kEqual;
  std::uint64_t value = 0;
  std::uint64_t mask = 0;
};
constexpr ArgumentTest argument_is(unsigned position, std::uint64_t value) {
  return {.position = position, .kind = ArgumentTest::Kind::kEqual, .value = value};
}
constexpr ArgumentTest argument_is_not(unsigned position, std::uint64_t value) {
  return {.position = position, .kind = ArgumentTest::Kind::kNotEqual, .value = value};
}
constexpr ArgumentTest argument_masked(unsigned position, std::uint64_t mask, std::uint64_t value) {
  return {
      .position = position, .kind = ArgumentTest::Kind::kMaskedEqual, .value = value, .mask = mask};
}
// What an ioctl asks for. The kernel looks at its lower half only, and some callers
// (libblkid 2.41.5) hand over an int that went negative.
constexpr ArgumentTest request_is(std::uint32_t request) {
  return argument_masked(1, 0xffff'ffff, request);
}

// What may be done with one system call: let it happen, or answer with an error as if the kernel
// had. Several rules for one call add up. A call without a rule ends the worker.
struct SyscallRule {
  const char* name = nullptr;
  int refuse_with = 0;             // an errno; 0 lets it happen
  std::vector<ArgumentTest> when;  // all of them; none means always
};

// The lines of a syscalls.inc; include it between the braces of an array of SyscallRule.
#define AIRLOCK_ALLOW(call) ::airlock::SyscallRule{#call, 0, {}},
#define AIRLOCK_ALLOW_IF(call, ...) ::airlock::SyscallRule{#call, 0, {__VA_ARGS__}},
#define AIRLOCK_REFUSE(call, error) ::airlock::SyscallRule{#call, error, {}},
#define AIRLOCK_REFUSE_IF(call, error, ...) ::airlock::SyscallRule{#call, error, {__VA_ARGS__}},

struct Confinement {
  int landlock_abi = 0;  // 0: this kernel has none, the empty root and seccomp stand alone
};

// Landlock that allows nothing, then the seccomp filter: what contained/runtime/syscalls.inc
// allows to everybody plus these. A call outside ends the whole process with SIGSYS, after a line
// on standard error that names it.
[[nodiscard]] Result<Confinement> confine(std::span<const SyscallRule> driver_calls);

}  // namespace airlock
