// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/fat/entry_set.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "contained/fat/slot.h"
#include "lib/base/byte_view.h"

namespace airlock::fat {
namespace {

constexpr std::size_t kNoHundredths = 0;
constexpr std::uint8_t kAllocationPossible = 1;
constexpr std::uint8_t kNoFatChain = 2;

constexpr std::size_t kFileEntry = 0;
constexpr std::size_t kStreamEntry = 1;
constexpr std::size_t kFirstName = 2;

}  // namespace

template <std::unsigned_integral T>
T EntrySet::get(std::size_t entry, std::size_t offset) const {
  return load_le<T>(bytes_, entry * kRecordSize + offset).value_or(0);
}

template <std::unsigned_integral T>
void EntrySet::set(std::size_t entry, std::size_t offset, T value) {
  (void)store_le<T>(bytes_, entry * kRecordSize + offset, value);  // callers stay inside the set
}

std::size_t EntrySet::count_of(std::span<const std::byte> first) {
  constexpr std::size_t kSmallest = 3;
  if (load_le<std::uint8_t>(first, 0) != entry_type::kFile) return 0;
  const std::size_t count = std::size_t{1} + load_le<std::uint8_t>(first, 1).value_or(0);
  return count >= kSmallest && count <= kMostInSet ? count : 0;
}

std::uint16_t EntrySet::checksum() const {
  constexpr std::size_t kSumAt = 2;
  std::uint16_t sum = 0;
  for (std::size_t i = 0; i < count_ * kRecordSize; ++i) {
    if (i == kSumAt || i == kSumAt + 1) continue;
    sum = static_cast<std::uint16_t>(std::rotr(sum, 1) + std::to_integer<unsigned>(bytes_[i]));
  }
  return sum;
}

std::size_t EntrySet::name_entries() const {
  return entries_for_name(get<std::uint8_t>(kStreamEntry, 3));
}

bool EntrySet::is_sound() const {
  if (get<std::uint16_t>(kFileEntry, 2) != checksum()) return false;
  if (get<std::uint8_t>(kStreamEntry, 0) != entry_type::kStream) return false;
  const std::size_t behind_name = kFirstName + name_entries();
  if (name_entries() == 0 || behind_name > count_) return false;
  for (std::size_t i = kFirstName; i < count_; ++i) {
    const unsigned type = get<std::uint8_t>(i, 0);
    constexpr unsigned kBenignSecondary =
        entry_type::kInUse | entry_type::kSecondary | entry_type::kBenign;
    const bool fits =
        i < behind_name ? type == entry_type::kName : (type & kBenignSecondary) == kBenignSecondary;
    if (!fits) return false;
  }
  return true;
}

ZonedTime EntrySet::time_at(std::size_t at, std::size_t hundredths, std::size_t zone) const {
  const auto both = get<std::uint32_t>(kFileEntry, at);
  return {.time = {.date = static_cast<std::uint16_t>(both >> 16),
                   .time = static_cast<std::uint16_t>(both),
                   .hundredths = hundredths == kNoHundredths
                                     ? std::uint8_t{0}
                                     : get<std::uint8_t>(kFileEntry, hundredths)},
          .zone = get<std::uint8_t>(kFileEntry, zone)};
}

void EntrySet::set_time(std::size_t at, std::size_t hundredths, std::size_t zone,
                        const ZonedTime& time) {
  set(kFileEntry, at, std::uint32_t{time.time.date} << 16 | time.time.time);
  if (hundredths != kNoHundredths) set(kFileEntry, hundredths, time.time.hundredths);
  set(kFileEntry, zone, time.zone);
}

FileInfo EntrySet::info() const {
  FileInfo info = {.attributes = get<std::uint16_t>(kFileEntry, 4),
                   .made = time_at(8, 20, 22),
                   .modified = time_at(12, 21, 23),
                   .read_last = time_at(16, kNoHundredths, 24),
                   .first_cluster = get<std::uint32_t>(kStreamEntry, 20),
                   .contiguous = (get<std::uint8_t>(kStreamEntry, 1) & kNoFatChain) != 0,
                   .valid_size = get<std::uint64_t>(kStreamEntry, 8),
                   .size = get<std::uint64_t>(kStreamEntry, 24)};
  return info;
}

void EntrySet::set_info(const FileInfo& info) {
  set(kFileEntry, 4, info.attributes);
  set_time(8, 20, 22, info.made);
  set_time(12, 21, 23, info.modified);
  set_time(16, kNoHundredths, 24, info.read_last);
  const bool contiguous = info.contiguous && info.first_cluster != 0;
  set(kStreamEntry, 1,
      static_cast<std::uint8_t>(kAllocationPossible | (contiguous ? kNoFatChain : 0)));
  set(kStreamEntry, 8, info.valid_size);
  set(kStreamEntry, 20, info.first_cluster);
  set(kStreamEntry, 24, info.size);
  set(kFileEntry, 2, checksum());
}

std::u16string EntrySet::name() const {
  std::u16string name;
  const std::size_t length = get<std::uint8_t>(kStreamEntry, 3);
  for (std::size_t i = 0; i < length; ++i)
    name += static_cast<char16_t>(
        get<std::uint16_t>(kFirstName + i / kUnitsPerEntry, 2 + i % kUnitsPerEntry * 2));
  return name;
}

void EntrySet::set_name(std::u16string_view name, const UpcaseTable& table) {
  std::uint16_t hash = 0;
  for (const char16_t unit : table.fold(name)) {
    hash = static_cast<std::uint16_t>(std::rotr(hash, 1) + (unit & 0xff));
    hash = static_cast<std::uint16_t>(std::rotr(hash, 1) + (unit >> 8));
  }
  set(kStreamEntry, 3, static_cast<std::uint8_t>(name.size()));
  set(kStreamEntry, 4, hash);
  for (std::size_t i = 0; i < entries_for_name(name.size()); ++i) {
    std::ranges::fill(entry(kFirstName + i), std::byte{0});
    set(kFirstName + i, 0, entry_type::kName);
  }
  for (std::size_t i = 0; i < name.size(); ++i)
    set(kFirstName + i / kUnitsPerEntry, 2 + i % kUnitsPerEntry * 2,
        static_cast<std::uint16_t>(name[i]));
}

EntrySet EntrySet::make(std::u16string_view name, const UpcaseTable& table) {
  EntrySet made(kFirstName + entries_for_name(name.size()));
  made.set(kFileEntry, 0, entry_type::kFile);
  made.set(kFileEntry, 1, static_cast<std::uint8_t>(made.count_ - 1));
  made.set(kStreamEntry, 0, entry_type::kStream);
  made.set_name(name, table);
  made.set_info({});
  return made;
}

bool EntrySet::rename(std::u16string_view name, const UpcaseTable& table) {
  const std::size_t behind_name = kFirstName + name_entries();
  const std::size_t extra = count_ - behind_name;
  const std::size_t new_behind = kFirstName + entries_for_name(name.size());
  if (new_behind + extra > kMostInSet) return false;
  std::memmove(bytes_.data() + new_behind * kRecordSize, bytes_.data() + behind_name * kRecordSize,
               extra * kRecordSize);
  count_ = new_behind + extra;
  set(kFileEntry, 1, static_cast<std::uint8_t>(count_ - 1));
  set_name(name, table);
  set(kFileEntry, 2, checksum());
  return true;
}

}  // namespace airlock::fat
