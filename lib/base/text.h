// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace airlock {

// Text that came from a medium, a worker or another user, made safe to print: in double quotes,
// control characters, quotes, backslashes and broken UTF-8 as \x escapes, cut at a limit.
std::string quote(std::string_view text);

// What a log may say of a name a user chose: its length, never its letters.
std::string redact(std::string_view text);

// Takes what stands before the separator off the front, and the separator with it.
std::string_view take_until(std::string_view& text, char separator);

// The parts between separators, empty ones left out.
std::vector<std::string> split(std::string_view text, char separator);

// Whether one of the parts is this word.
bool has_word(std::string_view list, char separator, std::string_view word);

}  // namespace airlock
