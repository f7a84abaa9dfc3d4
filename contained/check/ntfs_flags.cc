// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/ntfs_flags.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "lib/base/byte_view.h"

namespace airlock::check {
namespace {

constexpr std::size_t kSector = 512;
constexpr std::size_t kMostRecord = 4096;
constexpr std::uint32_t kVolumeRecord = 3;
constexpr std::uint32_t kVolumeInformation = 0x70, kEndOfAttributes = 0xffffffff;
constexpr std::uint16_t kDirty = 1;

using Bytes = std::span<std::byte>;

// Both sizes are stored as a number, or from 0x80 on as the power of two it is below zero.
std::uint64_t size_of(std::uint8_t stored, std::uint64_t unit) {
  if (stored < 0x80) return stored * unit;
  const unsigned power = 256U - stored;
  return power < 32 ? std::uint64_t{1} << power : 0;
}

bool read_all(BorrowedFd medium, std::uint64_t offset, Bytes into) {
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()) - into.size())
    return false;
  return ::pread(medium.get(), into.data(), into.size(), static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(into.size());
}

bool begins_with(Bytes bytes, std::size_t at, std::string_view magic) {
  return std::memcmp(bytes.data() + at, magic.data(), magic.size()) == 0;
}

struct RecordPlace {
  std::uint64_t offset = 0;
  std::size_t size = 0;
};

std::optional<RecordPlace> volume_record(Bytes boot) {
  if (!begins_with(boot, 3, "NTFS    ")) return std::nullopt;
  const std::uint64_t sector = load_le<std::uint16_t>(boot, 11).value();
  const auto stored = load_le<std::uint8_t>(boot, 13).value();
  const std::uint64_t cluster = stored < 0x80 ? stored * sector : size_of(stored, 1) * sector;
  const std::uint64_t size = size_of(load_le<std::uint8_t>(boot, 0x40).value(), cluster);
  if (size < kSector || size > kMostRecord || size % kSector != 0) return std::nullopt;
  RecordPlace place = {.offset = 0, .size = static_cast<std::size_t>(size)};
  if (__builtin_mul_overflow(load_le<std::uint64_t>(boot, 0x30).value(), cluster, &place.offset) ||
      __builtin_add_overflow(place.offset, kVolumeRecord * size, &place.offset))
    return std::nullopt;
  return place;
}

// The last two bytes of each sector stand in a list of their own.
bool restore_sector_ends(Bytes record) {
  const std::size_t list = load_le<std::uint16_t>(record, 4).value();
  const std::size_t count = load_le<std::uint16_t>(record, 6).value();
  if (count != record.size() / kSector + 1 || list + count * 2 > record.size()) return false;
  for (std::size_t i = 1; i < count; ++i)
    std::ranges::copy(record.subspan(list + i * 2, 2),
                      record.begin() + static_cast<std::ptrdiff_t>(i * kSector - 2));
  return true;
}

std::optional<std::uint16_t> volume_flags(Bytes record) {
  std::size_t at = load_le<std::uint16_t>(record, 20).value();
  while (true) {
    const auto type = load_le<std::uint32_t>(record, at);
    const auto length = load_le<std::uint32_t>(record, at + 4);
    if (!type || *type == kEndOfAttributes || !length || *length < 8) return std::nullopt;
    if (*type == kVolumeInformation) {
      const auto value = load_le<std::uint16_t>(record, at + 20);
      return value ? load_le<std::uint16_t>(record, at + *value + 10) : std::nullopt;
    }
    if (*length > record.size() - at) return std::nullopt;
    at += *length;
  }
}

}  // namespace

bool ntfs_is_marked_dirty(BorrowedFd medium) {
  std::array<std::byte, kSector> boot{};
  if (!read_all(medium, 0, boot)) return false;
  const auto place = volume_record(boot);
  std::array<std::byte, kMostRecord> room{};
  if (!place || !read_all(medium, place->offset, Bytes(room).first(place->size))) return false;
  const Bytes record = Bytes(room).first(place->size);
  if (!begins_with(record, 0, "FILE") || !restore_sector_ends(record)) return false;
  return (volume_flags(record).value_or(0) & kDirty) != 0;
}

}  // namespace airlock::check
