// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string_view>

#include "lib/base/error.h"
#include "lib/protocol/checkers.h"

namespace airlock {

// One row per type of filesystem that can be made: the program of the distribution that makes it.
struct FormatRow {
  std::string_view type;  // blkid's word
  CheckerFamily family;   // whose rules for labels it has, and whose checker judges it
  std::string_view program;
  std::string_view package;  // has the program, on Debian
};

std::span<const FormatRow> all_formats();

// Errc::kInvalidArgument names the types there are, and the one that was probably meant.
Result<const FormatRow*> find_format(std::string_view type);

// Whether a new filesystem of this type can have this label. Errc::kInvalidArgument says what would
// be right. An empty label means none.
Result<void> check_format(std::string_view type, std::string_view label);

}  // namespace airlock
