// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>
#include <vector>

#include "daemon/policy/settings.h"
#include "daemon/policy/settings_reader.h"
#include "lib/base/error.h"

namespace airlock {

// Reads one [[rule]]. A rule has a name, a match and at least one setting.
Result<Rule> parse_rule(const SettingsReader& reader, const TomlValue& block);

std::vector<std::string_view> rule_keys();
std::vector<std::string_view> match_keys();

}  // namespace airlock
