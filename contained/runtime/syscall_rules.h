// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <vector>

namespace airlock {

// Stands for the worker's own process id, which is known when the filter is installed. Larger than
// any process id can be.
inline constexpr std::uint32_t kThisProcess = 0x6c69'7665;

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

}  // namespace airlock
