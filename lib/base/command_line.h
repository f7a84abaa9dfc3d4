// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

struct KnownOption {
  const char* name = nullptr;  // without its dashes; nullptr: it is only a letter
  char letter = '\0';          // '\0': it is only a name
  bool takes_value = false;
};

// What a command was given, in that order.
struct CommandLine {
  struct Given {
    std::size_t option = 0;  // which of those that are known
    std::string value;
  };
  std::vector<Given> options;
  std::vector<std::string> operands;
};

// Options may stand before, between and behind the operands, and letters together; behind "--"
// everything is an operand. Names are not abbreviated: scripts would come to rely on it.
// Errc::kInvalidArgument says what is wrong and what might have been meant.
Result<CommandLine> parse_command_line(std::span<const std::string> words,
                                       std::span<const KnownOption> known);

}  // namespace airlock
