// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/ext/directory_record.h"

#include <algorithm>
#include <cassert>

#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::size_t kLengthAt = 4;
constexpr std::size_t kNameLengthAt = 6;
constexpr std::size_t kTypeAt = 7;

// All offsets here come from records that a cursor checked, so a store that does not fit is a bug.
template <typename T>
void put_field(std::span<std::byte> bytes, std::size_t offset, T value) {
  [[maybe_unused]] const bool stored = store_le<T>(bytes, offset, value);
  assert(stored);
}

void put_length(std::span<std::byte> bytes, const RecordFormat& format, std::uint32_t offset,
                std::uint32_t length) {
  put_field(bytes, offset + kLengthAt, encode_record_length(length, format.block_size));
}

void put_record(std::span<std::byte> bytes, const RecordFormat& format, std::uint32_t offset,
                std::uint32_t length, std::string_view name, Entry entry) {
  const auto record = bytes.subspan(offset, length);
  put_field(record, 0, entry.inode);
  put_length(bytes, format, offset, length);
  put_field(record, kNameLengthAt, static_cast<std::uint8_t>(name.size()));
  put_field(record, kTypeAt, format.file_types ? entry.type : std::uint8_t{0});
  const auto letters = std::as_bytes(std::span(name));
  const auto space = record.subspan(kRecordHeader, record_size(name.size()) - kRecordHeader);
  std::ranges::fill(std::ranges::copy(letters, space.begin()).out, space.end(), std::byte{0});
}

}  // namespace

std::uint32_t decode_record_length(std::uint32_t raw, std::uint32_t block_size) {
  if (block_size < 65536) return raw;
  // A whole block of 64 KiB does not fit into 16 bits; neither value could be a length otherwise.
  if (raw == 65535 || raw == 0) return block_size;
  return (raw & 65532U) | ((raw & 3U) << 16);
}

std::uint16_t encode_record_length(std::uint32_t length, std::uint32_t block_size) {
  if (length < 65536) return static_cast<std::uint16_t>(length);
  if (length == block_size) return block_size == 65536 ? std::uint16_t{65535} : std::uint16_t{0};
  return static_cast<std::uint16_t>((length & 65532U) | (length >> 16 & 3U));
}

RecordSearch find_record(std::span<const std::byte> bytes, const RecordFormat& format,
                         std::string_view name) {
  RecordCursor cursor(bytes, format.block_size);
  std::optional<std::uint32_t> previous;
  if (format.folding != nullptr) {
    while (cursor.next()) {
      const Record& record = cursor.record();
      if (record.used() && format.folding->same(record.name, name))
        return {.result = SearchResult::kFound, .record = record, .previous = previous};
      previous = record.offset;
    }
    return {.result = cursor.broken() ? SearchResult::kBroken : SearchResult::kAbsent};
  }
  const char first = name.front();
  while (cursor.next()) {
    const Record& record = cursor.record();
    if (record.name.size() == name.size() && record.name.front() == first && record.used() &&
        record.name == name)
      return {.result = SearchResult::kFound, .record = record, .previous = previous};
    previous = record.offset;
  }
  return {.result = cursor.broken() ? SearchResult::kBroken : SearchResult::kAbsent};
}

RecordSearch find_room(std::span<const std::byte> bytes, const RecordFormat& format,
                       std::uint32_t size) {
  RecordCursor cursor(bytes, format.block_size);
  while (cursor.next())
    if (cursor.record().free_length() >= size)
      return {.result = SearchResult::kFound, .record = cursor.record()};
  return {.result = cursor.broken() ? SearchResult::kBroken : SearchResult::kAbsent};
}

void place_record(std::span<std::byte> bytes, const RecordFormat& format, const Record& room,
                  std::string_view name, Entry entry) {
  const std::uint32_t kept = room.length - room.free_length();
  if (kept != 0) put_length(bytes, format, room.offset, kept);
  put_record(bytes, format, room.offset + kept, room.length - kept, name, entry);
}

void erase_record(std::span<std::byte> bytes, const RecordFormat& format,
                  const RecordSearch& found) {
  const Record& record = found.record;
  const std::uint32_t offset = record.offset;
  const std::uint32_t length = record.length;
  const std::uint32_t name_space = record_size(record.name.size()) - kRecordHeader;
  std::ranges::fill(bytes.subspan(offset + kRecordHeader, name_space), std::byte{0});
  if (!found.previous) {
    put_field(bytes, offset, std::uint32_t{0});
    put_field(bytes, offset + kNameLengthAt, std::uint16_t{0});
    return;
  }
  std::ranges::fill(bytes.subspan(offset, kRecordHeader), std::byte{0});
  put_length(bytes, format, *found.previous, offset + length - *found.previous);
}

void repoint_record(std::span<std::byte> bytes, const RecordFormat& format, const Record& record,
                    Entry entry) {
  put_field(bytes, record.offset, entry.inode);
  put_field(bytes, record.offset + kTypeAt, format.file_types ? entry.type : std::uint8_t{0});
}

void format_records(std::span<std::byte> bytes, const RecordFormat& format) {
  put_record(bytes, format, 0, static_cast<std::uint32_t>(bytes.size()), {}, {});
}

bool extend_last_record(std::span<std::byte> bytes, const RecordFormat& format,
                        std::size_t old_size) {
  RecordCursor cursor(bytes.first(old_size), format.block_size);
  while (cursor.next()) {
  }
  if (cursor.broken()) return false;
  const std::uint32_t last = cursor.record().offset;
  put_length(bytes, format, last, static_cast<std::uint32_t>(bytes.size()) - last);
  return true;
}

bool RecordWriter::add(std::string_view name, std::uint32_t inode, std::uint8_t type) {
  const std::uint32_t size = record_size(name.size());
  if (bytes_.size() - end_ < size) return false;
  put_record(bytes_, format_, end_, size, name, {.inode = inode, .type = type});
  last_ = end_;
  end_ += size;
  return true;
}

void RecordWriter::finish() {
  const auto whole = static_cast<std::uint32_t>(bytes_.size());
  if (!last_) return format_records(bytes_, format_);
  put_length(bytes_, format_, *last_, whole - *last_);
}

}  // namespace airlock::ext
