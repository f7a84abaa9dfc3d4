// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ctl/characters.h"

#include <clocale>
#include <cwchar>

#include <algorithm>
#include <array>

namespace airlock::ctl {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Other characters may be ugly, but do not affect the text around them.
constexpr std::array kDisturbing = {
    Range{0x0000, 0x001f},    // controls, among them escape
    Range{0x007f, 0x009f},    // delete, and the controls of eight-bit terminals
    Range{0x00ad, 0x00ad},    // soft hyphen: invisible
    Range{0x034f, 0x034f},    // invisible joiner
    Range{0x061c, 0x061c},    // Arabic letter mark: direction
    Range{0x115f, 0x1160},    // fillers: invisible
    Range{0x17b4, 0x17b5},    // invisible vowels
    Range{0x180b, 0x180f},    // invisible selectors
    Range{0x200b, 0x200f},    // no width, and direction
    Range{0x2028, 0x202e},    // line ends, and direction
    Range{0x2060, 0x206f},    // invisible operators, and direction
    Range{0x3164, 0x3164},    // filler
    Range{0xd800, 0xdfff},    // no characters
    Range{0xfe00, 0xfe0f},    // invisible selectors
    Range{0xfeff, 0xfeff},    // byte order mark
    Range{0xffa0, 0xffa0},    // filler
    Range{0xfff0, 0xfffb},    // annotations
    Range{0xe000, 0xf8ff},    // private use: depends on the font
    Range{0x1d173, 0x1d17a},  // invisible musical marks
    Range{0xe0000, 0xe0fff},  // tags: invisible
    Range{0xf0000, 0x10ffff}  // private use
};

// The length that the first byte announces; 0 if no character begins with it.
std::size_t announced_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

Character broken(std::string_view text) {
  return {.bytes = text.substr(0, 1), .code = 0xfffd, .valid = false};
}

// wcwidth() uses the current locale, which may know only ASCII.
class WideLocale {
 public:
  WideLocale() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {}
  ~WideLocale() {
    if (locale_ != nullptr) ::freelocale(locale_);
  }
  WideLocale(const WideLocale&) = delete;
  WideLocale& operator=(const WideLocale&) = delete;

  [[nodiscard]] std::size_t columns(char32_t code) const {
    if (locale_ == nullptr) return 1;
    const locale_t before = ::uselocale(locale_);
    const int columns = ::wcwidth(static_cast<wchar_t>(code));
    ::uselocale(before);
    return columns < 0 ? 1 : static_cast<std::size_t>(columns);
  }

 private:
  locale_t locale_;
};

}  // namespace

Character first_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = announced_length(first);
  if (length == 1) return {.bytes = text.substr(0, 1), .code = first, .valid = true};
  if (length == 0 || text.size() < length) return broken(text);
  constexpr std::array<unsigned, 5> kPayload = {0, 0, 0x1f, 0x0f, 0x07};
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  char32_t code = first & kPayload.at(length);
  for (const char byte : text.substr(1, length - 1)) {
    const auto next = static_cast<unsigned char>(byte);
    if ((next & 0xc0U) != 0x80) return broken(text);
    code = (code << 6U) | (next & 0x3fU);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kSmallest.at(length) || code > 0x10ffff || surrogate) return broken(text);
  return {.bytes = text.substr(0, length), .code = code, .valid = true};
}

bool is_harmless(char32_t code) {
  return std::ranges::none_of(kDisturbing, [code](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

std::size_t width(std::string_view text) {
  static const WideLocale kLocale;
  std::size_t columns = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    columns += kLocale.columns(character.code);
    text.remove_prefix(character.bytes.size());
  }
  return columns;
}

}  // namespace airlock::ctl
