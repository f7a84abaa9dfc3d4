// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string_view>

#include "contained/runtime/medium_reader.h"

namespace airlock::iso {

// A record ends in the sector it begins in, whatever the size of a block is.
constexpr std::uint64_t kSector = 2048;

constexpr std::uint64_t next_sector(std::uint64_t position) {
  return position - position % kSector + kSector;
}

// One record of a directory (ECMA-119, 9.1): a name and where its data is.
class DirectoryRecord {
 public:
  static constexpr std::size_t kShortest = 34;

  // EIO if these bytes don't begin with a record that lies within them.
  static Outcome<DirectoryRecord> decode(std::span<const std::byte> bytes,
                                         std::uint32_t block_size);

  [[nodiscard]] std::size_t length() const { return length_; }
  // The first byte of its data on the medium, behind the extended attribute record.
  [[nodiscard]] std::uint64_t start() const { return start_; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] timespec recorded() const { return recorded_; }
  [[nodiscard]] bool is_directory() const { return (flags_ & 0x02) != 0; }
  // Belongs to another file of the same name, such as the resource fork of a Macintosh.
  [[nodiscard]] bool is_associated() const { return (flags_ & 0x04) != 0; }
  // The next record has more of the same file.
  [[nodiscard]] bool continues() const { return (flags_ & 0x80) != 0; }
  [[nodiscard]] bool is_interleaved() const { return is_interleaved_; }

  [[nodiscard]] std::string_view name() const;
  [[nodiscard]] bool is_own() const { return name() == std::string_view("\0", 1); }
  [[nodiscard]] bool is_parent() const { return name() == "\1"; }
  // The bytes of extensions such as Rock Ridge. Lives as long as this record.
  [[nodiscard]] std::span<const std::byte> system_use() const;

 private:
  std::array<std::byte, 256> bytes_;
  std::size_t length_ = 0;
  std::size_t name_length_ = 0;
  std::uint64_t start_ = 0;
  std::uint32_t size_ = 0;
  timespec recorded_ = {};
  std::uint8_t flags_ = 0;
  bool is_interleaved_ = false;
};

// The record at an offset of the medium.
Outcome<DirectoryRecord> read_record(const MediumReader& medium, std::uint32_t block_size,
                                     std::uint64_t offset);

// Part of a medium that holds records: a directory, or where some of it lies.
struct RecordArea {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
};

// The record at a position of the area, or nothing if the sector has no more of them. EIO for one
// that does not end in its sector.
Outcome<std::optional<DirectoryRecord>> record_in(const MediumReader& medium,
                                                  std::uint32_t block_size, RecordArea area,
                                                  std::uint64_t position);

}  // namespace airlock::iso
