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
inline constexpr std::uint8_t kUnused = 0x05;  // a file that was deleted
inline constexpr std::uint8_t kBitmap = 0x81;
inline constexpr std::uint8_t kUpcase = 0x82;
inline constexpr std::uint8_t kLabel = 0x83;
inline constexpr std::uint8_t kFile = 0x85;
inline constexpr std::uint8_t kStream = 0xc0;
inline constexpr std::uint8_t kName = 0xc1;
}  // namespace entry_type

// True for an entry that must not be touched by software that does not know its type.
[[nodiscard]] constexpr bool is_unknown_critical_primary(std::uint8_t type) {
  const unsigned flags = entry_type::kInUse | entry_type::kSecondary | entry_type::kBenign;
  return (type & flags) == entry_type::kInUse && type != entry_type::kBitmap &&
         type != entry_type::kUpcase && type != entry_type::kLabel && type != entry_type::kFile;
}

// A copy of the entries of one file: a file entry, a stream entry, the name, and perhaps others of
// an unknown type.
class EntrySet {
 public:
  using Entry = std::span<std::byte, kRecordSize>;

  // The number of entries in the set that begins with this one; 0 if it cannot begin one.
  static std::size_t count_of(std::span<const std::byte> first);

  // A new set. The name is at most 255 units long.
  static EntrySet make(std::u16string_view name, const UpcaseTable& table);
  // Room for a set to be read.
  explicit EntrySet(std::size_t count) : count_(count) {}

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] Entry entry(std::size_t index) {
    return std::span(bytes_).subspan(index * kRecordSize).first<kRecordSize>();
  }
  // Whether the entries belong together and can be a file; the numbers are not checked.
  [[nodiscard]] bool is_sound() const;

  [[nodiscard]] FileInfo info() const;
  [[nodiscard]] std::u16string name() const;
  // Both update the checksum.
  void set_info(const FileInfo& info);
  // The same file under another name, with all its other entries. False if the name does not fit.
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
