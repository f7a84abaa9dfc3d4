// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/launch/driver_table.h"

#include <algorithm>
#include <array>

#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr auto kDrivers = std::to_array<DriverRow>({
#define AIRLOCK_DRIVER(name, subtypes, program, abilities, memory, files, threads, syscalls) \
  {#name, subtypes, program, abilities, memory, files, threads, syscalls},
#include "contained/drivers.inc"
#undef AIRLOCK_DRIVER
});

}  // namespace

bool DriverRow::serves(std::string_view subtype) const {
  return has_word(subtypes, ' ', subtype);
}

bool DriverRow::can(std::string_view ability) const {
  return has_word(abilities, ' ', ability);
}

std::span<const DriverRow> driver_table() {
  return kDrivers;
}

const DriverRow* find_driver(std::string_view subtype) {
  const auto* row = std::ranges::find_if(
      kDrivers, [&](const DriverRow& driver) { return driver.serves(subtype); });
  return row == kDrivers.end() ? nullptr : row;
}

}  // namespace airlock
