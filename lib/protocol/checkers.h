// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/error.h"
#include "lib/protocol/check_record.h"

namespace airlock {

enum class CheckerFamily : std::uint8_t { kExt, kFat, kExfat, kNtfs };

// One row per kind of checker: which types of blkid it is for, and which programs of the
// distribution do the work.
struct CheckerRow {
  CheckerFamily family;
  std::string_view types;  // separated by spaces
  std::string_view check_program;
  std::string_view label_program;  // empty: none
  // Finishes what was interrupted, and does nothing else: replays a journal, or a renaming. One of
  // ours begins with "airlock-". Empty: none.
  std::string_view replay_program;
  bool settles;  // it can mark as clean what was found to be consistent
  bool repairs;  // what it can put right it may
};

// Whether what finishes an interrupted change is a program of ours.
[[nodiscard]] constexpr bool is_own_program(std::string_view program) {
  return program.starts_with("airlock-");
}

// Nothing for a type nobody can check.
const CheckerRow* find_checker(std::string_view type);

// Whether this may be asked of the checker of a type at all. Errc::kUnsupported says what it lacks.
Result<void> check_offered(const CheckerRow& row, CheckOperation operation);

// Whether a medium of this type can be called so: length and characters, before anything is
// written. An empty label takes the label away. Errc::kInvalidArgument says what would be right.
Result<void> check_label(CheckerFamily family, std::string_view label);

// What the medium is called where a checker runs. There is nothing of this name: who opens it gets
// the descriptor that airlockd holds.
inline constexpr const char* kMediumPath = "/dev/medium";

}  // namespace airlock
