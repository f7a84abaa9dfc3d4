// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace airlock::ctl {

// Any D-Bus value of the kinds airlockd sends: read once, then shown or written as JSON.
struct Value {
  using List = std::vector<Value>;
  using Map = std::map<std::string, Value>;

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, List, Map>
      is;

  // A missing value or one of another type is empty, 0 or false: the daemon may be newer or older.
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] std::uint64_t number() const;
  [[nodiscard]] bool truth() const;
  [[nodiscard]] const List& list() const;
  [[nodiscard]] const Map& map() const;
  [[nodiscard]] const Value& at(std::string_view key) const;
};

enum class JsonStyle { kOneLine, kIndented };
// Escapes any character that could disturb a terminal, so that people may read it too.
std::string to_json(const Value& value, JsonStyle style);

}  // namespace airlock::ctl
