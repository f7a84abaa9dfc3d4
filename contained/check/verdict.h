// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/protocol/check_record.h"
#include "lib/protocol/checkers.h"

namespace airlock::check {

// How a checker ended.
struct Ending {
  std::optional<int> code;  // it ended by itself
  int signal_number = 0;    // or by this
  bool wrote_too_much = false;
};

// What its end and its words mean together. Neither is believed alone: an exit code that this
// checker does not have, or that contradicts what was possible, is the code of a checker that was
// taken over or is broken, and then nothing it said counts.
CheckReply judge(CheckerFamily family, CheckOperation operation, const Ending& ending,
                 std::string_view output);

// The checker and its version, from the answer to the question for it; empty if it says none.
std::string version_told(const Ending& ending, std::string_view output);

}  // namespace airlock::check
