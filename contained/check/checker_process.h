// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "contained/check/verdict.h"
#include "contained/runtime/stock_program.h"
#include "lib/base/error.h"
#include "lib/base/unique_fd.h"
#include "lib/protocol/checkers.h"

namespace airlock::check {

struct CheckerLimits {
  std::chrono::seconds processor_time{1800};
  std::uint64_t file_size = 0;  // no image file grows beyond it; 0: no limit
};

Result<StockProgram> start_checker(BorrowedFd program, const std::vector<std::string>& command,
                                   const CheckerLimits& limits,
                                   std::function<Result<UniqueFd>()> install_filter);

// Once its life line says that it has ended.
Ending ending_of(const StockProgram& checker);

}  // namespace airlock::check
