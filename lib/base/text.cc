// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/text.h"

#include <fmt/format.h>

#include <cstddef>

namespace airlock {
namespace {

constexpr std::size_t kMaxQuotedBytes = 512;

// Length of the well-formed UTF-8 sequence at the start of text, 0 if there is none. Shortest forms
// only, no surrogates, nothing above U+10FFFF, and no C1 control characters.
std::size_t printable_utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 0;
  std::size_t length = 0;
  unsigned code = 0;
  unsigned smallest = 0;
  if ((first & 0xe0) == 0xc0) {
    length = 2, code = first & 0x1fu, smallest = 0xa0;  // 0x80..0x9f are control characters
  } else if ((first & 0xf0) == 0xe0) {
    length = 3, code = first & 0x0fu, smallest = 0x800;
  } else if ((first & 0xf8) == 0xf0) {
    length = 4, code = first & 0x07u, smallest = 0x10000;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3fu);
  }
  if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
  // Bidirectional overrides and isolates can make a quoted name read as another one.
  if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return 0;
  return length;
}

}  // namespace

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  const bool cut = text.size() > kMaxQuotedBytes;
  std::string_view rest = text.substr(0, kMaxQuotedBytes);
  while (!rest.empty()) {
    const auto byte = static_cast<unsigned char>(rest.front());
    std::size_t taken = 1;
    if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
      quoted += rest.front();
    } else if (const std::size_t length = printable_utf8_length(rest); length > 0) {
      quoted += rest.substr(0, length);
      taken = length;
    } else {
      quoted += fmt::format("\\x{:02x}", byte);
    }
    rest.remove_prefix(taken);
  }
  quoted += cut ? "\"..." : "\"";
  return quoted;
}

std::string redact(std::string_view text) {
  return fmt::format("<{} bytes>", text.size());
}

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return taken;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty())
    if (const auto part = take_until(text, separator); !part.empty()) parts.emplace_back(part);
  return parts;
}

bool has_word(std::string_view list, char separator, std::string_view word) {
  while (!list.empty())
    if (take_until(list, separator) == word) return true;
  return false;
}

}  // namespace airlock
