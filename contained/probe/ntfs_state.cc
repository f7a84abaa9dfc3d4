// SPDX-License-Identifier: GPL-2.0-or-later
#include <bit>
#include <optional>
#include <vector>

#include "contained/probe/state.h"
#include "lib/base/byte_view.h"

namespace airlock::probe {
namespace {

using Record = std::vector<std::byte>;

constexpr std::size_t kSector = 512;  // the stride of update sequences, whatever the device's is
constexpr std::uint64_t kLargestCluster = std::uint64_t{2} << 20;
constexpr std::uint64_t kLargestRecord = 65536;

struct Layout {
  std::uint64_t record_size = 0;
  std::uint64_t volume_record = 0;  // where record 3, $Volume, lies
};

// Positive: in clusters. Negative: a power of two.
std::optional<std::uint64_t> record_size(std::uint8_t word, std::uint64_t cluster) {
  const int value = std::bit_cast<std::int8_t>(word);
  const std::uint64_t size = value > 0     ? static_cast<std::uint64_t>(value) * cluster
                             : value > -31 ? std::uint64_t{1} << -value
                                           : 0;
  if (size < kSector || size > kLargestRecord || size % kSector != 0) return std::nullopt;
  return size;
}

std::optional<std::uint64_t> cluster_size(std::span<const std::byte> boot) {
  const auto sector = load_le<std::uint16_t>(boot, 0x0b).value_or(0);
  const auto sectors = load_le<std::uint8_t>(boot, 0x0d).value_or(0);
  // Above 128 it is a power of two instead of a count.
  if (sectors > 0x80 && sectors < 0xe0) return std::nullopt;
  const std::uint64_t count =
      sectors <= 0x80 ? std::uint64_t{sectors} : std::uint64_t{1} << (256 - sectors);
  const auto size = checked_multiply<std::uint64_t>(sector, count);
  if (!size || *size < kSector || *size > kLargestCluster) return std::nullopt;
  return size;
}

std::optional<Layout> read_layout(BlockIo& medium) {
  Record boot(kSector);
  if (!medium.read(0, boot)) return std::nullopt;
  const auto cluster = cluster_size(boot);
  if (!cluster) return std::nullopt;
  const auto size = record_size(load_le<std::uint8_t>(boot, 0x40).value_or(0), *cluster);
  const auto start = checked_multiply(load_le<std::uint64_t>(boot, 0x30).value_or(0), *cluster);
  if (!size || !start) return std::nullopt;
  const auto place = checked_add(*start, 3 * *size);
  if (!place) return std::nullopt;
  return Layout{.record_size = *size, .volume_record = *place};
}

// The last two bytes of each sector are kept elsewhere in the record, a check number in their
// place. False: it does not match, the record was torn while it was written.
bool restore_sector_ends(Record& record) {
  const auto table = load_le<std::uint16_t>(record, 4);
  const auto count = load_le<std::uint16_t>(record, 6);
  if (!table || !count || *count != record.size() / kSector + 1) return false;
  const auto check = load_le<std::uint16_t>(record, *table);
  if (!check) return false;
  for (std::size_t sector = 1; sector < *count; ++sector) {
    const std::size_t end = sector * kSector - 2;
    const auto kept = load_le<std::uint16_t>(record, *table + 2 * sector);
    if (!kept || load_le<std::uint16_t>(record, end) != check) return false;
    if (!store_le(std::span(record), end, *kept)) return false;
  }
  return true;
}

std::optional<Record> read_volume_record(BlockIo& medium) {
  constexpr std::uint32_t kMagic = 0x454c4946;  // "FILE"
  const auto layout = read_layout(medium);
  if (!layout) return std::nullopt;
  Record record(layout->record_size);
  if (!medium.read(layout->volume_record, record)) return std::nullopt;
  if (load_le<std::uint32_t>(record, 0) != kMagic || !restore_sector_ends(record))
    return std::nullopt;
  return record;
}

// The flags in the attribute $VOLUME_INFORMATION, which is always resident.
std::optional<std::uint16_t> volume_flags(const Record& record) {
  constexpr std::uint32_t kVolumeInformation = 0x70;
  std::size_t at = load_le<std::uint16_t>(record, 0x14).value_or(0);
  // An attribute has at least 16 bytes, so this ends.
  while (const auto type = load_le<std::uint32_t>(record, at)) {
    const auto length = load_le<std::uint32_t>(record, at + 4);
    const auto resident = load_le<std::uint8_t>(record, at + 8);
    if (!length || !resident || *length < 16 || *length > record.size() - at) return std::nullopt;
    if (*type == kVolumeInformation) {
      const auto value = load_le<std::uint16_t>(record, at + 0x14);
      if (!value || *resident != 0) return std::nullopt;
      return load_le<std::uint16_t>(record, at + *value + 10);
    }
    at += *length;
  }
  return std::nullopt;
}

}  // namespace

MediumState ntfs_state(BlockIo& medium) {
  constexpr unsigned kDirty = 1;
  const auto record = read_volume_record(medium);
  if (!record) return MediumState::kUnknown;
  const auto flags = volume_flags(*record);
  if (!flags) return MediumState::kUnknown;
  return (*flags & kDirty) != 0 ? MediumState::kDirty : MediumState::kClean;
}

}  // namespace airlock::probe
