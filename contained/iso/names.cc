// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/names.h"

#include <cstddef>
#include <cstdint>

namespace airlock::iso {
namespace {

constexpr std::string_view kFirstVersion = ";1";
constexpr char32_t kReplacement = 0xfffd;

// No path can have a slash in a name. Some old programs wrote one.
char without_slash(char c) {
  return c == '/' ? '.' : c;
}

void append_utf8(std::string& text, char32_t c) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  const auto put_rest = [&](int shift) { put(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) return text.push_back(without_slash(static_cast<char>(c)));
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put_rest(6);
  } else {
    put(0xf0 | c >> 18);
    put_rest(12);
    put_rest(6);
  }
  put_rest(0);
}

char32_t unit_at(std::string_view recorded, std::size_t i) {
  const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(recorded[at]); };
  return i + 2 <= recorded.size() ? static_cast<char32_t>(byte(i) << 8 | byte(i + 1)) : 0;
}

constexpr bool is_high(char32_t unit) {
  return (unit & 0xfc00) == 0xd800;
}
constexpr bool is_low(char32_t unit) {
  return (unit & 0xfc00) == 0xdc00;
}

}  // namespace

std::string plain_name(std::string_view recorded) {
  std::string name(recorded.substr(0, recorded.find('\0')));
  if (name.ends_with(kFirstVersion)) {
    name.resize(name.size() - kFirstVersion.size());
    // The standard wants a dot also where nothing follows it.
    if (name.ends_with('.')) name.pop_back();
  }
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    c = c == ';' ? '.' : without_slash(c);
  }
  return name;
}

std::string joliet_name(std::string_view recorded) {
  std::string name;
  for (std::size_t i = 0; i + 2 <= recorded.size(); i += 2) {
    const char32_t unit = unit_at(recorded, i);
    const char32_t next = unit_at(recorded, i + 2);
    if (is_high(unit) && is_low(next)) {
      append_utf8(name, 0x10000 + ((unit & 0x3ff) << 10 | (next & 0x3ff)));
      i += 2;
    } else {
      append_utf8(name, is_high(unit) || is_low(unit) ? kReplacement : unit);
    }
  }
  if (name.size() > kFirstVersion.size() && name.ends_with(kFirstVersion))
    name.resize(name.size() - kFirstVersion.size());
  // Windows has no names that end like this, and neither has Linux on such a medium.
  while (name.size() > 1 && name.ends_with('.')) name.pop_back();
  return name;
}

}  // namespace airlock::iso
