// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/checker_filter.h"

#include <fcntl.h>
#include <seccomp.h>

#include <array>
#include <span>

#include "contained/runtime/syscall_rules.h"
#include "lib/base/c_ptr.h"

namespace airlock::check {
namespace {

using Filter = CPtr<void, seccomp_release>;

const std::array kCalls = {
#include "contained/check/syscalls.inc"
};

const std::array kNtfsCalls = {
#include "contained/check/syscalls_ntfs.inc"
};

constexpr std::array kAnswered = {"open", "openat"};

scmp_arg_cmp comparison(const ArgumentTest& test) {
  if (test.kind == ArgumentTest::Kind::kNotEqual)
    return {.arg = test.position, .op = SCMP_CMP_NE, .datum_a = test.value, .datum_b = 0};
  if (test.kind == ArgumentTest::Kind::kMaskedEqual)
    return {.arg = test.position,
            .op = SCMP_CMP_MASKED_EQ,
            .datum_a = test.mask,
            .datum_b = test.value};
  return {.arg = test.position, .op = SCMP_CMP_EQ, .datum_a = test.value, .datum_b = 0};
}

Result<void> add(const Filter& filter, std::uint32_t action, const SyscallRule& rule) {
  const int number = seccomp_syscall_resolve_name(rule.name);
  if (number == __NR_SCMP_ERROR)
    return fail(Errc::kInvalidArgument, "no system call is named {}", rule.name);
  if (number < 0) return {};  // this processor does without it
  std::vector<scmp_arg_cmp> comparisons;
  for (const ArgumentTest& test : rule.when) comparisons.push_back(comparison(test));
  const int error = seccomp_rule_add_array(
      filter.get(), action, number, static_cast<unsigned>(comparisons.size()), comparisons.data());
  if (error == 0) return {};
  return fail_errno(-error, Errc::kSystem, "add a rule for the system call {}", rule.name);
}

Result<void> add_all(const Filter& filter, std::span<const SyscallRule> rules) {
  for (const SyscallRule& rule : rules) {
    const auto refusal = static_cast<std::uint32_t>(rule.refuse_with);
    TRY_VOID(add(filter, refusal == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(refusal), rule));
  }
  return {};
}

// The others do without a name of the medium, and find none.
Result<void> add_looking_at_names(const Filter& filter, CheckerFamily family) {
  if (family != CheckerFamily::kNtfs)
    return add(filter, SCMP_ACT_ALLOW, {.name = "newfstatat", .refuse_with = 0, .when = {}});
  TRY_VOID(add_all(filter, kNtfsCalls));
  return add(filter, SCMP_ACT_NOTIFY,
             {.name = "newfstatat", .refuse_with = 0, .when = {argument_is_not(3, AT_EMPTY_PATH)}});
}

}  // namespace

Result<UniqueFd> install_checker_filter(CheckerFamily family) {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return fail(Errc::kOutOfMemory, "prepare the system call filter");
  if (seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0)
    return fail(Errc::kSystem, "prepare the system call filter");
  TRY_VOID(add_all(filter, kCalls));
  TRY_VOID(add_looking_at_names(filter, family));
  for (const char* name : kAnswered)
    TRY_VOID(add(filter, SCMP_ACT_NOTIFY, {.name = name, .refuse_with = 0, .when = {}}));
  if (const int error = seccomp_load(filter.get()); error != 0)
    return fail_errno(-error, Errc::kSystem, "install the system call filter");
  // The library keeps this one; the answering end is a copy of it.
  UniqueFd listener(seccomp_notify_fd(filter.get()));
  if (!listener.valid()) return fail(Errc::kSystem, "answer for the system call filter");
  return listener;
}

}  // namespace airlock::check
