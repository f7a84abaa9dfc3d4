// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "lib/protocol/check_record.h"
#include "lib/protocol/checkers.h"

namespace airlock::check {

// Where a checker that can tells how far it is.
inline constexpr int kProgressDescriptor = 5;

// The command line that does what was asked for, the name of the program first.
Result<std::vector<std::string>> command_for(const CheckerRow& row, const CheckRequest& request);

// How to ask a checker for its version that keeps silent about it while it works; empty for others.
std::vector<std::string> version_question(const CheckerRow& row);

}  // namespace airlock::check
