// SPDX-License-Identifier: GPL-2.0-or-later
#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <vector>

#include "contained/runtime/confine_steps.h"
#include "lib/base/c_ptr.h"
#include "lib/base/sandbox_contract.h"

#if defined(__SANITIZE_ADDRESS__)
// The leak check stops the world with a second process and ptrace, which no filter of ours will
// allow, and a worker has no environment to switch it off in.
extern "C" const char* __asan_default_options();
extern "C" __attribute__((weak)) const char* __asan_default_options() {
  return "detect_leaks=0";
}
#endif

namespace airlock {
namespace {

using Filter = CPtr<void, seccomp_release>;

// A call that exists everywhere and does nothing anywhere; no list will ever allow it.
constexpr long kNeverAllowed = SYS_nfsservctl;

// Runs in the middle of anything: writes digits, nothing else.
std::size_t write_decimal(unsigned number, char* into) {
  std::array<char, 10> digits{};
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  std::reverse_copy(digits.begin(), digits.begin() + static_cast<std::ptrdiff_t>(count), into);
  return count;
}

// Says which call it was and then makes another forbidden one. SIGSYS is blocked while its
// handler runs, so this time the kernel ends the process itself, with SIGSYS, which is how the
// starter knows for sure. The handler can't be taken away: the filter lets nobody change it, and
// blocking SIGSYS only means that the first forbidden call ends the process without the line.
void on_forbidden_call(int, siginfo_t* information, void*) {
  std::array<char, 64> line{};
  std::size_t length = kForbiddenCallLine.copy(line.data(), kForbiddenCallLine.size());
  length += write_decimal(static_cast<unsigned>(information->si_syscall), line.data() + length);
  line[length++] = '\n';
  (void)::syscall(SYS_write, STDERR_FILENO, line.data(), length);
  while (true) (void)::syscall(kNeverAllowed);
}

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

Result<void> add_rule(const Filter& filter, const SyscallRule& rule) {
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

Result<void> set_attribute(const Filter& filter, scmp_filter_attr attribute, std::uint32_t value) {
  if (const int error = seccomp_attr_set(filter.get(), attribute, value); error != 0)
    return fail_errno(-error, Errc::kSystem, "prepare the system call filter");
  return {};
}

Result<Filter> new_filter() {
  Filter filter(seccomp_init(SCMP_ACT_TRAP));
  if (!filter) return fail(Errc::kOutOfMemory, "prepare the system call filter");
  // Calls of another instruction set (32-bit, x32) have other numbers: no rule, no report.
  TRY_VOID(set_attribute(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
  TRY_VOID(set_attribute(filter, SCMP_FLTATR_CTL_NNP, 1));
  TRY_VOID(set_attribute(filter, SCMP_FLTATR_CTL_TSYNC, 1));
  // A search tree instead of a list: every system call pays for every step.
  TRY_VOID(set_attribute(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2));
  return filter;
}

}  // namespace

Result<void> report_forbidden_calls() {
  struct sigaction action{};
  action.sa_sigaction = on_forbidden_call;
  action.sa_flags = SA_SIGINFO;
  ::sigfillset(&action.sa_mask);
  if (::sigaction(SIGSYS, &action, nullptr) != 0)
    return fail_errno(errno, Errc::kSystem, "prepare the report of forbidden calls");
  return {};
}

Result<void> install_filter(std::span<const SyscallRule> driver_calls) {
  TRY(const Filter filter, new_filter());
  for (const SyscallRule& rule : common_calls()) TRY_VOID(add_rule(filter, rule));
  for (const SyscallRule& rule : driver_calls) TRY_VOID(add_rule(filter, rule));
  if (const int error = seccomp_load(filter.get()); error != 0)
    return fail_errno(-error, Errc::kSystem, "install the system call filter");
  return {};
}

}  // namespace airlock
