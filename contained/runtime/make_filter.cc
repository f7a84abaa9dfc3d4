// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/make_filter.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "contained/runtime/filter_rules.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

// The libseccomp API level from which on a filter may end the whole process.
constexpr unsigned kKillsProcesses = 3;

std::vector<SyscallRule> common_calls() {
  return {
#include "contained/runtime/syscalls.inc"
  };
}

Result<void> set_attribute(const FilterHandle& filter, scmp_filter_attr attribute,
                           std::uint32_t value) {
  if (const int error = seccomp_attr_set(filter.get(), attribute, value); error != 0)
    return fail_errno(-error, Errc::kSystem, "prepare the system call filter");
  return {};
}

Result<FilterHandle> new_filter(std::uint32_t otherwise) {
  // What the machine this is built on can do says nothing about the one it will run on.
  (void)seccomp_api_set(kKillsProcesses);
  FilterHandle filter(seccomp_init(otherwise));
  if (!filter) return fail(Errc::kOutOfMemory, "prepare the system call filter");
  // Calls of another instruction set (32-bit, x32) have other numbers: no rule, no report.
  TRY_VOID(set_attribute(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
  // A search tree instead of a list: every system call pays for every step.
  TRY_VOID(set_attribute(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2));
  return filter;
}

Result<std::vector<sock_filter>> exported(const FilterHandle& filter) {
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

Result<std::vector<sock_filter>> make_filter(std::span<const SyscallRule> worker_calls) {
  TRY(const FilterHandle filter, new_filter(SCMP_ACT_TRAP));
  TRY_VOID(add_rules(filter, common_calls()));
  TRY_VOID(add_rules(filter, worker_calls));
  return exported(filter);
}

Result<std::vector<sock_filter>> make_narrowing_filter(std::span<const SyscallRule> ended_calls) {
  TRY(const FilterHandle filter, new_filter(SCMP_ACT_ALLOW));
  for (const SyscallRule& rule : ended_calls) TRY_VOID(add_rule(filter, SCMP_ACT_TRAP, rule));
  return exported(filter);
}

int write_filter(const Result<std::vector<sock_filter>>& filter) {
  if (!filter) {
    fmt::print(stderr, "{}\n", filter.error().message());
    return EXIT_FAILURE;
  }
  for (const sock_filter& step : *filter)
    fmt::print("sock_filter{{{:#x}, {}, {}, {:#x}}},\n", step.code, step.jt, step.jf, step.k);
  return EXIT_SUCCESS;
}

}  // namespace airlock
