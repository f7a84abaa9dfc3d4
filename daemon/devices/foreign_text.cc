// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/devices/foreign_text.h"

#include <algorithm>
#include <charconv>

#include "lib/base/number.h"

namespace airlock {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

struct Character {
  std::size_t length = 1;
  bool showable = false;
};

bool in_range(char32_t code, char32_t first, char32_t last) {
  return code >= first && code <= last;
}

// No controls, no surrogates, nothing that changes the reading direction of the text after it, and
// no noncharacters, which D-Bus refuses.
bool is_showable(char32_t code) {
  return code >= 0x20 && !in_range(code, 0x7f, 0x9f) && !in_range(code, 0xd800, 0xdfff) &&
         !in_range(code, 0x200e, 0x200f) && !in_range(code, 0x2028, 0x202e) &&
         !in_range(code, 0x2066, 0x2069) && !in_range(code, 0xfdd0, 0xfdef) &&
         (code & 0xfffe) != 0xfffe && code <= 0x10ffff;
}

// The length of a sequence, from its first byte; 0 if no sequence starts like this.
std::size_t sequence_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (in_range(first, 0xc2, 0xdf)) return 2;
  if ((first & 0xf0) == 0xe0) return 3;
  return in_range(first, 0xf0, 0xf4) ? 4 : 0;
}

Character next_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = sequence_length(byte(0));
  if (length == 0 || length > text.size()) return {};
  char32_t code = length == 1 ? byte(0) : byte(0) & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3fU);
  }
  const bool longer_than_needed = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (longer_than_needed) return {};
  return {.length = length, .showable = is_showable(code)};
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n\r\v\f";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_.:+").find(c) != std::string_view::npos;
}

}  // namespace

std::string clean_text(std::string_view text, std::size_t most_bytes) {
  std::string clean;
  for (std::string_view rest = trim(text); !rest.empty();) {
    const Character character = next_character(rest);
    const std::string_view piece =
        character.showable ? rest.substr(0, character.length) : kReplacement;
    if (clean.size() + piece.size() > most_bytes) break;
    clean += piece;
    rest.remove_prefix(character.length);
  }
  return std::string(trim(clean));
}

std::string decode_udev(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    unsigned value = 0;
    const bool may_be = text.size() >= 4 && text.starts_with("\\x");
    const char* const digits = text.data() + 2;
    if (may_be && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      plain += static_cast<char>(value);
      text.remove_prefix(4);
    } else {
      plain += text.front();
      text.remove_prefix(1);
    }
  }
  return plain;
}

std::string plain_token(std::string_view text, std::size_t most_bytes) {
  return text.size() <= most_bytes && std::ranges::all_of(text, is_plain) ? std::string(text)
                                                                          : std::string();
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return parse_number<std::uint64_t>(text);
}

}  // namespace airlock
