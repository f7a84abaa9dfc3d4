// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/error.h"

namespace airlock {

enum class CheckerFamily : std::uint8_t { kExt, kFat, kExfat, kNtfs };

// One row per kind of checker: which types of blkid it is for, and which programs of the
// distribution do the work.
struct CheckerRow {
  CheckerFamily family;
  std::string_view types;  // separated by spaces
  std::string_view check_program;
  std::string_view label_program;
  bool replays;  // it has a journal, and the checker can replay it without doing anything else
  bool writes;   // repairs, and gives labels; else only checks
};

// Nothing for a type nobody can check.
const CheckerRow* find_checker(std::string_view type);

// Whether a medium of this type can be called so: length and characters, before anything is
// written. An empty label takes the label away. Errc::kInvalidArgument says what would be right.
Result<void> check_label(CheckerFamily family, std::string_view label);

// What the medium is called where a checker runs. There is nothing of this name: who opens it gets
// the descriptor that airlockd holds.
inline constexpr const char* kMediumPath = "/dev/medium";

}  // namespace airlock
