// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/slot.h"

#include <algorithm>
#include <cstring>

namespace airlock::fat {
namespace {

constexpr std::array<std::uint8_t, kUnitsPerSlot> kUnitAt = {1,  3,  5,  7,  9,  14, 16,
                                                             18, 20, 22, 24, 28, 30};
constexpr char16_t kFill = 0xffff;

}  // namespace

ShortName Slot::short_name() const {
  ShortName name;
  std::memcpy(name.data(), bytes_.data(), name.size());
  return name;
}

void Slot::set_short_name(const ShortName& name) const {
  std::memcpy(bytes_.data(), name.data(), name.size());
}

char16_t Slot::unit(std::size_t index) const {
  return get<std::uint16_t>(kUnitAt[index]);
}

void Slot::set_long_name(std::uint8_t mark, std::uint8_t checksum, std::u16string_view name,
                         std::size_t part) const {
  clear();
  set_mark(mark);
  set_attributes(attribute::kLongName);
  set<std::uint8_t>(13, checksum);
  for (std::size_t i = 0; i < kUnitsPerSlot; ++i) {
    const std::size_t at = part * kUnitsPerSlot + i;
    const char16_t unit = at < name.size() ? name[at] : at == name.size() ? u'\0' : kFill;
    set<std::uint16_t>(kUnitAt[i], unit);
  }
}

void Slot::clear() const {
  std::ranges::fill(bytes_, std::byte{0});
}

void Slot::copy_from(const Slot& other) const {
  std::ranges::copy(other.bytes_, bytes_.begin());
}

std::uint8_t short_name_checksum(const ShortName& name) {
  unsigned sum = 0;
  for (const std::uint8_t byte : name) sum = (((sum & 1) << 7 | sum >> 1) + byte) & 0xff;
  return static_cast<std::uint8_t>(sum);
}

}  // namespace airlock::fat
