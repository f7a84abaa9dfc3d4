// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/driver_table.h"

#include <algorithm>

#include "lib/base/text.h"

namespace airlock {
bool DriverRow::serves(std::string_view subtype) const {
  return has_word(subtypes, ' ', subtype);
}

bool DriverRow::can(std::string_view ability) const {
  return has_word(abilities, ' ', ability);
}

const DriverRow* find_driver(std::string_view subtype) {
  const std::span<const DriverRow> rows = driver_table();
  const auto row =
      std::ranges::find_if(rows, [&](const DriverRow& driver) { return driver.serves(subtype); });
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace airlock
