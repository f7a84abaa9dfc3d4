// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sandbox/control_judgement.h"

#include <csignal>

namespace airlock::test {

Control judge_control(std::string_view attack, const ControlEnd& end) {
  constexpr std::string_view kGate = "fault cd80";  // how `int $0x80` is encoded
  if (end.answer == "won") return Control::kWins;
  const bool no_gate = end.answer == kGate && end.signal_number == SIGSEGV;
  return attack == "call_as_32_bit" && no_gate ? Control::kImpossible : Control::kFails;
}

}  // namespace airlock::test
