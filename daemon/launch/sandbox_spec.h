// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace airlock {

// Every running worker has a user id of its own: the first of the range plus the worker's process
// id. Process ids are unique among the living, so the user ids are too, with no allocation to
// keep and none to lose when a starter crashes. The range lies above everything systemd, useradd
// and container managers hand out and below 2^31, which old programs can't print.
struct UserIdRange {
  uid_t first = 0x7a000000;
  uid_t count = 0x00400000;  // the largest process id a 64-bit kernel can be told to use
};

// What a worker may use at most. Its control group has what contained/limits.inc says besides.
struct SandboxLimits {
  std::uint64_t memory_bytes = 512ULL << 20;  // private writable memory, thread stacks included
  std::uint64_t stack_bytes = 2ULL << 20;     // of each thread
  std::uint64_t open_files = 32;
  std::uint64_t tasks = 64;  // threads; the filter allows no second process anyway
  // As much as the medium itself may take of the machine's memory, where that is what it lies in:
  // the kernel counts what a worker writes there as the worker's.
  std::uint64_t medium_in_memory_bytes = 0;
};

enum class UserNamespace {
  kWhereAllowed,  // the default; without one where the kernel refuses
  kNever,         // for tests of that fallback
};

enum class ControlGroup {
  kWhereItCanBeHad,  // the default
  kNever,            // for tests of what only the group stops
};

// One contained worker, before it runs: what to start, as whom, within which limits. Nothing of
// the starter is inherited that is not named here: no environment, no descriptors, no signals.
struct SandboxSpec {
  std::string program;                 // opened by the starter; need not be visible inside
  std::vector<std::string> arguments;  // with the name of the program first; empty: just that
  UserIdRange user_ids;
  std::optional<uid_t> user_id;  // this one instead of one from the range; never 0
  SandboxLimits limits;
  UserNamespace user_namespace = UserNamespace::kWhereAllowed;
  ControlGroup control_group = ControlGroup::kWhereItCanBeHad;
};

}  // namespace airlock
