// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/checker_process.h"

#include <sys/wait.h>

#include <utility>

namespace airlock::check {

Result<StockProgram> start_checker(BorrowedFd program, const std::vector<std::string>& command,
                                   const CheckerLimits& limits,
                                   std::function<Result<UniqueFd>()> install_filter) {
  return start_stock_program({.program = program,
                              .command = command,
                              // Nothing is mounted where it is.
                              .environment = {"EXT2FS_NO_MTAB_OK=1"},
                              .install_filter = std::move(install_filter),
                              .progress = TellsProgress::kYes,
                              .processor_time = limits.processor_time,
                              .file_size = limits.file_size});
}

Ending ending_of(const StockProgram& checker) {
  const int status = end_of_stock_program(checker).status;
  Ending ending;
  if (status == -1) return ending;
  if (WIFEXITED(status)) ending.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ending.signal_number = WTERMSIG(status);
  return ending;
}

}  // namespace airlock::check
