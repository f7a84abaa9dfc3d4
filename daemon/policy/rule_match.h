// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/policy/facts.h"
#include "daemon/policy/settings.h"

namespace airlock {

// Matches a whole text against a pattern: `*` is any number of characters, `?` is one, a backslash
// makes the next character literal. Case matters. Takes at most pattern times text steps.
bool matches_pattern(std::string_view text, std::string_view pattern);

// Why a rule does not match the facts, as one phrase for people; nothing if it matches. A fact that
// is not known yet, or never known of an image, does not match.
std::optional<std::string> why_no_match(const RuleMatch& match, const Facts& facts);

// "disk", "partition", "optical", "loop" or "image": compared with match.kind.
std::string_view kind_of(const Facts& facts);

}  // namespace airlock
