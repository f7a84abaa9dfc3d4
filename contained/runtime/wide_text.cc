// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/wide_text.h"

#include <cstdint>

#include "lib/base/byte_view.h"

namespace airlock {
namespace {

constexpr char32_t kReplacement = 0xfffd;

constexpr bool is_high(char32_t unit) {
  return (unit & 0xfc00) == 0xd800;
}
constexpr bool is_low(char32_t unit) {
  return (unit & 0xfc00) == 0xdc00;
}

}  // namespace

std::optional<char32_t> WideText::next() {
  const auto unit = take_unit();
  if (!unit || (!is_high(*unit) && !is_low(*unit))) return unit;
  const auto second = load_be<std::uint16_t>(rest_, 0);
  if (is_low(*unit) || !second || !is_low(*second)) return kReplacement;
  take_unit();
  return 0x10000 + ((*unit & 0x3ff) << 10 | (*second & 0x3ff));
}

std::optional<char32_t> WideText::take_unit() {
  const auto unit = load_be<std::uint16_t>(rest_, 0);
  if (unit) rest_ = rest_.subspan(2);
  return unit;
}

void append_as_utf8(std::string& text, char32_t character) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  const auto put_rest = [&](int shift) { put(0x80 | (character >> shift & 0x3f)); };
  if (character < 0x80) return put(character);
  if (character < 0x800) {
    put(0xc0 | character >> 6);
  } else if (character < 0x10000) {
    put(0xe0 | character >> 12);
    put_rest(6);
  } else {
    put(0xf0 | character >> 18);
    put_rest(12);
    put_rest(6);
  }
  put_rest(0);
}

}  // namespace airlock
