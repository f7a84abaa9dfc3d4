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

// Applies the text of one settings file on top of earlier files. Pure. After an error the settings
// are half changed: throw them away. `file` names the file in messages and origins.
Result<void> parse_settings(std::string_view text, std::string_view file, Settings& settings,
                            std::span<const DriverRow> drivers = driver_table());

// The full name of every setting: "automount", "deadlines.mount", "rule.match.vendor". A test
// compares the man page with it.
std::vector<std::string> setting_names();

}  // namespace airlock
