// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "contained/fat/file_info.h"
#include "lib/base/byte_view.h"

namespace airlock::fat {

inline constexpr std::uint8_t kFreeMark = 0xe5;
inline constexpr std::uint8_t kEndMark = 0;

// The bytes of a short name on the medium: eight and three, padded with spaces.
using ShortName = std::array<std::uint8_t, 11>;
inline constexpr ShortName kDotName = {'.', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
inline constexpr ShortName kDotDotName = {'.', '.', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};

// One of the 32-byte records of a directory, in the memory of its block. The span has kRecordSize
// bytes, so none of the accesses below can miss.
class Slot {
 public:
  explicit Slot(std::span<std::byte> bytes) : bytes_(bytes.first(kRecordSize)) {}

  [[nodiscard]] std::uint8_t mark() const { return get<std::uint8_t>(0); }
  void set_mark(std::uint8_t mark) const { set<std::uint8_t>(0, mark); }
  [[nodiscard]] bool is_end() const { return mark() == kEndMark; }
  [[nodiscard]] bool is_free() const { return mark() == kFreeMark || is_end(); }
  [[nodiscard]] std::uint8_t attributes() const { return get<std::uint8_t>(11); }
  void set_attributes(std::uint8_t bits) const { set<std::uint8_t>(11, bits); }
  [[nodiscard]] bool is_long_name() const {
    return (attributes() & attribute::kLongNameMask) == attribute::kLongName;
  }
  // A file or directory: not free, not part of a long name, not the label of the volume.
  [[nodiscard]] bool is_file() const {
    return !is_free() && !is_long_name() && (attributes() & attribute::kLabel) == 0;
  }
  [[nodiscard]] bool is_directory() const { return (attributes() & attribute::kDirectory) != 0; }
  [[nodiscard]] bool is_dots() const {
    const ShortName name = short_name();
    return name == kDotName || name == kDotDotName;
  }

  [[nodiscard]] ShortName short_name() const;
  void set_short_name(const ShortName& name) const;
  // The halves of the short name that are shown in lower case.
  [[nodiscard]] std::uint8_t case_bits() const { return get<std::uint8_t>(12); }
  void set_case_bits(std::uint8_t bits) const { set<std::uint8_t>(12, bits); }

  // The upper half is valid on FAT32 only; elsewhere it has other uses.
  [[nodiscard]] std::uint32_t cluster(bool wide) const {
    const std::uint32_t high = wide ? get<std::uint16_t>(20) : 0;
    return high << 16 | get<std::uint16_t>(26);
  }
  void set_cluster(std::uint32_t cluster, bool wide) const {
    if (wide) set<std::uint16_t>(20, static_cast<std::uint16_t>(cluster >> 16));
    set<std::uint16_t>(26, static_cast<std::uint16_t>(cluster));
  }

  // All fields but the name. The upper half of the cluster's number is valid on FAT32 only.
  [[nodiscard]] FileInfo info(bool wide) const;
  void set_info(const FileInfo& info, bool wide) const;

  // Parts of long names.
  [[nodiscard]] std::uint8_t checksum() const { return get<std::uint8_t>(13); }
  [[nodiscard]] char16_t unit(std::size_t index) const;
  void set_long_name(std::uint8_t mark, std::uint8_t checksum, std::u16string_view name,
                     std::size_t part) const;

  void clear() const;
  void copy_from(const Slot& other) const;

 private:
  template <std::unsigned_integral T>
  [[nodiscard]] T get(std::size_t offset) const {
    return load_le<T>(bytes_, offset).value_or(0);
  }
  template <std::unsigned_integral T>
  void set(std::size_t offset, T value) const {
    (void)store_le<T>(bytes_, offset, value);  // every offset is inside the slot
  }

  std::span<std::byte> bytes_;
};

inline constexpr std::size_t kUnitsPerSlot = 13;
inline constexpr std::size_t kMostNameSlots = 20;
inline constexpr std::uint8_t kLastPart = 0x40;
inline constexpr std::size_t kLongestName = 255;  // UTF-16 units

// Ties the parts of a long name to the short name they belong to.
[[nodiscard]] std::uint8_t short_name_checksum(const ShortName& name);

[[nodiscard]] constexpr std::size_t long_name_slots(std::size_t units) {
  return (units + kUnitsPerSlot - 1) / kUnitsPerSlot;
}

}  // namespace airlock::fat
