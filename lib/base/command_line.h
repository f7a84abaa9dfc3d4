// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

struct KnownOption {
  const char* name = nullptr;  // without its dashes; nullptr: it only has a letter
  char letter = '\0';          // '\0': it only has a name
  bool takes_value = false;
};

// The parsed words of a command line, in their order.
struct CommandLine {
  struct Given {
    std::size_t option = 0;  // index into the known options
    std::string value;
  };
  std::vector<Given> options;
  std::vector<std::string> operands;
};

// Options may come before, between and after the operands, and letters may be combined; after "--"
// everything is an operand. Names can't be abbreviated, because scripts would rely on it.
// Errc::kInvalidArgument says what is wrong and what was probably meant.
Result<CommandLine> parse_command_line(std::span<const std::string> words,
                                       std::span<const KnownOption> known);

}  // namespace airlock
