// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/adapter/program_filter.h"

#include <array>
#include <csignal>

#include "contained/runtime/filter_rules.h"

namespace airlock::adapter {
namespace {

const std::array kProgramCalls = {
#include "contained/adapter/program_syscalls.inc"
};

// ProgramDoor answers these. The program may make them while it is loaded; once it has seen the
// medium, ProgramDoor does for it what the tables in README.md say, and nothing else.
const std::array kAskedCalls = {
    SyscallRule{"open", 0, {}},
    SyscallRule{"openat", 0, {}},
    SyscallRule{"readlink", 0, {}},
    SyscallRule{"readlinkat", 0, {}},
    SyscallRule{"newfstatat", 0, {argument_is_not(3, AT_EMPTY_PATH)}},
    SyscallRule{"mount", 0, {}},
    // Libraries.
    SyscallRule{
        "mmap",
        0,
        {argument_masked(2, PROT_EXEC, PROT_EXEC), argument_masked(3, MAP_TYPE, MAP_PRIVATE)}},
    // Becoming the program: by the descriptor of it, by no name.
    SyscallRule{"execveat", 0, {argument_is(4, AT_EMPTY_PATH)}},
};

// CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD: how glibc forks.
constexpr std::uint64_t kForkFlags = 0x01200000 | SIGCHLD;

// Calls that do nothing and say they did. A program goes into the background by going on in a
// child; there is nobody it would have to leave, so it goes on as if it were that child. The mount
// it would take away at its end is gone by then or none of its business. And it takes itself for
// root: the mount is made for it, and ntfs-3g and libfuse would examine first whether a user may
// have it.
const std::array kPretended = {
    SyscallRule{"clone", 0, {argument_is(0, kForkFlags)}},
    SyscallRule{"setsid", 0, {}},
    SyscallRule{"chdir", 0, {}},
    SyscallRule{"umount2", 0, {}},
    SyscallRule{"getuid", 0, {}},
    SyscallRule{"geteuid", 0, {}},
    SyscallRule{"getgid", 0, {}},
    SyscallRule{"getegid", 0, {}},
    SyscallRule{"setresuid", 0, {}},
    SyscallRule{"setresgid", 0, {}},
    SyscallRule{"setgroups", 0, {}},
};

}  // namespace

Result<UniqueFd> install_program_filter() {
  const FilterHandle filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return fail(Errc::kOutOfMemory, "prepare the system call filter");
  if (seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0)
    return fail(Errc::kSystem, "prepare the system call filter");
  TRY_VOID(add_rules(filter, kProgramCalls));
  for (const SyscallRule& rule : kAskedCalls) TRY_VOID(add_rule(filter, SCMP_ACT_NOTIFY, rule));
  for (const SyscallRule& rule : kPretended) TRY_VOID(add_rule(filter, SCMP_ACT_ERRNO(0), rule));
  if (const int error = seccomp_load(filter.get()); error != 0)
    return fail_errno(-error, Errc::kSystem, "install the system call filter");
  // The library keeps this one; the answering end is a copy of it.
  UniqueFd listener(seccomp_notify_fd(filter.get()));
  if (!listener.valid()) return fail(Errc::kSystem, "answer for the system call filter");
  return listener;
}

}  // namespace airlock::adapter
