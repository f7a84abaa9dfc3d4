// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace airlock::test {

// How a control run went: an attack that nothing holds.
struct ControlEnd {
  std::string answer;     // what it reported, or "nothing"
  int signal_number = 0;  // what killed it, or 0
};

enum class Control {
  kWins,        // the attack is real
  kImpossible,  // this machine has not what it attacks with, so there is nothing to defend against
  kFails,       // anything else: the test proves nothing
};

// Only one attack can be impossible, for one reason: `int $0x80` itself raises SIGSEGV.
Control judge_control(std::string_view attack, const ControlEnd& end);

}  // namespace airlock::test
