// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>

#include "contained/fat/dos_time.h"

namespace airlock::fat {

// Directories consist of records of this size: slots on FAT, entries on exFAT.
inline constexpr std::uint32_t kRecordSize = 32;

namespace attribute {
inline constexpr std::uint8_t kReadOnly = 0x01;
inline constexpr std::uint8_t kHidden = 0x02;
inline constexpr std::uint8_t kSystem = 0x04;
inline constexpr std::uint8_t kLabel = 0x08;
inline constexpr std::uint8_t kDirectory = 0x10;
inline constexpr std::uint8_t kArchive = 0x20;
inline constexpr std::uint8_t kLongName = 0x0f;
inline constexpr std::uint8_t kLongNameMask = 0x3f;
// The attributes that a user may set.
inline constexpr std::uint8_t kSettable = kReadOnly | kHidden | kSystem | kArchive;
}  // namespace attribute

// The fields of a file on the medium, besides its name: from a slot on FAT, from a set of entries
// on exFAT.
struct FileInfo {
  std::uint16_t attributes = 0;
  ZonedTime made;
  ZonedTime modified;
  ZonedTime read_last;
  std::uint32_t first_cluster = 0;
  bool contiguous = false;       // consecutive clusters without a chain; exFAT only
  std::uint64_t valid_size = 0;  // the rest reads as zeroes; on FAT the same as the size
  std::uint64_t size = 0;

  [[nodiscard]] bool is_directory() const { return (attributes & attribute::kDirectory) != 0; }
};

}  // namespace airlock::fat
