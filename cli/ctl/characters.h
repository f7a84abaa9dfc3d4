// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <string_view>

namespace airlock::ctl {

// One character of foreign text in UTF-8. Broken bytes come one at a time.
struct Character {
  std::string_view bytes;  // at least one
  char32_t code = 0;       // U+FFFD where the bytes are no character
  bool valid = false;
};

// The first character of a text that is not empty.
Character first_character(std::string_view text);

// Whether a terminal shows the character as itself, and nothing else changes by it: no control
// character, nothing invisible, no mark that changes the direction of what follows.
bool is_harmless(char32_t code);

// How many columns of a terminal the text takes. It must be harmless.
std::size_t width(std::string_view text);

}  // namespace airlock::ctl
