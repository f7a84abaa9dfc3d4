// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <seccomp.h>

#include <cstdint>
#include <span>

#include "contained/runtime/syscall_rules.h"
#include "lib/base/c_ptr.h"
#include "lib/base/error.h"

namespace airlock {

// Rules in libseccomp's words, for those who make a filter: the build for the workers,
// airlock-check for the process that becomes a checker.

using FilterHandle = CPtr<void, seccomp_release>;

// The action is what becomes of the call, whatever the rule says of refusing it. A call that this
// processor does without needs no rule.
Result<void> add_rule(const FilterHandle& filter, std::uint32_t action, const SyscallRule& rule);

// Each allows or refuses, as it says.
Result<void> add_rules(const FilterHandle& filter, std::span<const SyscallRule> rules);

}  // namespace airlock
