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

FileInfo Slot::info(bool wide) const {
  FileInfo info = {.attributes = attributes(), .first_cluster = cluster(wide)};
  info.made.time = {.date = get<std::uint16_t>(16),
                    .time = get<std::uint16_t>(14),
                    .hundredths = get<std::uint8_t>(13)};
  info.modified.time = {.date = get<std::uint16_t>(24), .time = get<std::uint16_t>(22)};
  info.read_last.time = {.date = get<std::uint16_t>(18)};
  if (!is_directory()) info.valid_size = info.size = get<std::uint32_t>(28);
  return info;
}

void Slot::set_info(const FileInfo& info, bool wide) const {
  set_attributes(static_cast<std::uint8_t>(info.attributes));
  set(16, info.made.time.date);
  set(14, info.made.time.time);
  set(13, info.made.time.hundredths);
  set(24, info.modified.time.date);
  set(22, info.modified.time.time);
  set(18, info.read_last.time.date);
  set_cluster(info.first_cluster, wide);
  if (!info.is_directory()) set(28, static_cast<std::uint32_t>(info.size));
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
