// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/exit_cause.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ranges>

#include <fmt/format.h>

#include "daemon/launch/call_names.h"
#include "lib/base/sandbox_contract.h"

namespace airlock {
namespace {

std::string_view known_name(long number) {
  const std::string_view name = call_name(number);
  return name.empty() ? "unknown" : name;
}

std::optional<long> call_named_by(const LineTail& last_lines) {
  for (const std::string& line : last_lines.lines() | std::views::reverse) {
    if (!line.starts_with(kForbiddenCallLine)) continue;
    long number = -1;
    const char* const end = line.data() + line.size();
    const auto parsed = std::from_chars(line.data() + kForbiddenCallLine.size(), end, number);
    if (parsed.ec == std::errc{} && parsed.ptr == end) return number;
  }
  return std::nullopt;
}

ExitCause from_code(int code) {
  if (code == kExitAborted) return {.kind = ExitCause::Kind::kKilled, .signal_number = SIGABRT};
  if (code == kExitOutOfMemory) return {.kind = ExitCause::Kind::kOutOfMemory};
  return {.kind = ExitCause::Kind::kExited, .code = code};
}

ExitCause from_signal(int signal_number, const LineTail& last_lines,
                      ExitCircumstances circumstances) {
  if (signal_number == SIGSYS)
    return {.kind = ExitCause::Kind::kForbiddenCall, .forbidden_call = call_named_by(last_lines)};
  if (signal_number == SIGKILL && circumstances.memory_ran_out && !circumstances.killed_by_us)
    return {.kind = ExitCause::Kind::kOutOfMemory};
  return {.kind = ExitCause::Kind::kKilled,
          .signal_number = signal_number,
          .by_us = signal_number == SIGKILL && circumstances.killed_by_us};
}

}  // namespace

std::string signal_name(int signal_number) {
  const char* const abbreviation = sigabbrev_np(signal_number);
  return abbreviation != nullptr ? fmt::format("SIG{}", abbreviation)
                                 : fmt::format("signal {}", signal_number);
}

std::string ExitCause::describe() const {
  switch (kind) {
    case Kind::kExited:
      return fmt::format("exited with code {}", code);
    case Kind::kKilled:
      return fmt::format("was killed by {}{}", signal_name(signal_number),
                         by_us ? " (sent by Airlock)" : "");
    case Kind::kForbiddenCall:
      if (!forbidden_call) return "tried a forbidden system call";
      return fmt::format("tried the forbidden system call {} ({})", known_name(*forbidden_call),
                         *forbidden_call);
    case Kind::kOutOfMemory:
      return "ran out of memory";
  }
  std::abort();  // a Kind outside the enumeration is a bug
}

ExitCause exit_cause(const siginfo_t& ended, const LineTail& last_lines,
                     ExitCircumstances circumstances) {
  if (ended.si_code == CLD_EXITED) return from_code(ended.si_status);
  ExitCause cause = from_signal(ended.si_status, last_lines, circumstances);
  cause.core_dumped = ended.si_code == CLD_DUMPED;
  return cause;
}

}  // namespace airlock
