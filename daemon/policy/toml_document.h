// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/error.h"

namespace airlock {

struct TomlEntry;

// A position in a file, counted from 1.
struct TomlPlace {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

// A value of a settings file and its place. Only the types that settings need; dates and fractions
// are kept as "something else", by name.
struct TomlValue {
  struct Other {
    std::string_view kind;  // "a date", "a number with a fraction"
  };
  using Array = std::vector<TomlValue>;
  using Table = std::vector<TomlEntry>;  // in the order of the file

  std::variant<Other, bool, std::int64_t, std::string, Array, Table> value;
  TomlPlace place;

  // For messages: "a string", "true or false", "a table", ...
  [[nodiscard]] std::string_view kind() const;
};

struct TomlEntry {
  std::string key;
  TomlPlace place;
  TomlValue value;
};

inline constexpr std::size_t kMostSettingsBytes = 1u << 20;
// Longer lines could nest so deeply (a.a.a.a...) that walking the tree overflows the stack.
inline constexpr std::size_t kMostSettingsLine = 1024;

// The only code that uses the TOML library. `file` is only for messages, which begin with
// FILE:LINE:COLUMN.
Result<TomlValue::Table> parse_toml(std::string_view text, std::string_view file);

}  // namespace airlock
