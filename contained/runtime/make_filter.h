// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <linux/filter.h>

#include <span>
#include <vector>

#include "contained/runtime/syscall_rules.h"
#include "lib/base/error.h"

namespace airlock {

// Only for the build and for tests: a worker has its filter ready inside, so that none has to make
// one, or load what makes one, while somebody waits for a mount.

// What contained/runtime/syscalls.inc allows to everybody plus these calls.
[[nodiscard]] Result<std::vector<sock_filter>> make_filter(
    std::span<const SyscallRule> worker_calls);

// Takes these calls away from whoever has a filter already, and leaves the others to that one.
[[nodiscard]] Result<std::vector<sock_filter>> make_narrowing_filter(
    std::span<const SyscallRule> ended_calls);

// A filter on standard output, as the elements of an array. Returns the program's exit code.
int write_filter(const Result<std::vector<sock_filter>>& filter);

}  // namespace airlock
