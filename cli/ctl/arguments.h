// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/base/error.h"

namespace airlock::ctl {

// A command line of airlockctl, parsed but not yet checked: each verb knows its own options (see
// verbs.h).
struct Arguments {
  std::string verb;  // empty: none given
  std::vector<std::string> operands;
  bool json = false;
  bool quiet = false;
  bool all = false;
  bool lazy = false;
  bool force = false;
  bool read_only = false;
  bool no_ask = false;
  bool power_off = false;
  bool yes = false;
  bool help = false;
  bool version = false;
  std::string options;             // -o, joined by commas
  std::string type;                // -t
  std::string label;               // --label
  std::vector<std::string> given;  // the long names of all options given
};

// Errc::kInvalidArgument names the mistake and suggests a correction.
Result<Arguments> parse_arguments(std::span<const std::string> words);

}  // namespace airlock::ctl
