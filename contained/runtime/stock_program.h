// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// Where a program that can tells how far it is.
inline constexpr int kProgressDescriptor = 5;

// A program of the distribution while it runs, as the one child of a worker that stayed with the
// libraries. What the worker was born with limits its memory, descriptors and number of processes.
struct StockProgram {
  pid_t pid = -1;
  UniqueFd life;      // pidfd
  UniqueFd output;    // what it writes, both kinds
  UniqueFd progress;  // what it tells at kProgressDescriptor, if that was wanted
  UniqueFd listener;  // for its Door
};

enum class TellsProgress { kNo, kYes };

struct StockStart {
  BorrowedFd program;                    // becomes the child, whatever it is called
  std::vector<std::string> command;      // with the name of the program first
  std::vector<std::string> environment;  // beside the locale
  // In the child: from here on only what the filter allows, and whoever has the descriptor it
  // returns answers the rest. Runs after fork.
  std::function<Result<UniqueFd>()> install_filter;
  TellsProgress progress = TellsProgress::kNo;
  std::chrono::seconds processor_time{0};  // 0: no limit
  std::uint64_t file_size = 0;             // no image file grows beyond it; 0: no limit
};

Result<StockProgram> start_stock_program(const StockStart& start);

void kill_stock_program(const StockProgram& program);

struct StockEnd {
  int status = -1;  // as waitpid() tells it; -1: not known
};
// Once its life line says that it has ended.
StockEnd end_of_stock_program(const StockProgram& program);

}  // namespace airlock
