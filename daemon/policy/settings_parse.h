// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/launch/driver_table.h"
#include "daemon/policy/settings.h"
#include "lib/base/error.h"

namespace airlock {

inline constexpr std::size_t kMostRules = 1000;

// Applies the text of one settings file on top of what earlier files said. Pure. After an error
// the settings are half changed: throw them away. `file` is what messages and origins call it.
Result<void> parse_settings(std::string_view text, std::string_view file, Settings& settings,
                            std::span<const DriverRow> drivers = driver_table());

// Every setting there is, by its full name: "automount", "deadlines.mount", "rule.match.vendor".
// The man page is held against it.
std::vector<std::string> setting_names();

}  // namespace airlock
