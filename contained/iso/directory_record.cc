// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/directory_record.h"

#include <cerrno>

#include "contained/iso/timestamps.h"
#include "lib/base/byte_view.h"

namespace airlock::iso {
namespace {

constexpr std::size_t kAttributeBlocks = 1, kExtent = 2, kDataLength = 10, kRecorded = 18,
                      kFlags = 25, kUnitSize = 26, kGapSize = 27, kNameLength = 32, kName = 33;

}  // namespace

Outcome<DirectoryRecord> DirectoryRecord::decode(std::span<const std::byte> bytes,
                                                 std::uint32_t block_size) {
  if (bytes.size() < kShortest) return refuse(EIO);
  const auto length = std::to_integer<std::size_t>(bytes[0]);
  const auto name_length = std::to_integer<std::size_t>(bytes[kNameLength]);
  if (length < kShortest || length > bytes.size() || name_length == 0 ||
      kName + name_length > length)
    return refuse(EIO);
  DirectoryRecord record;
  std::ranges::copy(bytes.first(length), record.bytes_.begin());
  record.length_ = length;
  record.name_length_ = name_length;
  const std::uint64_t block = std::uint64_t{load_le<std::uint32_t>(bytes, kExtent).value_or(0)} +
                              std::to_integer<std::uint64_t>(bytes[kAttributeBlocks]);
  record.start_ = block * block_size;
  record.size_ = load_le<std::uint32_t>(bytes, kDataLength).value_or(0);
  record.recorded_ = short_time(bytes.subspan(kRecorded)).value_or(timespec{});
  record.flags_ = std::to_integer<std::uint8_t>(bytes[kFlags]);
  record.is_interleaved_ = bytes[kUnitSize] != std::byte{0} || bytes[kGapSize] != std::byte{0};
  return record;
}

std::string_view DirectoryRecord::name() const {
  return {reinterpret_cast<const char*>(bytes_.data()) + kName, name_length_};
}

std::span<const std::byte> DirectoryRecord::system_use() const {
  // A byte fills a name of even length up.
  const std::size_t begin = std::min(length_, kName + name_length_ + (name_length_ % 2 == 0));
  return std::span(bytes_).subspan(begin, length_ - begin);
}

Outcome<DirectoryRecord> read_record(const MediumReader& medium, std::uint32_t block_size,
                                     std::uint64_t offset) {
  std::array<std::byte, 256> bytes;
  TRY_VOID(medium.read(offset, std::span(bytes).first(1)));
  // Not a byte more: the next sector may be unreadable, and belongs to other files.
  const auto record = std::span(bytes).first(std::to_integer<std::size_t>(bytes[0]));
  if (record.size() < DirectoryRecord::kShortest) return refuse(EIO);
  TRY_VOID(medium.read(offset, record));
  return DirectoryRecord::decode(record, block_size);
}

Outcome<std::optional<DirectoryRecord>> record_in(const MediumReader& medium,
                                                  std::uint32_t block_size, RecordArea area,
                                                  std::uint64_t position) {
  if (position >= area.size) return std::nullopt;
  const std::uint64_t left = std::min(next_sector(position), area.size) - position;
  if (left < DirectoryRecord::kShortest) return std::nullopt;
  if (area.begin > medium.size()) return refuse(EIO);
  const std::uint64_t offset = area.begin + position;
  std::array<std::byte, 1> length;
  TRY_VOID(medium.read(offset, length));
  if (length[0] == std::byte{0}) return std::nullopt;
  if (std::to_integer<std::uint64_t>(length[0]) > left) return refuse(EIO);
  return read_record(medium, block_size, offset);
}

}  // namespace airlock::iso
