// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

namespace airlock {

// Text that came from a medium, a worker or another user, made safe to print: in double quotes,
// control characters, quotes, backslashes and broken UTF-8 as \x escapes, cut at a limit.
std::string quote(std::string_view text);

// What a log may say of a name a user chose: its length, never its letters.
std::string redact(std::string_view text);

}  // namespace airlock
