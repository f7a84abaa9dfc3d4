// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/unique_fd.h"

namespace airlock {

// Every running worker has a user id of its own: the first of the range plus the worker's process
// id. Process ids of live processes are unique, so these user ids are too. Nothing is allocated, so
// nothing is lost when a starter crashes. The range is above everything that systemd, useradd and
// container managers assign, and below 2^31, because old programs can't print larger ids.
struct UserIdRange {
  uid_t first = 0x7a000000;
  uid_t count = 0x00400000;  // the largest process id that a 64-bit kernel can be set to
};

// The most that a worker may use. Its control group adds the limits of contained/limits.inc.
struct SandboxLimits {
  std::uint64_t memory_bytes = 512ULL << 20;  // private writable memory, thread stacks included
  std::uint64_t stack_bytes = 2ULL << 20;     // of each thread
  std::uint64_t open_files = 32;
  std::uint64_t tasks = 64;  // threads; the filter allows no second process anyway
  // How much of the machine's memory the medium itself may take, if it is stored there: the kernel
  // charges the worker for what it writes there.
  std::uint64_t medium_in_memory_bytes = 0;
};

enum class UserNamespace {
  kWhereAllowed,  // the default; goes without if the kernel refuses
  kNever,         // for tests of going without
};

enum class ControlGroup {
  kWhereItCanBeHad,  // the default
  kNever,            // for tests of what only the group stops
};

// One contained worker before it runs: what to start, as which user, within which limits. It
// inherits nothing from the starter that is not named here: no environment, no descriptors, no
// signals.
struct SandboxSpec {
  std::string program;                 // opened by the starter; need not be visible inside
  std::vector<std::string> arguments;  // starts with the name of the program; empty: just that
  // Becomes kLentDescriptor in the worker, besides the descriptors that every worker has.
  BorrowedFd lent{-1};  // -1: none
  UserIdRange user_ids;
  std::optional<uid_t> user_id;  // instead of one from the range; never 0
  SandboxLimits limits;
  UserNamespace user_namespace = UserNamespace::kWhereAllowed;
  ControlGroup control_group = ControlGroup::kWhereItCanBeHad;
};

}  // namespace airlock
