// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace airlock {

// Makes text from a medium, a worker or another user safe to print: in double quotes, with control
// characters, quotes, backslashes and broken UTF-8 as \x escapes, truncated at a limit.
std::string quote(std::string_view text);

// What a log may say about a name that a user chose: its length, never its letters.
std::string redact(std::string_view text);

// Removes the text before the separator, and the separator, from the front; returns that text.
std::string_view take_until(std::string_view& text, char separator);

// The parts between separators, without empty ones.
std::vector<std::string> split(std::string_view text, char separator);

// Whether one of the parts is this word.
bool has_word(std::string_view list, char separator, std::string_view word);

}  // namespace airlock
