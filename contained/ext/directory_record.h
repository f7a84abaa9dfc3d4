// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "contained/ext/directory.h"

// The records (directory entries) inside a stretch of bytes: a block without its checksum, or one
// half of inline data. This knows nothing of blocks, indexes and checksums. A record is handed out
// only after it was checked to lie inside the stretch together with its name.
namespace airlock::ext {

inline constexpr std::uint32_t kRecordHeader = 8;
inline constexpr std::uint32_t kSmallestRecord = 12;

// What an entry with a name of this length takes at least.
constexpr std::uint32_t record_size(std::size_t name_length) {
  return (kRecordHeader + static_cast<std::uint32_t>(name_length) + 3) & ~std::uint32_t{3};
}

constexpr bool is_dot_name(std::string_view name) {
  return name == "." || name == "..";
}

struct Record {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;  // with the free space behind the name
  std::uint32_t inode = 0;   // 0: free
  std::uint8_t type = 0;     // as it is in the bytes
  std::string_view name;

  bool used() const { return inode != 0; }
  std::uint32_t free_length() const { return used() ? length - record_size(name.size()) : length; }
};

struct RecordFormat {
  std::uint32_t block_size = 0;  // from 64 KiB on lengths are written differently
  bool file_types = false;
  const NameFolding* folding = nullptr;  // where names are found in any case
};

std::uint32_t decode_record_length(std::uint32_t raw, std::uint32_t block_size);
std::uint16_t encode_record_length(std::uint32_t length, std::uint32_t block_size);

// Walks the records of a stretch from its start: while (cursor.next()) use(cursor.record()).
class RecordCursor {
 public:
  RecordCursor(std::span<const std::byte> bytes, std::uint32_t block_size)
      : bytes_(bytes), block_size_(block_size) {}

  // False at the end, and where the bytes make no sense: broken() tells them apart.
  bool next() {
    const std::size_t offset = position_;
    const std::size_t rest = bytes_.size() - offset;
    if (rest < kSmallestRecord) return stop(rest != 0);
    std::uint64_t header = 0;
    std::memcpy(&header, bytes_.subspan(offset, sizeof header).data(), sizeof header);
    if constexpr (std::endian::native == std::endian::big) header = std::byteswap(header);

    const auto raw_length = static_cast<std::uint32_t>(header >> 32 & 0xffff);
    const std::uint32_t length =
        block_size_ < 65536 ? raw_length : decode_record_length(raw_length, block_size_);
    const std::size_t name_length = header >> 48 & 0xff;
    if (length < kSmallestRecord || length % 4 != 0 || length > rest ||
        record_size(name_length) > length)
      return stop(kBroken);

    record_.offset = static_cast<std::uint32_t>(offset);
    record_.length = length;
    record_.inode = static_cast<std::uint32_t>(header);
    record_.type = static_cast<std::uint8_t>(header >> 56);
    // The one place where bytes become letters; the length was checked above.
    record_.name = {reinterpret_cast<const char*>(bytes_.data() + offset + kRecordHeader),
                    name_length};
    position_ = offset + length;
    return true;
  }

  const Record& record() const { return record_; }
  bool broken() const { return broken_; }

 private:
  static constexpr bool kBroken = true;
  bool stop(bool broken) {
    broken_ = broken;
    return false;
  }

  std::span<const std::byte> bytes_;
  std::uint32_t block_size_;
  std::size_t position_ = 0;
  Record record_;
  bool broken_ = false;
};

enum class SearchResult { kFound, kAbsent, kBroken };

struct RecordSearch {
  SearchResult result = SearchResult::kAbsent;
  Record record;
  std::optional<std::uint32_t> previous;  // offset of the record before it
};

// The record of this name; the name is never empty.
RecordSearch find_record(std::span<const std::byte> bytes, const RecordFormat& format,
                         std::string_view name);

// The first record that has room for an entry of this size.
RecordSearch find_room(std::span<const std::byte> bytes, const RecordFormat& format,
                       std::uint32_t size);

// Writes an entry into a record that find_room gave.
void place_record(std::span<std::byte> bytes, const RecordFormat& format, const Record& room,
                  std::string_view name, Entry entry);

// Gives the space of a found record to the one before it, and wipes its name.
void erase_record(std::span<std::byte> bytes, const RecordFormat& format,
                  const RecordSearch& found);

// Points a found record elsewhere.
void repoint_record(std::span<std::byte> bytes, const RecordFormat& format, const Record& record,
                    Entry entry);

// Makes the whole stretch one free record.
void format_records(std::span<std::byte> bytes, const RecordFormat& format);

// The stretch was old_size long and grew: the last record takes what was added. False if the old
// records make no sense.
[[nodiscard]] bool extend_last_record(std::span<std::byte> bytes, const RecordFormat& format,
                                      std::size_t old_size);

// Writes records densely from the start of a stretch; finish() gives the rest to the last one.
class RecordWriter {
 public:
  RecordWriter(std::span<std::byte> bytes, const RecordFormat& format)
      : bytes_(bytes), format_(format) {}
  // False when it does not fit.
  bool add(std::string_view name, std::uint32_t inode, std::uint8_t type);
  void finish();

 private:
  std::span<std::byte> bytes_;
  RecordFormat format_;
  std::uint32_t end_ = 0;
  std::optional<std::uint32_t> last_;
};

}  // namespace airlock::ext
