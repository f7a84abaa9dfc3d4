// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/make_filter.h"

#include <fmt/core.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "lib/base/c_ptr.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

using Handle = CPtr<void, seccomp_release>;

// The libseccomp API level from which on a filter may end the whole process.
constexpr unsigned kKillsProcesses = 3;

std::vector<SyscallRule> common_calls() {
  return {
#include "contained/runtime/syscalls.inc"
  };
}

scmp_arg_cmp comparison(const ArgumentTest& test) {
  switch (test.kind) {
    case ArgumentTest::Kind::kEqual:
      return {.arg = test.position, .op = SCMP_CMP_EQ, .datum_a = test.value, .datum_b = 0};
    case ArgumentTest::Kind::kNotEqual:
      return {.arg = test.position, .op = SCMP_CMP_NE, .datum_a = test.value, .datum_b = 0};
    case ArgumentTest::Kind::kMaskedEqual:
      return {.arg = test.position,
              .op = SCMP_CMP_MASKED_EQ,
              .datum_a = test.mask,
              .datum_b = test.value};
  }
  std::abort();  // a Kind outside the enumeration is a bug
}

Result<void> add_rule(const Handle& filter, const SyscallRule& rule) {
  const int number = seccomp_syscall_resolve_name(rule.name);
  if (number == __NR_SCMP_ERROR)
    return fail(Errc::kInvalidArgument, "no system call is named {}", rule.name);
  if (number < 0) return {};  // this processor does without it
  std::vector<scmp_arg_cmp> comparisons;
  for (const ArgumentTest& test : rule.when) comparisons.push_back(comparison(test));
  const std::uint32_t action = rule.refuse_with == 0
                                   ? SCMP_ACT_ALLOW
                                   : SCMP_ACT_ERRNO(static_cast<std::uint32_t>(rule.refuse_with));
  const int error = seccomp_rule_add_array(
      filter.get(), action, number, static_cast<unsigned>(comparisons.size()), comparisons.data());
  if (error != 0)
    return fail_errno(-error, Errc::kSystem, "add a rule for the system call {}", rule.name);
  return {};
}

Result<void> set_attribute(const Handle& filter, scmp_filter_attr attribute, std::uint32_t value) {
  if (const int error = seccomp_attr_set(filter.get(), attribute, value); error != 0)
    return fail_errno(-error, Errc::kSystem, "prepare the system call filter");
  return {};
}

Result<Handle> new_filter() {
  Handle filter(seccomp_init(SCMP_ACT_TRAP));
  if (!filter) return fail(Errc::kOutOfMemory, "prepare the system call filter");
  // Calls of another instruction set (32-bit, x32) have other numbers: no rule, no report.
  TRY_VOID(set_attribute(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
  // A search tree instead of a list: every system call pays for every step.
  TRY_VOID(set_attribute(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2));
  return filter;
}

Result<std::vector<sock_filter>> exported(const Handle& filter) {
  const UniqueFd file(::memfd_create("filter", MFD_CLOEXEC));
  if (!file.valid()) return fail_errno(errno, Errc::kSystem, "make room for the filter");
  if (const int error = seccomp_export_bpf(filter.get(), file.get()); error != 0)
    return fail_errno(-error, Errc::kSystem, "make the system call filter");
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size < 0) return fail_errno(errno, Errc::kSystem, "measure the filter");
  std::vector<sock_filter> steps(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), steps.data(), static_cast<std::size_t>(size), 0) != size)
    return fail_errno(errno, Errc::kSystem, "read the filter");
  return steps;
}

}  // namespace

Result<std::vector<sock_filter>> make_filter(std::span<const SyscallRule> driver_calls) {
  // What the machine this is built on can do says nothing about the one it will run on.
  (void)seccomp_api_set(kKillsProcesses);
  TRY(const Handle filter, new_filter());
  for (const SyscallRule& rule : common_calls()) TRY_VOID(add_rule(filter, rule));
  for (const SyscallRule& rule : driver_calls) TRY_VOID(add_rule(filter, rule));
  return exported(filter);
}

int write_filter(std::span<const SyscallRule> driver_calls) {
  const auto filter = make_filter(driver_calls);
  if (!filter) {
    fmt::print(stderr, "{}\n", filter.error().message());
    return EXIT_FAILURE;
  }
  for (const sock_filter& step : *filter)
    fmt::print("sock_filter{{{:#x}, {}, {}, {:#x}}},\n", step.code, step.jt, step.jf, step.k);
  return EXIT_SUCCESS;
}

}  // namespace airlock
