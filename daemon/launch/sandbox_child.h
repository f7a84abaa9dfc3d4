// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "daemon/launch/sandbox_spec.h"

namespace airlock {

// Code that runs between clone and exec, in a copy of a process that may have had other threads. So
// it allocates nothing, takes no lock, and calls the kernel directly where the C library would try
// to involve threads that do not exist here. It reports each failure by step and errno and never
// returns.

// The child's current step, for the message if it fails there.
enum class ChildStep : std::uint32_t {
  kReady,  // not a failure: everything is in place, and it waits for the last word
  kAwaitStarter,
  kResetProcess,
  kPlaceDescriptors,
  kLockPrivileges,
  kLimit,
  kTakeIdentity,
  kHideHost,
  kBuildRoot,
  kBindLibraries,
  kEnterRoot,
  kReduceCapabilities,
  kDieWithStarter,
  kExecute,
};

// For people, after "could not": "take its own user id".
std::string_view child_step_text(ChildStep step);

// Child to starter.
struct ChildReport {
  ChildStep step;
  std::int32_t error_number;
};
// Starter to child: first with the user id, then once more to say that it is still there.
struct StarterWord {
  uid_t user_id;
};
static_assert(std::is_trivially_copyable_v<ChildReport>);

// Everything the child needs, prepared before clone. The descriptors are the child's copies.
struct ChildPlan {
  int sync = -1;     // SEQPACKET to the starter
  int control = -1;  // becomes 3
  int log = -1;      // becomes 1 and 2
  int null = -1;     // becomes 0
  int program = -1;
  int lent = -1;  // becomes kLentDescriptor; -1: nothing does
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  SandboxLimits limits;
};

[[noreturn]] void run_sandbox_child(const ChildPlan& plan);

// The error number is 0 if the step succeeded.
struct ChildOutcome {
  ChildStep step = ChildStep::kReady;
  int error_number = 0;
  [[nodiscard]] bool failed() const { return error_number != 0; }
};

// sandbox_root.cc: builds a root that holds only libraries and an empty directory, and makes it the
// only one. Needs CAP_SYS_ADMIN over its mount namespace.
ChildOutcome enter_library_root();

}  // namespace airlock
