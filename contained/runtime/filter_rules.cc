// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/filter_rules.h"

#include <cstdlib>
#include <vector>

namespace airlock {
namespace {

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

}  // namespace

Result<void> add_rule(const FilterHandle& filter, std::uint32_t action, const SyscallRule& rule) {
  const int number = seccomp_syscall_resolve_name(rule.name);
  if (number == __NR_SCMP_ERROR)
    return fail(Errc::kInvalidArgument, "no system call is named {}", rule.name);
  if (number < 0) return {};
  std::vector<scmp_arg_cmp> comparisons;
  for (const ArgumentTest& test : rule.when) comparisons.push_back(comparison(test));
  const int error = seccomp_rule_add_array(
      filter.get(), action, number, static_cast<unsigned>(comparisons.size()), comparisons.data());
  if (error == 0) return {};
  return fail_errno(-error, Errc::kSystem, "add a rule for the system call {}", rule.name);
}

Result<void> add_rules(const FilterHandle& filter, std::span<const SyscallRule> rules) {
  for (const SyscallRule& rule : rules) {
    const auto refusal = static_cast<std::uint32_t>(rule.refuse_with);
    TRY_VOID(add_rule(filter, refusal == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(refusal), rule));
  }
  return {};
}

}  // namespace airlock
