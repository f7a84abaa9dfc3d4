// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/upcase_table.h"

#include <bit>
#include <utility>

#include "contained/fat/unicode.h"
#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

constexpr std::size_t kUnits = 0x10000;
constexpr char16_t kSkip = 0xffff;  // the next unit says how many units stay as they are

}  // namespace

UpcaseTable::UpcaseTable() {
  // Made once: the same for every volume.
  static const auto kDefault = [] {
    Units units(kUnits);
    for (std::size_t i = 0; i < kUnits; ++i) units[i] = fat::fold(static_cast<char16_t>(i));
    return std::make_shared<const Units>(std::move(units));
  }();
  units_ = kDefault;
}

std::optional<UpcaseTable> UpcaseTable::parse(std::span<const std::byte> bytes,
                                              std::uint32_t checksum) {
  std::uint32_t sum = 0;
  for (const std::byte byte : bytes) sum = std::rotr(sum, 1) + std::to_integer<std::uint32_t>(byte);
  if (sum != checksum || bytes.empty() || bytes.size() > kMostBytes || bytes.size() % 2 != 0)
    return std::nullopt;
  Units units(kUnits);
  for (std::size_t i = 0; i < kUnits; ++i) units[i] = static_cast<char16_t>(i);
  std::size_t unit = 0;
  for (std::size_t at = 0; at < bytes.size() && unit < kUnits; at += 2) {
    const auto value = static_cast<char16_t>(load_le<std::uint16_t>(bytes, at).value_or(0));
    // At the end of an uncompressed table it is the last unit itself.
    if (value == kSkip && at + 2 < bytes.size()) {
      at += 2;
      unit += load_le<std::uint16_t>(bytes, at).value_or(0);
    } else {
      units[unit++] = value;
    }
  }
  // Whatever the table says, no letter is a path separator or the end of a name.
  for (std::size_t i = 0; i < kUnits; ++i) {
    if (i >= 0x80 && units[i] < 0x20) units[i] = static_cast<char16_t>(i);
  }
  return UpcaseTable(std::move(units));
}

std::u16string UpcaseTable::fold(std::u16string_view name) const {
  std::u16string folded(name);
  for (char16_t& unit : folded) unit = (*units_)[unit];
  return folded;
}

}  // namespace airlock::fat
