// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string_view>

namespace airlock::ctl {

// One character of foreign text in UTF-8. Broken bytes come one at a time.
struct Character {
  std::string_view bytes;  // at least one
  char32_t code = 0;       // U+FFFD if the bytes are not a character
  bool valid = false;
};

// The first character of a non-empty text.
Character first_character(std::string_view text);

// Whether a terminal shows the character as itself, without other effects: not a control character,
// not invisible, not a mark that changes the direction of the following text.
bool is_harmless(char32_t code);

// The number of terminal columns for the text. It must be harmless.
std::size_t width(std::string_view text);

}  // namespace airlock::ctl
