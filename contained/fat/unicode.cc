// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/unicode.h"

#include <algorithm>
#include <array>

namespace airlock::fat {
namespace {

struct FoldRange {
  char16_t first;
  char16_t last;
  std::uint16_t step;
  std::int32_t difference;
};

constexpr auto kFoldRanges = std::to_array<FoldRange>({
#define AIRLOCK_FOLD(first, last, step, difference) {first, last, step, difference},
#include "contained/fat/name_tables.inc"
#undef AIRLOCK_FOLD
});

struct Sequence {
  std::size_t length;
  char32_t first_bits;
  char32_t smallest;
};

std::optional<Sequence> sequence_of(unsigned char lead) {
  if (lead < 0x80) return Sequence{1, lead, 0};
  if (lead >= 0xc2 && lead < 0xe0) return Sequence{2, lead & 0x1fu, 0x80};
  if (lead >= 0xe0 && lead < 0xf0) return Sequence{3, lead & 0x0fu, 0x800};
  if (lead >= 0xf0 && lead < 0xf5) return Sequence{4, lead & 0x07u, 0x10000};
  return std::nullopt;
}

// Takes one character off the front.
std::optional<char32_t> take_utf8(std::string_view& text) {
  const auto sequence = sequence_of(static_cast<unsigned char>(text.front()));
  if (!sequence || text.size() < sequence->length) return std::nullopt;
  char32_t code = sequence->first_bits;
  for (std::size_t i = 1; i < sequence->length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (next & 0x3f);
  }
  if (code < sequence->smallest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return std::nullopt;
  text.remove_prefix(sequence->length);
  return code;
}

void append_utf8(std::string& text, char32_t code) {
  const auto tail = [&](unsigned shift) {
    text += static_cast<char>(0x80 | (code >> shift & 0x3f));
  };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xe0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xf0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

constexpr bool is_high(char16_t unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
constexpr bool is_low(char16_t unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

}  // namespace

std::optional<std::u16string> to_utf16(std::string_view text) {
  std::u16string units;
  units.reserve(text.size());
  while (!text.empty()) {
    const auto code = take_utf8(text);
    if (!code) return std::nullopt;
    if (*code < 0x10000) {
      units += static_cast<char16_t>(*code);
    } else {
      units += static_cast<char16_t>(0xd800 + ((*code - 0x10000) >> 10));
      units += static_cast<char16_t>(0xdc00 + ((*code - 0x10000) & 0x3ff));
    }
  }
  return units;
}

std::optional<std::string> to_utf8(std::u16string_view units) {
  std::string text;
  text.reserve(units.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    char32_t code = units[i];
    if (is_low(units[i])) return std::nullopt;
    if (is_high(units[i])) {
      if (i + 1 == units.size() || !is_low(units[i + 1])) return std::nullopt;
      code = 0x10000 + ((code - 0xd800) << 10) + (units[++i] - 0xdc00u);
    }
    append_utf8(text, code);
  }
  return text;
}

char16_t fold(char16_t unit) {
  if (unit < 0x80) return unit >= u'a' && unit <= u'z' ? static_cast<char16_t>(unit - 32) : unit;
  const auto* range = std::ranges::lower_bound(kFoldRanges, unit, {}, &FoldRange::last);
  if (range == kFoldRanges.end() || unit < range->first || (unit - range->first) % range->step != 0)
    return unit;
  return static_cast<char16_t>(unit + range->difference);
}

std::u16string fold(std::u16string_view text) {
  std::u16string folded(text);
  for (char16_t& unit : folded) unit = fold(unit);
  return folded;
}

}  // namespace airlock::fat
