// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "contained/runtime/stock_program.h"
#include "lib/protocol/check_record.h"
#include "lib/protocol/checkers.h"

namespace airlock::check {

// The command line for the request, the name of the program first.
Result<std::vector<std::string>> command_for(const CheckerRow& row, const CheckRequest& request);

// The question for the version of a checker that does not report it during its work; empty for
// others.
std::vector<std::string> version_question(const CheckerRow& row);

}  // namespace airlock::check
