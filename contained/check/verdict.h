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
  std::optional<int> code;  // its own exit code
  int signal_number = 0;    // or the signal that killed it
  bool wrote_too_much = false;
};

// The combined meaning of its exit code and its output. Neither is trusted alone: an exit code that
// this checker does not have, or that is impossible here, means a subverted or broken checker, and
// then its output is ignored.
CheckReply judge(CheckerFamily family, CheckOperation operation, const Ending& ending,
                 std::string_view output);

// The checker and its version, from its answer to the version question; empty if it has none.
std::string version_told(const Ending& ending, std::string_view output);

}  // namespace airlock::check
