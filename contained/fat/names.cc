// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "contained/fat/unicode.h"

namespace airlock::fat {
namespace {

constexpr std::size_t kBase = 8;
constexpr std::size_t kExtension = 3;
constexpr std::uint8_t kLowerBase = 0x08;
constexpr std::uint8_t kLowerExtension = 0x10;
constexpr std::uint8_t kStandsForE5 = 0x05;
constexpr std::u16string_view kNeverInNames = u"\"*/:<>?\\|";
constexpr std::u16string_view kNotInShortNames = u"+,;=[]";

bool is_forbidden(char16_t unit) {
  return unit < 0x20 || unit == 0x7f || kNeverInNames.find(unit) != std::u16string_view::npos;
}

// Windows opens a device regardless of the text after the first dot.
bool is_device_name(std::u16string_view units) {
  const std::u16string base = fold(units.substr(0, units.find(u'.')));
  if (base == u"CON" || base == u"PRN" || base == u"AUX" || base == u"NUL") return true;
  const bool port = base.starts_with(u"COM") || base.starts_with(u"LPT");
  return port && base.size() == 4 && base[3] >= u'1' && base[3] <= u'9';
}

// One half of a name during its conversion to a short name.
struct Half {
  std::array<std::uint8_t, kBase> bytes = {};
  std::size_t length = 0;
  bool lossy = false;  // something was left out or replaced
  bool upper = false;  // has letters in upper case
  bool lower = false;

  void add(char16_t unit, std::size_t room, const CodePage& page) {
    if (unit == u' ' || unit == u'.') {
      lossy = true;
      return;
    }
    if (length == room) {
      lossy = true;
      return;
    }
    const char16_t folded = fold(unit);
    upper = upper || (unit >= u'A' && unit <= u'Z');
    lower = lower || (unit >= u'a' && unit <= u'z');
    auto byte = page.encode(folded);
    if (!byte || kNotInShortNames.find(unit) != std::u16string_view::npos) {
      byte = '_';
      lossy = true;
    }
    bytes[length++] = *byte;
  }
};

Half make_half(std::u16string_view units, std::size_t room, const CodePage& page) {
  Half half;
  for (const char16_t unit : units) half.add(unit, room, page);
  return half;
}

bool is_ascii(std::u16string_view units) {
  return std::ranges::all_of(units, [](char16_t unit) { return unit < 0x80; });
}

void plan_short_name(NewName& name, const CodePage& page) {
  const std::u16string_view units = name.units;
  const std::size_t start = std::min(units.find_first_not_of(u". "), units.size());
  std::size_t dot = units.rfind(u'.');
  if (dot == std::u16string_view::npos || dot < start) dot = units.size();
  const Half base = make_half(units.substr(start, dot - start), kBase, page);
  const Half extension = make_half(units.substr(std::min(dot + 1, units.size())), kExtension, page);
  name.short_name.fill(' ');
  std::copy_n(base.bytes.begin(), base.length, name.short_name.begin());
  std::copy_n(extension.bytes.begin(), extension.length, name.short_name.begin() + kBase);
  if (base.length == 0) name.short_name[0] = '_';
  if (name.short_name[0] == kFreeMark) name.short_name[0] = kStandsForE5;
  name.lossy = base.lossy || extension.lossy || start > 0 || base.length == 0;
  const bool mixed = (base.upper && base.lower) || (extension.upper && extension.lower);
  name.fits = !name.lossy && !mixed && is_ascii(units);
  name.case_bits = static_cast<std::uint8_t>((base.lower ? kLowerBase : 0) |
                                             (extension.lower ? kLowerExtension : 0));
}

// The base, shortened to make room for the tail.
ShortName with_tail(const ShortName& name, std::string_view tail, std::size_t most) {
  ShortName made = name;
  std::size_t length = 0;
  while (length < kBase && name[length] != ' ') ++length;
  std::size_t at = std::min({length, most, kBase - tail.size()});
  for (const char digit : tail) made[at++] = static_cast<std::uint8_t>(digit);
  std::fill(made.begin() + static_cast<std::ptrdiff_t>(at), made.begin() + kBase, ' ');
  return made;
}

std::uint32_t mix(std::u16string_view units) {
  std::uint32_t sum = 2166136261u;
  for (const char16_t unit : units) sum = (sum ^ unit) * 16777619u;
  return sum ^ sum >> 16;
}

}  // namespace

Outcome<std::u16string> check_name(std::string_view name, NameRules rules) {
  auto units = to_utf16(name);
  if (!units || units->empty()) return refuse(EINVAL);
  if (units->size() > kLongestName) return refuse(ENAMETOOLONG);
  if (std::ranges::any_of(*units, is_forbidden)) return refuse(EINVAL);
  // Other systems drop these, and would find another file or none.
  if (units->back() == u'.' || units->back() == u' ') return refuse(EINVAL);
  if (rules == NameRules::kWindows && is_device_name(*units)) return refuse(EINVAL);
  return *std::move(units);
}

Outcome<NewName> plan_name(std::string_view name, const CodePage& page, NameRules rules) {
  NewName planned;
  TRY(planned.units, check_name(name, rules));
  plan_short_name(planned, page);
  return planned;
}

std::u16string show_short_name(const ShortName& name, std::uint8_t case_bits,
                               const CodePage& page) {
  const auto half = [&](std::size_t from, std::size_t count, bool lower) {
    std::u16string text;
    for (std::size_t i = from; i < from + count; ++i) {
      const std::uint8_t byte = i == 0 && name[i] == kStandsForE5 ? kFreeMark : name[i];
      char16_t unit = page.decode(byte);
      if (unit < 0x20 || unit == u'/' || unit == 0x7f) unit = u'_';
      if (lower && unit >= u'A' && unit <= u'Z') unit = static_cast<char16_t>(unit + 32);
      text += unit;
    }
    while (!text.empty() && text.back() == u' ') text.pop_back();
    return text;
  };
  std::u16string shown = half(0, kBase, (case_bits & kLowerBase) != 0);
  const std::u16string extension = half(kBase, kExtension, (case_bits & kLowerExtension) != 0);
  if (!extension.empty()) {
    shown += u'.';
    shown += extension;
  }
  if (shown.empty() || shown == u"." || shown == u"..") return u"_";
  return shown;
}

Outcome<ShortName> unused_short_name(const NewName& name,
                                     const std::function<bool(const ShortName&)>& taken) {
  if (!name.lossy && !taken(name.short_name)) return name.short_name;
  for (unsigned number = 1; number <= 4; ++number) {
    const ShortName tried = with_tail(name.short_name, fmt::format("~{}", number), kBase);
    if (!taken(tried)) return tried;
  }
  constexpr std::uint32_t kMostTries = 0x10000;
  for (std::uint32_t round = 0; round < kMostTries; ++round) {
    const std::uint32_t digits = mix(name.units) + round * 0x9e37u;
    const std::string tail = fmt::format("{:04X}~{}", digits & 0xffff, 1 + round % 9);
    const ShortName tried = with_tail(name.short_name, tail, 2);
    if (!taken(tried)) return tried;
  }
  return refuse(ENOSPC);
}

}  // namespace airlock::fat
