// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>
#include <string_view>

#include "contained/fat/file_info.h"
#include "contained/fat/upcase_table.h"

namespace airlock::fat {

inline constexpr std::size_t kMostInSet = 19;
inline constexpr std::size_t kUnitsPerEntry = 15;

// The first byte of an entry.
namespace entry_type {
inline constexpr std::uint8_t kEnd = 0x00;
inline constexpr std::uint8_t kInUse = 0x80;
inline constexpr std::uint8_t kSecondary = 0x40;
inline constexpr std::uint8_t kBenign = 0x20;
inline constexpr std::uint8_t kUnused = 0x05;  // a file that is not there any more
inline constexpr std::uint8_t kBitmap = 0x81;
inline constexpr std::uint8_t kUpcase = 0x82;
inline constexpr std::uint8_t kLabel = 0x83;
inline constexpr std::uint8_t kFile = 0x85;
inline constexpr std::uint8_t kStream = 0xc0;
inline constexpr std::uint8_t kName = 0xc1;
}  // namespace entry_type

// True for what nobody may touch who does not know what it is.
[[nodiscard]] constexpr bool is_unknown_critical_primary(std::uint8_t type) {
  const unsigned flags = entry_type::kInUse | entry_type::kSecondary | entry_type::kBenign;
  return (type & flags) == entry_type::kInUse && type != entry_type::kBitmap &&
         type != entry_type::kUpcase && type != entry_type::kLabel && type != entry_type::kFile;
}

// The entries that are one file, as a copy: a file entry, a stream entry, the name, and perhaps
// others we know nothing of.
class EntrySet {
 public:
  using Entry = std::span<std::byte, kRecordSize>;

  // How many entries a set has whose first one this is; 0 for what cannot be.
  static std::size_t count_of(std::span<const std::byte> first);

  // A new one. The name is at most 255 units long.
  static EntrySet make(std::u16string_view name, const UpcaseTable& table);
  // Room for one that is read.
  explicit EntrySet(std::size_t count) : count_(count) {}

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] Entry entry(std::size_t index) {
    return std::span(bytes_).subspan(index * kRecordSize).first<kRecordSize>();
  }
  // Whether the entries belong together and can be a file; the numbers are not judged.
  [[nodiscard]] bool is_sound() const;

  [[nodiscard]] FileInfo info() const;
  [[nodiscard]] std::u16string name() const;
  // Both keep the checksum right.
  void set_info(const FileInfo& info);
  // The same file under another name, with all that belongs to it. False: it does not fit.
  [[nodiscard]] bool rename(std::u16string_view name, const UpcaseTable& table);

 private:
  template <std::unsigned_integral T>
  [[nodiscard]] T get(std::size_t entry, std::size_t offset) const;
  template <std::unsigned_integral T>
  void set(std::size_t entry, std::size_t offset, T value);
  [[nodiscard]] std::size_t name_entries() const;
  [[nodiscard]] std::uint16_t checksum() const;
  void set_name(std::u16string_view name, const UpcaseTable& table);
  [[nodiscard]] ZonedTime time_at(std::size_t at, std::size_t hundredths, std::size_t zone) const;
  void set_time(std::size_t at, std::size_t hundredths, std::size_t zone, const ZonedTime& time);

  std::array<std::byte, kMostInSet * kRecordSize> bytes_ = {};
  std::size_t count_;
};

[[nodiscard]] constexpr std::size_t entries_for_name(std::size_t units) {
  return (units + kUnitsPerEntry - 1) / kUnitsPerEntry;
}

}  // namespace airlock::fat
