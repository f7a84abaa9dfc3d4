// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/checker_filter.h"

#include <fcntl.h>

#include <array>

#include "contained/runtime/filter_rules.h"

namespace airlock::check {
namespace {

const std::array kCalls = {
#include "contained/check/syscalls.inc"
};

const std::array kNtfsCalls = {
#include "contained/check/syscalls_ntfs.inc"
};

const std::array kMakerCalls = {
#include "contained/check/syscalls_maker.inc"
};

constexpr std::array kAnswered = {"open", "openat"};

// The others do without a name of the medium, and find none.
Result<void> add_looking_at_names(const FilterHandle& filter, CheckerFamily family) {
  if (family != CheckerFamily::kNtfs)
    return add_rule(filter, SCMP_ACT_ALLOW, {.name = "newfstatat", .refuse_with = 0, .when = {}});
  TRY_VOID(add_rules(filter, kNtfsCalls));
  return add_rule(
      filter, SCMP_ACT_NOTIFY,
      {.name = "newfstatat", .refuse_with = 0, .when = {argument_is_not(3, AT_EMPTY_PATH)}});
}

Result<FilterHandle> begin_filter() {
  FilterHandle filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return fail(Errc::kOutOfMemory, "prepare the system call filter");
  if (seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0)
    return fail(Errc::kSystem, "prepare the system call filter");
  return filter;
}

Result<UniqueFd> load(const FilterHandle& filter) {
  for (const char* name : kAnswered)
    TRY_VOID(add_rule(filter, SCMP_ACT_NOTIFY, {.name = name, .refuse_with = 0, .when = {}}));
  if (const int error = seccomp_load(filter.get()); error != 0)
    return fail_errno(-error, Errc::kSystem, "install the system call filter");
  // The library keeps this one; the answering end is a copy of it.
  UniqueFd listener(seccomp_notify_fd(filter.get()));
  if (!listener.valid()) return fail(Errc::kSystem, "answer for the system call filter");
  return listener;
}

}  // namespace

Result<UniqueFd> install_checker_filter(CheckerFamily family) {
  TRY(const FilterHandle filter, begin_filter());
  TRY_VOID(add_rules(filter, kCalls));
  TRY_VOID(add_looking_at_names(filter, family));
  return load(filter);
}

Result<UniqueFd> install_maker_filter() {
  TRY(const FilterHandle filter, begin_filter());
  TRY_VOID(add_rules(filter, kMakerCalls));
  return load(filter);
}

}  // namespace airlock::check
